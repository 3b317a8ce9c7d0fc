import type { ModelConfig } from "./config.ts";

/** A model for tests of graphs and files. */
export const smallConfig: ModelConfig = {
  family: "llama",
  vocabSize: 64,
  hiddenSize: 32,
  intermediateSize: 48,
  layers: 2,
  heads: 2,
  kvHeads: 1,
  headDim: 16, // ONNX Runtime's attention kernel wants a multiple of 16
  contextLength: 32,
  ropeTheta: 10_000,
  rmsNormEpsilon: 1e-5,
  tieEmbeddings: true,
  bosId: null,
  eosIds: [3],
  padId: 0,
};
