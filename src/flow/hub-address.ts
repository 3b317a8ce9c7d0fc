/** The hub that models are pulled from. Alone here, so that the command line's help need not load a client. */
export const defaultEndpoint = "https://huggingface.co";
