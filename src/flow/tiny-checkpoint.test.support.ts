import { createRandom } from "../base/random.ts";
import { saveCheckpoint } from "../model/checkpoint.ts";
import type { ModelConfig } from "../model/config.ts";
import { initialiseWeights } from "../model/decoder.ts";
import { loadTokenizer } from "../tokenizer/tokenizer.ts";
import { packagePath } from "./package-files.ts";

/** Saves a checkpoint of random weights with the shipped tokenizer: it knows nothing and is quick. Returns `dir`. */
export function saveTinyCheckpoint(dir: string, seed: number): string {
  const tokenizerDir = packagePath("assets", "tokenizer");
  const tokenizer = loadTokenizer(tokenizerDir);
  const config: ModelConfig = {
    family: "llama",
    vocabSize: tokenizer.vocabSize,
    hiddenSize: 32,
    intermediateSize: 64,
    layers: 1,
    heads: 2,
    kvHeads: 1,
    headDim: 16,
    contextLength: 512,
    ropeTheta: 10_000,
    rmsNormEpsilon: 1e-6,
    tieEmbeddings: true,
    bosId: null,
    eosIds: [tokenizer.eosId],
    padId: tokenizer.padId,
  };
  saveCheckpoint(dir, { config, weights: initialiseWeights(config, createRandom(seed)) }, { tokenizerDir });
  return dir;
}
