import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { onnxCpuBackend } from "../backend/onnx/backend.ts";
import { referenceBackend } from "../backend/reference/session.ts";
import type { Backend, NamedTensors } from "../backend/session.ts";
import { createRandom } from "../base/random.ts";
import { GraphBuilder } from "../graph/builder.ts";
import type { Graph } from "../graph/graph.ts";
import { int64 } from "../tensor/tensor.ts";
import type { ModelConfig } from "./config.ts";
import {
  buildTrunk,
  declareParameters,
  initialiseWeights,
  isBias,
  isNormWeight,
  projectLogits,
  trainingAttention,
} from "./decoder.ts";
import { buildInferenceGraph } from "./inference-graph.ts";
import { cachedLogits } from "./parity.ts";

const sizes = {
  vocabSize: 37,
  hiddenSize: 32,
  intermediateSize: 48,
  layers: 3,
  heads: 2,
  kvHeads: 1,
  headDim: 16,
  contextLength: 24,
  ropeTheta: 10_000,
  rmsNormEpsilon: 1e-6,
  tieEmbeddings: false,
  bosId: null,
  eosIds: [1],
  padId: 0,
};

/** Every trait and every option of a configuration at least once. */
const configs: Readonly<Record<string, ModelConfig>> = {
  "Llama with biases and stretched rope": {
    ...sizes,
    family: "llama",
    attentionBias: true,
    mlpBias: true,
    ropeScaling: { kind: "llama3", factor: 4, lowTurns: 1, highTurns: 4, originalContext: 12 },
  },
  "Qwen2 with a window in its last layers": {
    ...sizes,
    family: "qwen2",
    sliding: { window: 4, isSliding: [false, true, true], ropeTheta: 10_000 },
  },
  "Qwen3, tied": { ...sizes, family: "qwen3", tieEmbeddings: true },
  "Gemma 3": {
    ...sizes,
    family: "gemma3",
    tieEmbeddings: true,
    ropeTheta: 1_000_000,
    ropeScaling: { kind: "linear", factor: 8 },
    queryScalar: 24,
    sliding: { window: 5, isSliding: [true, false, true], ropeTheta: 10_000 },
  },
};

const ids = Array.from({ length: 16 }, (_, i) => (i * 11 + 5) % sizes.vocabSize);

/** Weights large enough to matter; norms and biases that are not what they start at. */
function randomWeights(config: ModelConfig): NamedTensors {
  const weights = initialiseWeights(config, createRandom(4));
  for (const [name, { data }] of Object.entries(weights)) {
    const random = createRandom(5).fork(name);
    const isVector = isNormWeight(name) || isBias(name);
    for (let i = 0; i < data.length; i++)
      data[i] = isVector ? Number(data[i]) + 0.3 * random.normal() : Number(data[i]) * 12;
  }
  return weights;
}

function trainingGraph(config: ModelConfig): Graph {
  const g = new GraphBuilder("training");
  const input = g.input("ids", "int64", [1, ids.length]);
  const attend = trainingAttention(g, config, 1, ids.length);
  const parameters = declareParameters(g, config);
  g.output("logits", projectLogits(g, config, parameters, buildTrunk(g, config, parameters, input, attend)));
  return g.build();
}

/** Logits [T, V] of all tokens at once. */
async function wholeLogits(
  backend: Backend,
  config: ModelConfig,
  tokens: readonly number[],
): Promise<number[]> {
  const session = await backend.compile(trainingGraph(config));
  const feeds = { ...randomWeights(config), ids: int64([1, tokens.length], tokens) };
  const { logits } = await session.run(feeds).finally(() => session.close());
  return Array.from(logits!.data, Number);
}

/** Logits [T, V]: `prefill` tokens at once, then one a run over the cache. */
async function stepLogits(
  backend: Backend,
  config: ModelConfig,
  tokens: readonly number[],
  prefill: number,
): Promise<number[]> {
  const session = await backend.compile(buildInferenceGraph(config, { weights: "fp32" }));
  const options = { prefill, weights: randomWeights(config) };
  return Array.from(await cachedLogits(config, session, tokens, options).finally(() => session.close()));
}

function assertClose(got: readonly number[], expected: readonly number[], limit: number, what: string): void {
  assert.equal(got.length, expected.length, what);
  let [worst, at] = [0, 0];
  got.forEach((value, i) => {
    const difference = Math.abs(value - expected[i]!);
    if (!(difference <= worst)) [worst, at] = [difference, i];
  });
  assert.ok(worst <= limit, `${what}: largest difference ${worst} at ${at}, limit ${limit}`);
}

describe("a model of each family gives one answer, however it is run", () => {
  for (const [name, config] of Object.entries(configs)) {
    it(name, async () => {
      const expected = await wholeLogits(referenceBackend, config, ids);
      assert.ok(Math.max(...expected.map(Math.abs)) > 1, "logits that a mistake would move");
      // The cache is float32 in memory, whatever the backend computes in.
      assertClose(await stepLogits(referenceBackend, config, ids, 5), expected, 1e-5, "reference, cache");
      assertClose(await wholeLogits(onnxCpuBackend, config, ids), expected, 1e-4, "ONNX, at once");
      for (const prefill of [ids.length, 5, 1])
        assertClose(
          await stepLogits(onnxCpuBackend, config, ids, prefill),
          expected,
          1e-4,
          `ONNX, ${prefill}`,
        );
    });
  }
});

describe("a sliding layer sees its window and nothing else", () => {
  const window = 5;
  const local: ModelConfig = {
    ...configs["Gemma 3"]!,
    layers: 1,
    sliding: { window, isSliding: [true], ropeTheta: 10_000 },
  };
  const changed = [(ids[0]! + 1) % sizes.vocabSize, ...ids.slice(1)];
  const runs = {
    "training graph": (config: ModelConfig, tokens: number[]) => wholeLogits(onnxCpuBackend, config, tokens),
    "cache, prompt at once": (config: ModelConfig, tokens: number[]) =>
      stepLogits(onnxCpuBackend, config, tokens, tokens.length),
    "cache, token by token": (config: ModelConfig, tokens: number[]) =>
      stepLogits(onnxCpuBackend, config, tokens, 1),
  };
  for (const [name, run] of Object.entries(runs)) {
    const movedRows = async (config: ModelConfig): Promise<number[]> => {
      const [before, after] = [await run(config, ids), await run(config, changed)];
      const differs = (row: number): boolean =>
        before
          .slice(row * sizes.vocabSize, (row + 1) * sizes.vocabSize)
          .some((value, i) => value !== after[row * sizes.vocabSize + i]);
      return [...ids.keys()].filter(differs);
    };
    it(`${name}: the first token moves the logits of ${window} tokens, or of all without a window`, async () => {
      assert.deepEqual(await movedRows(local), [0, 1, 2, 3, 4]);
      const { sliding: _sliding, ...full } = local;
      assert.deepEqual(await movedRows(full), [...ids.keys()]);
    });
  }
});
