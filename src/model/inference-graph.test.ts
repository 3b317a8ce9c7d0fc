import assert from "node:assert/strict";
import { test } from "node:test";
import { buildInferenceGraph } from "./inference-graph.ts";
import { smallConfig } from "./small-model.test.support.ts";

test("behind its attention the last layer computes the selected positions alone", () => {
  const { nodes } = buildInferenceGraph(smallConfig, { weights: "fp32" });
  const leading = (layer: number): (number | string)[] =>
    nodes
      .filter(({ op, scope }) => op === "matmul" && scope.startsWith(`layers.${layer}.`))
      .map(({ inputs }) => inputs[0]!.shape[0]!);
  // q, k, v; o; gate, up, down.
  assert.deepEqual(leading(0), ["B", "B", "B", "B", "B", "B", "B"]);
  assert.deepEqual(leading(1), ["B", "B", "B", "Q", "Q", "Q", "Q"]);
});
