import assert from "node:assert/strict";
import { test } from "node:test";
import type { ModelConfig } from "./config.ts";
import { buildInferenceGraph } from "./inference-graph.ts";

const config: ModelConfig = {
  family: "llama",
  vocabSize: 64,
  hiddenSize: 32,
  intermediateSize: 48,
  layers: 2,
  heads: 2,
  kvHeads: 1,
  headDim: 16,
  contextLength: 32,
  ropeTheta: 10_000,
  rmsNormEpsilon: 1e-5,
  tieEmbeddings: true,
  bosId: null,
  eosIds: [3],
  padId: 0,
};

test("behind its attention the last layer computes the selected positions alone", () => {
  const { nodes } = buildInferenceGraph(config, { weights: "fp32" });
  const leading = (layer: number): (number | string)[] =>
    nodes
      .filter(({ op, scope }) => op === "matmul" && scope.startsWith(`layers.${layer}.`))
      .map(({ inputs }) => inputs[0]!.shape[0]!);
  // q, k, v; o; gate, up, down.
  assert.deepEqual(leading(0), ["B", "B", "B", "B", "B", "B", "B"]);
  assert.deepEqual(leading(1), ["B", "B", "B", "Q", "Q", "Q", "Q"]);
});
