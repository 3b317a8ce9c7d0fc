import { onnxCpuBackend } from "#limbeck/backend/onnx/backend.js";
import type { NamedTensors } from "#limbeck/backend/session.js";
import { createRandom } from "#limbeck/base/random.js";
import type { Graph } from "#limbeck/graph/graph.js";
import type { ModelConfig } from "#limbeck/model/config.js";
import { initialiseWeights, parameterShapes } from "#limbeck/model/decoder.js";
import { int64 } from "#limbeck/tensor/tensor.js";
import { createArena, fillArena, layOutParameters } from "#limbeck/train/arena.js";
import { countRows, emptyTotals } from "#limbeck/train/batch.js";
import { createGuards } from "#limbeck/train/guards.js";
import type { LossPart } from "#limbeck/train/losses.js";
import { adamWDefaults, createOptimiser } from "#limbeck/train/optimiser.js";
import type { TrainingRow } from "#limbeck/train/rows.js";
import type { BatchShape } from "#limbeck/train/shapes.js";
import { buildStepGraph, type StepGraphOptions } from "#limbeck/train/step-graph.js";
import { createStepRunner } from "#limbeck/train/step-runner.js";

/** Everything that decides one training step, so that another system can do the same one. */
export interface StepSetting {
  readonly config: ModelConfig;
  /** B */
  readonly rows: number;
  /** T; every position has a target. */
  readonly tokens: number;
  readonly seed: number;
  readonly learningRate: number;
  readonly clipNorm: number;
  /** Fresh matrices are multiplied by this: larger ones make attention less even. */
  readonly weightScale: number;
}

/** The step that speed is claimed for: N 4, C 256, H 4, F 704, V 4096, B 8, T 256. */
export const referenceSetting: StepSetting = {
  config: {
    family: "llama",
    vocabSize: 4096,
    hiddenSize: 256,
    intermediateSize: 704,
    layers: 4,
    heads: 4,
    kvHeads: 4,
    headDim: 64,
    contextLength: 256,
    ropeTheta: 10_000,
    rmsNormEpsilon: 1e-5,
    tieEmbeddings: false,
    bosId: null,
    eosIds: [1],
    padId: 0,
  },
  rows: 8,
  tokens: 256,
  seed: 1,
  learningRate: 1e-3,
  clipNorm: 1,
  weightScale: 1,
};

const onlyCrossEntropy: Readonly<Record<LossPart, number>> = {
  ce: 1,
  kl: 0,
  tail: 0,
  early_ce: 0,
  early_prior: 0,
  length: 0,
};

/** Random rows: each token's target is the token that follows it. */
export function makeRows({ config, rows, tokens, seed }: StepSetting): readonly TrainingRow[] {
  const random = createRandom(seed).fork("rows");
  return Array.from({ length: rows }, (_, r) => {
    const ids = Int32Array.from({ length: tokens + 1 }, () => random.integer(config.vocabSize));
    return {
      exampleId: `row ${r}`,
      voice: "direct",
      shouldCall: false,
      ids: ids.slice(0, tokens),
      positions: Int32Array.from({ length: tokens }, (_, t) => t),
      targets: ids.slice(1),
      ceWeight: new Float32Array(tokens).fill(1),
      earlyWeight: new Float32Array(tokens),
      klMask: new Uint8Array(tokens),
      firstTurn: tokens,
    };
  });
}

export function startWeights({ config, seed, weightScale }: StepSetting): NamedTensors {
  const weights = initialiseWeights(config, createRandom(seed).fork("weights"));
  for (const { shape, data } of Object.values(weights)) {
    if (shape.length >= 2) for (let i = 0; i < data.length; i++) data[i] = Number(data[i]) * weightScale;
  }
  return weights;
}

/** Weights and batch of a setting by name, for a peer: parameters as in the graph, `ids` and `targets` int64 [B, T]. */
export function sharedTensors(setting: StepSetting): NamedTensors {
  const rows = makeRows(setting);
  const shape = [setting.rows, setting.tokens];
  return {
    ...startWeights(setting),
    ids: int64(
      shape,
      rows.flatMap((row) => [...row.ids]),
    ),
    targets: int64(
      shape,
      rows.flatMap((row) => [...row.targets]),
    ),
  };
}

function graphOptions({ config, rows, tokens }: StepSetting): StepGraphOptions {
  const shape: BatchShape = { tokens, rows, completions: rows * tokens };
  return {
    config,
    shape,
    parts: ["ce"],
    k: 0,
    temperature: 1,
    divergence: "forward",
    earlyTokens: 0,
    length: { tokens: 0, hinge: 0, slope: 0, cap: 0 },
    isQuantised: false,
    hasGradients: true,
  };
}

/** The graph of the step's forward and backward pass, as training builds it. */
export function stepGraph(setting: StepSetting): Graph {
  return buildStepGraph(graphOptions(setting));
}

export interface StepOutcome {
  readonly loss: number;
  readonly gradientNorm: number;
  readonly stepMs: number;
  /** Gradient norm and AdamW. */
  readonly updateMs: number;
  /** Outside native runs: filling the batch, checks, scalars. */
  readonly overheadMs: number;
}

export interface TrainingStep {
  /** Gradients of the last run, by parameter. */
  readonly gradients: NamedTensors;
  /** One step on the same batch: forward, backward, gradient norm, clipping, AdamW in place. */
  step(): Promise<StepOutcome>;
  close(): void;
}

/** A training of one batch out of the parts of the training loop, in the loop's order. */
export async function openTrainingStep(setting: StepSetting, threads: number): Promise<TrainingStep> {
  const { config, learningRate, clipNorm } = setting;
  const layout = layOutParameters(parameterShapes(config));
  const weights = createArena(layout);
  const gradients = createArena(layout);
  fillArena(weights, startWeights(setting));
  const rows = makeRows(setting);
  const specials = { pad: 0, end: 1, call: 2 };
  const options = { ...graphOptions(setting), specials, priorOn: "all" as const };
  const optimiser = await createOptimiser(onnxCpuBackend, weights, gradients, adamWDefaults, { threads });
  const runner = await createStepRunner(onnxCpuBackend, options, weights, gradients, threads);
  const guards = createGuards({ maxGradientNorm: 1e6, explodingSteps: 3 });
  let done = 0;
  return {
    gradients: gradients.tensors,
    async step() {
      const start = performance.now();
      const totals = emptyTotals();
      countRows(totals, rows, { priorOn: "all" }, null);
      guards.checkBatch(done, totals);
      const { total, parts, runMs } = await runner.run(rows, totals, onlyCrossEntropy, null);
      guards.checkLoss(done, total, { ce: parts[0] as number });
      const updateStart = performance.now();
      const gradientNorm = await optimiser.gradientNorm();
      guards.checkGradient(done, gradientNorm);
      done += 1;
      await optimiser.update(done, learningRate, Math.min(1, clipNorm / gradientNorm));
      const end = performance.now();
      const [stepMs, updateMs] = [end - start, end - updateStart];
      return { loss: total, gradientNorm, stepMs, updateMs, overheadMs: stepMs - runMs - updateMs };
    },
    close() {
      runner.close();
      optimiser.close();
    },
  };
}
