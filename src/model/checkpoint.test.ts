import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after, test } from "node:test";
import { type ErrorCode, LimbeckError } from "../base/errors.ts";
import { createRandom } from "../base/random.ts";
import { toFloat16 } from "../tensor/half.ts";
import { readSafetensors, writeSafetensors } from "../tensor/safetensors.ts";
import { float32, type Tensor, tensor } from "../tensor/tensor.ts";
import { loadCheckpoint, openCheckpoint, saveCheckpoint } from "./checkpoint.ts";
import type { ModelConfig } from "./config.ts";
import { initialiseWeights, isNormWeight, parameterShapes } from "./decoder.ts";

const dir = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-checkpoint-"));
after(() => fs.rmSync(dir, { recursive: true }));

const config: ModelConfig = {
  family: "llama",
  vocabSize: 40,
  hiddenSize: 32,
  intermediateSize: 24,
  layers: 2,
  heads: 2,
  kvHeads: 1,
  headDim: 16,
  contextLength: 64,
  ropeTheta: 10_000,
  rmsNormEpsilon: 1e-6,
  tieEmbeddings: false,
  bosId: null,
  eosIds: [3],
  padId: 0,
};
const weights = initialiseWeights(config, createRandom(1));
const single = "model.safetensors";
const index = "model.safetensors.index.json";

/** A new folder with the model in one file. */
function folder(name: string): string {
  const at = path.join(dir, name);
  saveCheckpoint(at, { config, weights });
  return at;
}

const tensorsOf = (at: string): Record<string, Tensor> => ({
  ...readSafetensors(path.join(at, single)).tensors,
});

/** Puts the tensors of a folder's one file into two, with an index. */
function shard(at: string): Record<string, string> {
  const tensors = Object.entries(tensorsOf(at));
  fs.rmSync(path.join(at, single));
  const map: Record<string, string> = {};
  for (const part of [0, 1]) {
    const file = `model-0000${part + 1}-of-00002.safetensors`;
    const own = tensors.filter((_, i) => i % 2 === part);
    for (const [name] of own) map[name] = file;
    writeSafetensors(path.join(at, file), Object.fromEntries(own));
  }
  writeIndex(at, map);
  return map;
}

const writeIndex = (at: string, map: unknown): void =>
  fs.writeFileSync(path.join(at, index), JSON.stringify({ metadata: { total_size: 1 }, weight_map: map }));

function refuses(at: string, code: ErrorCode, message: RegExp): void {
  assert.throws(
    () => openCheckpoint(at),
    (error) => error instanceof LimbeckError && error.code === code && message.test(error.message),
    `${message}`,
  );
}

test("shards give the weights of the one file, and a fingerprint of their own that their bytes decide", () => {
  const at = folder("shards");
  const whole = loadCheckpoint(at);
  shard(at);
  const first = loadCheckpoint(at);
  assert.deepEqual(first.weights, whole.weights);
  assert.equal(loadCheckpoint(at).fingerprint, first.fingerprint);
  const file = path.join(at, "model-00002-of-00002.safetensors");
  const bytes = fs.readFileSync(file);
  bytes[bytes.length - 1]! ^= 1;
  fs.writeFileSync(file, bytes);
  assert.notEqual(loadCheckpoint(at).fingerprint, first.fingerprint);
});

test("bfloat16 and float16 files are widened exactly", () => {
  const at = folder("half");
  const source = tensorsOf(at);
  const halves = Object.entries(source).map(([name, { shape, data }], i) => {
    const values = data as Float32Array;
    const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
    return i % 2 === 0
      ? ([
          name,
          tensor(
            "bfloat16",
            shape,
            Uint16Array.from(words, (word) => word >>> 16),
          ),
        ] as const)
      : ([name, tensor("float16", shape, toFloat16(values))] as const);
  });
  writeSafetensors(path.join(at, single), Object.fromEntries(halves));
  const read = loadCheckpoint(at).weights;
  for (const [name, weight] of Object.entries(weights)) {
    let worst = 0;
    weight.data.forEach((value, i) => {
      worst = Math.max(
        worst,
        Math.abs(Number(value) - Number(read[name]!.data[i])) / (Math.abs(Number(value)) + 1e-4),
      );
    });
    // bfloat16 keeps 8 bits, cut off here.
    assert.ok(worst < 2 ** -7, `${name}: largest relative difference ${worst}`);
    assert.ok(isNormWeight(name) || worst > 0, `${name}: rounded`);
  }
});

test("a tensor larger than one piece is read as it was written, transposed or not", () => {
  const large: ModelConfig = { ...config, vocabSize: 70_001, layers: 1, tieEmbeddings: false };
  const values = initialiseWeights(large, createRandom(2));
  const at = path.join(dir, "large");
  saveCheckpoint(at, { config: large, weights: values });
  const { read } = openCheckpoint(at);
  for (const name of ["model.embed_tokens.weight", "lm_head.weight"]) {
    assert.ok(values[name]!.data.length > 1 << 21, "larger than a piece");
    assert.deepEqual(read(name).data, values[name]!.data, name);
  }
});

test("each read gives memory of its own", () => {
  const { read, names } = openCheckpoint(folder("own"));
  assert.deepEqual(names, [...parameterShapes(config).keys()]);
  const first = read("model.norm.weight");
  first.data[0] = 9;
  assert.equal(read("model.norm.weight").data[0], 1);
});

