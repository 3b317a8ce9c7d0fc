import assert from "node:assert/strict";
import { test } from "node:test";
import { onnxCpuBackend } from "../backend/onnx/backend.ts";
import type { NamedTensors } from "../backend/session.ts";
import { createRandom } from "../base/random.ts";
import { GraphBuilder } from "../graph/builder.ts";
import { int64 } from "../tensor/tensor.ts";
import type { ModelConfig } from "./config.ts";
import {
  buildTrunk,
  declareParameters,
  initialiseWeights,
  projectLogits,
  trainingAttention,
} from "./decoder.ts";
import { choiceOf } from "./inference-graph.ts";
import { smallConfig } from "./small-model.test.support.ts";
import { trainingLogits } from "./training-logits.ts";
import { formOf } from "./weight-forms.ts";

const llama: ModelConfig = { ...smallConfig, layers: 3, tieEmbeddings: false };
const configs: readonly ModelConfig[] = [
  llama,
  { ...llama, family: "qwen2", tieEmbeddings: true },
  {
    ...llama,
    family: "gemma3",
    tieEmbeddings: true,
    sliding: { ropeTheta: 10_000, window: 4, isSliding: [true, false, true] },
  },
];
const ids = Array.from({ length: 12 }, (_, i) => (i * 29 + 3) % 64);

/** Logits of the whole model as one graph. */
async function wholeLogits(config: ModelConfig, weights: NamedTensors): Promise<number[]> {
  const g = new GraphBuilder("whole");
  const parameters = declareParameters(g, config);
  const attend = trainingAttention(g, config, 1, ids.length);
  const hidden = buildTrunk(g, config, parameters, g.input("ids", "int64", [1, ids.length]), attend);
  g.output("logits", projectLogits(g, config, parameters, hidden));
  const session = await onnxCpuBackend.compile(g.build(), { threads: 1 });
  const { logits } = await session.run({ ...weights, ids: int64([1, ids.length], ids) });
  session.close();
  return Array.from(logits!.data, Number);
}

function assertClose(got: Float32Array, expected: readonly number[], what: string): void {
  assert.equal(got.length, expected.length);
  expected.forEach((value, i) => {
    assert.ok(Math.abs(value - got[i]!) <= 1e-5, `${what}: ${got[i]} at ${i}, expected ${value}`);
  });
}

for (const config of configs) {
  test(`${config.family}: a layer at a time gives the logits of the whole graph, with both kinds of weights`, async () => {
    const weights = initialiseWeights(config, createRandom(1));
    for (const weight of Object.values(weights))
      for (let i = 0; i < weight.data.length; i++) weight.data[i] = 6 * Number(weight.data[i]);
    const choice = choiceOf({ weights: "int4" });
    const read = (name: string) => ({ ...weights[name]!, data: weights[name]!.data.slice() });
    const { original, held } = await trainingLogits({ config, read }, ids, choice);
    assertClose(original, await wholeLogits(config, weights), "original");
    const restored = Object.entries(weights).map(([name, weight]) => {
      const form = formOf(name, weight.shape, choice);
      return [name, form.restore(form.hold(weight))] as const;
    });
    assertClose(held, await wholeLogits(config, Object.fromEntries(restored)), "held");
    assert.ok(
      held.some((logit, i) => Math.abs(logit - original[i]!) > 0.01),
      "4 bits change the logits",
    );
  });
}
