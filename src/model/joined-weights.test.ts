import assert from "node:assert/strict";
import { test } from "node:test";
import { onnxCpuBackend } from "../backend/onnx/backend.ts";
import type { NamedTensors } from "../backend/session.ts";
import { createRandom } from "../base/random.ts";
import { float32, int64, tensor, zeros } from "../tensor/tensor.ts";
import type { ModelConfig } from "./config.ts";
import { initialiseWeights, parameterShapes } from "./decoder.ts";
import { buildInferenceGraph } from "./inference-graph.ts";
import { joinColumns, joinedWeights, joinWeights } from "./joined-weights.ts";
import { createKvCache } from "./kv-cache.ts";
import { smallConfig } from "./small-model.test.support.ts";

const llama: ModelConfig = { ...smallConfig, heads: 4, kvHeads: 2, contextLength: 16 };
const families: readonly ModelConfig["family"][] = ["llama", "qwen2", "qwen3", "gemma3"];

test("columns stand side by side, in order", () => {
  const joined = joinColumns([
    float32([2, 2], [1, 2, 3, 4]),
    float32([2, 1], [5, 6]),
    float32([2, 1], [7, 8]),
  ]);
  assert.deepEqual(joined, float32([2, 4], [1, 2, 5, 7, 3, 4, 6, 8]));
  assert.deepEqual(joinColumns([float32([2], [1, 2]), float32([1], [3])]), float32([3], [1, 2, 3]));
  const alone = float32([1], [1]);
  assert.equal(joinColumns([alone]), alone, "no copy");
});

test("only q, k and v of a layer are joined, their biases too, and every parameter is there once", () => {
  for (const family of families) {
    const config = { ...llama, family };
    const joined = joinedWeights(config);
    assert.deepEqual(joined.flatMap(({ parts }) => parts).sort(), [...parameterShapes(config).keys()].sort());
    const together = joined.filter(({ parts }) => parts.length > 1);
    const kinds = family === "qwen2" ? ["weight", "bias"] : ["weight"];
    assert.deepEqual(
      together.map(({ name, shape, parts }) => [name, shape, parts.length]),
      [0, 1].flatMap((layer) =>
        kinds.map((kind) => [
          `model.layers.${layer}.self_attn.qkv_proj.${kind}`,
          kind === "weight" ? [32, 128] : [128],
          3,
        ]),
      ),
    );
  }
});

/** Logits [V] after two runs of several tokens and one of one. */
async function logitsOf(config: ModelConfig, weights: NamedTensors, isJoined: boolean): Promise<number[]> {
  const session = await onnxCpuBackend.compile(buildInferenceGraph(config, { weights: "fp32", isJoined }), {
    threads: 1,
  });
  const cache = createKvCache(config);
  const logits = zeros("float32", [1, config.vocabSize]);
  try {
    let seen = 0;
    for (const ids of [[5, 9, 11], [7, 2], [8]]) {
      seen += ids.length;
      const binding = session.bind(
        {
          ...weights,
          ...cache.inputs,
          ids: int64([1, ids.length], ids),
          select: int64([1], [ids.length - 1]),
          last_position: tensor("int32", [1], Int32Array.of(seen - 1)),
          total_length: tensor("int32", [], Int32Array.of(seen)),
        },
        { ...cache.outputs, logits },
      );
      binding.runSync();
      binding.close();
    }
    return Array.from(logits.data, Number);
  } finally {
    session.close();
  }
}

for (const family of families)
  test(`${family}: a graph over joined weights gives the logits of one over the checkpoint's`, async () => {
    const config: ModelConfig = {
      ...llama,
      family,
      ...(family === "gemma3" ? { sliding: { ropeTheta: 1000, window: 4, isSliding: [true, false] } } : {}),
    };
    const weights: NamedTensors = initialiseWeights(config, createRandom(1));
    const random = createRandom(2);
    for (const { data } of Object.values(weights))
      for (let i = 0; i < data.length; i++) data[i] = Number(data[i]) + 0.2 * random.normal();
    const plain = await logitsOf(config, weights, false);
    const joined = await logitsOf(config, joinWeights(config, weights), true);
    const largest = Math.max(...plain.map(Math.abs));
    assert.ok(largest > 1, `${largest}`);
    for (const [i, value] of joined.entries())
      assert.ok(Math.abs(value - plain[i]!) <= 1e-5 * largest, `${value}, ${plain[i]}`);
  });