test("Gemma's norms are the files' plus one, there and back", () => {
  const gemma: ModelConfig = { ...config, family: "gemma3" };
  const at = path.join(dir, "gemma");
  const own = initialiseWeights(gemma, createRandom(3));
  own["model.layers.0.self_attn.q_norm.weight"]!.data[2] = 1.5;
  saveCheckpoint(at, { config: gemma, weights: own });
  const stored = tensorsOf(at)["model.layers.0.self_attn.q_norm.weight"]!;
  assert.deepEqual([...stored.data.slice(0, 4)], [0, 0, 0.5, 0]);
  assert.equal(own["model.layers.0.self_attn.q_norm.weight"]!.data[2], 1.5, "the caller's weights stay");
  assert.deepEqual(loadCheckpoint(at).weights, own);
});

test("ends of a text are those of both configurations, each once", () => {
  const at = folder("ends");
  fs.writeFileSync(path.join(at, "generation_config.json"), JSON.stringify({ eos_token_id: [7, 3] }));
  assert.deepEqual(openCheckpoint(at).config.eosIds, [3, 7]);
  fs.writeFileSync(path.join(at, "generation_config.json"), JSON.stringify({ eos_token_id: "</s>" }));
  refuses(at, "invalid_checkpoint", /generation_config\.json: eos_token_id: /);
});

test("weights that are missing, misshapen, of no float dtype or too many are named", () => {
  const at = folder("weights");
  const tensors = tensorsOf(at);
  const withTensors = (changed: Record<string, Tensor>): string => {
    writeSafetensors(path.join(at, single), changed);
    return at;
  };
  const norm = "model.layers.1.input_layernorm.weight";
  const { [norm]: _norm, ...rest } = tensors;
  refuses(
    withTensors(rest),
    "invalid_checkpoint",
    /model\.safetensors: tensor "model\.layers\.1\.input_l.*got nothing/,
  );
  refuses(
    withTensors({ ...tensors, [norm]: float32([31], new Array(31).fill(0)) }),
    "invalid_checkpoint",
    /expected \[32\], got \[31\]/,
  );
  refuses(
    withTensors({ ...tensors, [norm]: tensor("int8", [32], new Int8Array(32)) }),
    "invalid_checkpoint",
    /expected float32, float16, bfloat16, got int8/,
  );
  const bias = { "model.layers.0.self_attn.q_proj.bias": float32([32], new Array(32).fill(0)) };
  refuses(
    withTensors({ ...tensors, ...bias }),
    "invalid_checkpoint",
    /"model\.layers\.0\.self_attn\.q_proj\.bias": expected none of this name in a llama model/,
  );
  const spare = { "model.layers.0.self_attn.rotary_emb.inv_freq": float32([8], new Array(8).fill(0)) };
  assert.equal(
    openCheckpoint(withTensors({ ...tensors, ...spare })).names.length,
    Object.keys(weights).length,
  );
});

test("a weight that is not finite is named with its place in the file", () => {
  const at = folder("not finite");
  const own = tensorsOf(at);
  const [matrix, norm] = ["model.layers.1.mlp.down_proj.weight", "model.norm.weight"];
  for (const [name, element, value, place] of [
    [matrix, 3 * own[matrix]!.shape[1]! + 7, Number.NaN, "NaN at [3, 7]"],
    ["model.embed_tokens.weight", 0, Number.POSITIVE_INFINITY, "Infinity at [0, 0]"],
    [norm, 31, Number.NEGATIVE_INFINITY, "-Infinity at [31]"],
  ] as const) {
    const data = (own[name]!.data as Float32Array).slice();
    data[element] = value;
    writeSafetensors(path.join(at, single), { ...own, [name]: { ...own[name]!, data } });
    assert.throws(
      () => loadCheckpoint(at),
      (error) =>
        error instanceof LimbeckError &&
        error.code === "invalid_checkpoint" &&
        error.message.endsWith(`model.safetensors: tensor "${name}": expected finite numbers, got ${place}`),
    );
  }
});

test("a damaged index or shard is named", () => {
  const at = folder("damaged");
  const map = shard(at);
  const [name, file] = Object.entries(map)[0]!;
  writeIndex(at, { ...map, [name]: "model-00009-of-00002.safetensors" });
  refuses(
    at,
    "invalid_checkpoint",
    new RegExp(`index\\.json: weight_map\\.${name}: expected the shard model-00009`),
  );
  writeIndex(at, { ...map, [name]: "../elsewhere.safetensors" });
  refuses(at, "invalid_checkpoint", /index\.json: weight_map\..*expected a file name/);
  writeIndex(at, { ...map, "model.more": file });
  refuses(
    at,
    "invalid_checkpoint",
    new RegExp(`${file}: tensor "model\\.more": expected it where .*got nothing`),
  );
  fs.writeFileSync(path.join(at, index), "{}");
  refuses(at, "invalid_checkpoint", /index\.json: weight_map: /);
  fs.writeFileSync(path.join(at, index), "{nope");
  refuses(at, "invalid_json", /index\.json/);
  writeIndex(at, map);
  fs.truncateSync(path.join(at, file), fs.statSync(path.join(at, file)).size - 1);
  refuses(at, "invalid_safetensors", new RegExp(`${file}: tensor ".*truncated`));
});

test("a folder without weights or configuration is named", () => {
  const at = folder("empty");
  fs.rmSync(path.join(at, single));
  refuses(
    at,
    "file_not_found",
    /empty: expected model\.safetensors or model\.safetensors\.index\.json, got neither/,
  );
  refuses(path.join(dir, "nowhere"), "file_not_found", /config\.json/);
});
