import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after, test } from "node:test";
import { LimbeckError } from "../base/errors.ts";
import { createRandom } from "../base/random.ts";
import { readSafetensors, writeSafetensors } from "../tensor/safetensors.ts";
import { float32 } from "../tensor/tensor.ts";
import { loadCheckpoint, saveCheckpoint } from "./checkpoint.ts";
import { type ModelConfig, parseModelConfig, toHuggingFaceConfig } from "./config.ts";
import { initialiseWeights, parameterCount, parameterShapes } from "./decoder.ts";
import { quantiseInt8 } from "./quantise.ts";

const dir = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-model-"));
after(() => fs.rmSync(dir, { recursive: true }));

const config: ModelConfig = {
  family: "llama",
  vocabSize: 48,
  hiddenSize: 32,
  intermediateSize: 24,
  layers: 2,
  heads: 2,
  kvHeads: 1,
  headDim: 16,
  contextLength: 64,
  ropeTheta: 10_000,
  rmsNormEpsilon: 1e-5,
  tieEmbeddings: false,
  bosId: null,
  eosIds: [3],
  padId: 0,
};

const fails = (action: () => unknown, message: RegExp): void => {
  assert.throws(
    action,
    (error) =>
      error instanceof LimbeckError && error.code === "invalid_checkpoint" && message.test(error.message),
  );
};

test("a configuration survives the way through config.json", () => {
  assert.deepEqual(parseModelConfig(toHuggingFaceConfig(config), "config.json"), config);
});

test("a configuration that cannot be built is refused with its field", () => {
  const json = toHuggingFaceConfig(config);
  fails(() => parseModelConfig({ ...json, model_type: "mamba" }, "c.json"), /c\.json: model_type/);
  fails(() => parseModelConfig({ ...json, hidden_size: "16" }, "c.json"), /hidden_size/);
  fails(
    () => parseModelConfig({ ...json, num_key_value_heads: 3 }, "c.json"),
    /multiple of key\/value heads/,
  );
  fails(
    () => parseModelConfig({ ...json, head_dim: 8 }, "c.json"),
    /head width that is a multiple of 16.*got 8/,
  );
});

test("a checkpoint is read back to the same bits, and files hold linear weights as [out, in]", () => {
  const weights = initialiseWeights(config, createRandom(1));
  saveCheckpoint(path.join(dir, "a"), { config, weights });
  const read = loadCheckpoint(path.join(dir, "a"));
  for (const [name, weight] of Object.entries(weights)) {
    assert.deepEqual(read.weights[name]!.shape, weight.shape);
    assert.deepEqual([...read.weights[name]!.data], [...weight.data], name);
  }
  const stored = readSafetensors(path.join(dir, "a", "model.safetensors")).tensors;
  const gate = "model.layers.0.mlp.gate_proj.weight";
  assert.deepEqual(stored[gate]!.shape, [24, 32]);
  assert.equal(stored[gate]!.data[1], weights[gate]!.data[24]);
  assert.equal(
    [...parameterShapes(config).values()].reduce((n, s) => n + s.reduce((m, d) => m * d, 1), 0),
    parameterCount(config),
  );
});

test("a checkpoint of another shape is refused with the tensor, expected and got", () => {
  saveCheckpoint(path.join(dir, "b"), { config, weights: initialiseWeights(config, createRandom(1)) });
  const file = path.join(dir, "b", "model.safetensors");
  const { tensors } = readSafetensors(file);
  writeSafetensors(file, { ...tensors, "model.norm.weight": float32([8], new Array(8).fill(1)) });
  fails(() => loadCheckpoint(path.join(dir, "b")), /"model\.norm\.weight": expected \[32\], got \[8\]/);
  const { "lm_head.weight": _head, ...rest } = tensors;
  writeSafetensors(file, rest);
  fails(() => loadCheckpoint(path.join(dir, "b")), /"lm_head\.weight": expected \[48, 32\], got nothing/);
});

test("weights depend on the seed only, and float16 files are widened", () => {
  const a = initialiseWeights(config, createRandom(3));
  assert.deepEqual(initialiseWeights(config, createRandom(3)), a);
  assert.notDeepEqual(initialiseWeights(config, createRandom(4)), a);
  saveCheckpoint(path.join(dir, "half"), { config, weights: a }, { dtype: "float16" });
  const read = loadCheckpoint(path.join(dir, "half")).weights;
  for (const [name, weight] of Object.entries(a)) {
    let worst = 0;
    for (let i = 0; i < weight.data.length; i++) {
      worst = Math.max(worst, Math.abs(Number(read[name]!.data[i]) - Number(weight.data[i])));
    }
    assert.ok(worst < 1e-4, `${name}: largest difference ${worst}`);
  }
});

test("int8 values are within half a step of the weight, and the largest of a column is ±127", () => {
  const weight = float32([3, 2], [0.5, 0, -1, 0, 0.004, 0]);
  const { values, scale } = quantiseInt8(weight);
  assert.equal(scale.data[0], Math.fround(1 / 127));
  assert.deepEqual([...values.data], [64, 0, -127, 0, 1, 0]);
});
