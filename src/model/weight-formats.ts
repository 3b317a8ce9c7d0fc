/** How an exported model holds its matrices; all else is float32. */
export const weightFormats = ["fp32", "fp16", "int8", "int8-block", "int8-row", "int4"] as const;
export type WeightFormat = (typeof weightFormats)[number];

/** Elements that share a scale in formats of blocks. */
export const blockSizes = [32, 128] as const;
export type BlockSize = (typeof blockSizes)[number];

/**
 * 128: as good answers as 32 (F1 of the shipped teacher is the same), faster and smaller. At 4 bits and 128 a product of one
 * row adds up in another order than one of several; at 32 it does not. LOG.md has the figures.
 */
export const defaultBlock: BlockSize = 128;

/** Formats of blocks: a block size goes with them. */
export const isInBlocks: { readonly [F in WeightFormat]: boolean } = {
  fp32: false,
  fp16: false,
  int8: false,
  "int8-block": true,
  "int8-row": false,
  int4: true,
};

/** Formats whose products round what they multiply to int8. */
export const roundsActivations: { readonly [F in WeightFormat]: boolean } = {
  ...isInBlocks,
  "int8-row": true,
};
