import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import type { NamedTensors } from "../backend/session.ts";
import { createRandom } from "../base/random.ts";
import { packagePath } from "../flow/package-files.ts";
import { exportArtefact } from "../model/artefact.ts";
import { saveCheckpoint } from "../model/checkpoint.ts";
import type { ModelConfig } from "../model/config.ts";
import { initialiseWeights } from "../model/decoder.ts";
import { isInBlocks, type WeightFormat } from "../model/weight-formats.ts";

/** A model of random weights for tests of the runtime; small enough for the reference backend. */
export const tinyConfig: ModelConfig = {
  family: "llama",
  vocabSize: 64,
  hiddenSize: 32,
  intermediateSize: 24,
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

/** Weights large enough that every token matters: fresh ones give nearly equal logits. */
export function tinyWeights(config: ModelConfig = tinyConfig): NamedTensors {
  const weights = initialiseWeights(config, createRandom(5));
  for (const { shape, data } of Object.values(weights)) {
    if (shape.length === 2) for (let i = 0; i < data.length; i++) data[i] = 12 * Number(data[i]);
  }
  return weights;
}

export interface TinyArtefact {
  readonly dir: string;
  readonly remove: () => void;
}

/** Exports a random model with the shipped tokenizer to a temporary folder. */
export async function exportTinyArtefact(
  format: WeightFormat = "fp32",
  config: Partial<ModelConfig> = {},
): Promise<TinyArtefact> {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-runtime-"));
  const whole: ModelConfig = {
    ...tinyConfig,
    vocabSize: 2048,
    contextLength: 1024,
    eosIds: [1],
    ...config,
  };
  const checkpoint = path.join(root, "checkpoint");
  saveCheckpoint(
    checkpoint,
    { config: whole, weights: tinyWeights(whole) },
    { tokenizerDir: packagePath("assets", "tokenizer") },
  );
  const dir = path.join(root, "artefact");
  // Products in blocks of 32 give a row the same bits alone and in company.
  const block = isInBlocks[format] ? { block: 32 as const } : {};
  await exportArtefact(checkpoint, dir, {
    format,
    ...block,
    shapes: [64, 128].filter((shape) => shape <= whole.contextLength),
  });
  return { dir, remove: () => fs.rmSync(root, { recursive: true, force: true }) };
}
