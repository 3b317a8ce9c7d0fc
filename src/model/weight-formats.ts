/** How an exported model holds its matrices; all else is float32. */
export const weightFormats = ["fp32", "fp16", "int8", "int8-block", "int4"] as const;
export type WeightFormat = (typeof weightFormats)[number];

/** Elements that share a scale in formats of blocks. */
export const blockSizes = [32, 128] as const;
export type BlockSize = (typeof blockSizes)[number];

export const defaultBlock: BlockSize = 32;

/** Formats of blocks: their products may round activations, and a block size goes with them. */
export const isInBlocks: { readonly [F in WeightFormat]: boolean } = {
  fp32: false,
  fp16: false,
  int8: false,
  "int8-block": true,
  int4: true,
};
