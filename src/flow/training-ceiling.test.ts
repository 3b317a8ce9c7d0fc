import assert from "node:assert/strict";
import { test } from "node:test";
import { matmulFlops } from "../measure/matmul-ceiling.ts";
import type { ModelConfig } from "../model/config.ts";
import { isLinearWeight, parameterShapes } from "../model/decoder.ts";
import { stepProducts } from "./training-ceiling.ts";

const config: ModelConfig = {
  family: "llama",
  vocabSize: 50,
  hiddenSize: 16,
  intermediateSize: 24,
  layers: 1,
  heads: 2,
  kvHeads: 1,
  headDim: 8,
  contextLength: 32,
  ropeTheta: 10_000,
  rmsNormEpsilon: 1e-6,
  tieEmbeddings: true,
  bosId: null,
  eosIds: [1],
  padId: 0,
};

test("the products are those of every linear weight of a layer and of the head, three times each", () => {
  const [tokens, completions] = [10, 4];
  const linear = [...parameterShapes(config)]
    .filter(([name]) => isLinearWeight(name))
    .reduce((sum, [, [rows, columns]]) => sum + 2 * tokens * rows! * columns!, 0);
  const head = 2 * completions * config.hiddenSize * config.vocabSize;
  assert.equal(matmulFlops(stepProducts(config, { tokens, completions })), 3 * (linear + head));
});
