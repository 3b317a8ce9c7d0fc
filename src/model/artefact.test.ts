import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after, before, test } from "node:test";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { LimbeckError } from "../base/errors.ts";
import { sha256 } from "../base/files.ts";
import { createRandom } from "../base/random.ts";
import { ModelProtoSchema } from "../lower/onnx/onnx_pb.ts";
import { exportArtefact, openArtefactSession, readManifest, verifyArtefact } from "./artefact.ts";
import { saveCheckpoint } from "./checkpoint.ts";
import type { ModelConfig } from "./config.ts";
import { initialiseWeights } from "./decoder.ts";
import { saveSmallTokenizer, smallConfig, smallTokenizer } from "./small-model.test.support.ts";
import { blockSizes, defaultBlock, isInBlocks, roundsActivations, weightFormats } from "./weight-formats.ts";

const dir = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-artefact-"));
after(() => fs.rmSync(dir, { recursive: true }));
const checkpoint = path.join(dir, "checkpoint");

const config: ModelConfig = { ...smallConfig, contextLength: 96 };

const isInvalid = (message: RegExp) => (error: unknown) =>
  error instanceof LimbeckError && error.code === "invalid_artefact" && message.test(error.message);

before(() => {
  const weights = initialiseWeights(config, createRandom(1));
  // Larger weights than at the start of training: the logits must be of a size at which errors show.
  for (const weight of Object.values(weights)) {
    if (weight.shape.length === 2)
      for (let i = 0; i < weight.data.length; i++) weight.data[i] = 12 * Number(weight.data[i]);
  }
  saveCheckpoint(checkpoint, { config, weights });
  saveSmallTokenizer(checkpoint);
});

const held = weightFormats.flatMap((format) => {
  const sizes = isInBlocks[format] ? blockSizes : [undefined];
  return sizes.map((block) => ({ format, block, name: block ? `${format}, blocks of ${block}` : format }));
});

for (const { format, block, name } of held) {
  test(`${name}: prefill and decode of the written file equal the training graph`, async () => {
    const out = path.join(dir, name);
    const options = { format, shapes: [64], ...(block ? { block } : {}) };
    const manifest = await exportArtefact(checkpoint, out, options);
    const { parity, weight_errors } = manifest;
    const compared = [parity, ...(parity.float_activations ? [parity.float_activations] : [])];
    assert.equal(compared.length, roundsActivations[format] ? 2 : 1);
    for (const { max_abs_logit_error: error, limit } of compared) {
      assert.ok(error <= limit);
      assert.ok(error > 0, "two different programs agree to the last bit: is one of them run?");
    }
    assert.equal(manifest.block, block ?? null);
    assert.equal(weight_errors.length > 0, format !== "fp32");
    assert.equal(parity.quantisation !== null, format !== "fp32");
    assert.deepEqual(readManifest(out), manifest);
    assert.deepEqual(
      fs.readdirSync(out).sort(),
      ["manifest.json", "model.onnx", "tokenizer.json", "tokenizer_config.json"],
      "the exact twin is gone",
    );
    const { session } = await openArtefactSession(out);
    assert.ok(session.inputs.some((input) => input.name === "past_key.1"));
    session.close();
  });
}

for (const format of ["fp16", "int4"] as const) {
  test(`${format}: a large model is compared in pieces, and its manifest says so`, async () => {
    const out = path.join(dir, `${format} in pieces`);
    const manifest = await exportArtefact(checkpoint, out, { format, largestWholeBytes: 0 });
    const whole = readManifest(
      path.join(dir, format === "int4" ? `int4, blocks of ${defaultBlock}` : format),
    );
    assert.equal(manifest.parity.method, "pieces");
    assert.equal(manifest.parity.pieces!.length, config.layers + 2);
    assert.equal(whole.parity.method, "whole_file");
    assert.equal(manifest.fingerprints.model, whole.fingerprints.model, "the proof changes no byte");
    assert.deepEqual(readManifest(out), manifest);
    assert.equal(fs.readdirSync(out).length, 4, "the pieces are gone");
  });
}

test("a manifest of before, which says nothing of pieces, speaks of a whole file", async () => {
  const out = path.join(dir, "before");
  const manifest = await exportArtefact(checkpoint, out, { format: "fp32" });
  const { method, pieces, ...parity } = manifest.parity;
  assert.deepEqual([method, pieces], ["whole_file", null]);
  fs.writeFileSync(path.join(out, "manifest.json"), JSON.stringify({ ...manifest, parity }));
  assert.deepEqual(readManifest(out), manifest);
});

test("opening checks how tensors lie, also where the fingerprints fit", async () => {
  const out = path.join(dir, "layout");
  const manifest = await exportArtefact(checkpoint, out, { format: "fp32" });
  const file = path.join(out, "model.onnx");
  const model = fromBinary(ModelProtoSchema, fs.readFileSync(file));
  const value = model.graph!.input.find(({ name }) => name === "past_key.0")!.type!.value.value!;
  value.shape!.dim.reverse();
  fs.writeFileSync(file, toBinary(ModelProtoSchema, model));
  const fingerprints = { ...manifest.fingerprints, model: sha256(fs.readFileSync(file)) };
  fs.writeFileSync(path.join(out, "manifest.json"), JSON.stringify({ ...manifest, fingerprints }));
  await assert.rejects(openArtefactSession(out), isInvalid(/past_key\.0.*expected float32/));
});

test("kernels that round activations are what ships in blocks, and what is lost falls with the bits", () => {
  const manifest = (name: string) => readManifest(path.join(dir, name));
  const [int4, int8] = [manifest("int4, blocks of 32"), manifest("int8-block, blocks of 32")];
  for (const { parity } of [int4, int8])
    assert.ok(parity.max_abs_logit_error > 100 * parity.float_activations!.max_abs_logit_error);
  const divergence = ({ parity }: typeof int4): number => parity.quantisation!.mean_kl_divergence;
  assert.ok(divergence(int4) > 4 * divergence(int8), `${divergence(int4)}, ${divergence(int8)}`);
  assert.ok(divergence(manifest("fp16")) < divergence(int8));
});

test("a block size goes with formats of blocks only", async () => {
  await assert.rejects(
    exportArtefact(checkpoint, path.join(dir, "block"), { format: "int8", block: 32 }),
    (error) => error instanceof LimbeckError && error.code === "invalid_request",
  );
});

test("an export that fails at its weights leaves the earlier artefact whole", async () => {
  const [out, broken] = [path.join(dir, "outlives"), path.join(dir, "broken")];
  const manifest = await exportArtefact(checkpoint, out, { format: "fp32" });
  fs.cpSync(checkpoint, broken, { recursive: true });
  const file = path.join(broken, "model.safetensors");
  const bytes = fs.readFileSync(file);
  bytes.writeFloatLE(Number.NaN, bytes.length - 4);
  fs.writeFileSync(file, bytes);
  await assert.rejects(exportArtefact(broken, out, { format: "fp32" }), /finite|NaN/);
  assert.deepEqual(verifyArtefact(out).manifest, manifest);
  assert.equal(fs.readdirSync(out).length, 4);
});

test("an export that is stopped changes nothing", async () => {
  const [out, none] = [path.join(dir, "stopped"), path.join(dir, "never")];
  const manifest = await exportArtefact(checkpoint, out, { format: "fp32" });
  const early = AbortSignal.abort();
  await assert.rejects(exportArtefact(checkpoint, none, { format: "int8", signal: early }), {
    code: "cancelled",
  });
  assert.equal(fs.existsSync(none), false);
  const late = new AbortController();
  const stopped = exportArtefact(checkpoint, out, {
    format: "int4",
    largestWholeBytes: 0,
    signal: late.signal,
  });
  setImmediate(() => late.abort());
  await assert.rejects(stopped, { code: "cancelled" });
  assert.deepEqual(verifyArtefact(out).manifest, manifest);
  assert.equal(fs.readdirSync(out).length, 4);
});

test("shapes are prompt lengths within the context, and an earlier artefact outlives others", async () => {
  const out = path.join(dir, "shapes");
  const whole = { format: "fp32", shapes: [1, config.contextLength] } as const;
  const manifest = await exportArtefact(checkpoint, out, whole);
  assert.deepEqual(manifest.shapes, whole.shapes);
  for (const [shapes, got] of [
    [[64, 97], "97"],
    [[0], "0"],
    [[-1], "-1"],
    [[1.5], "1.5"],
    [[Number.NaN], "NaN"],
    [[], "none"],
  ] as const) {
    await assert.rejects(
      exportArtefact(checkpoint, out, { format: "fp32", shapes }),
      (error) =>
        error instanceof LimbeckError &&
        error.code === "invalid_request" &&
        error.message ===
          `export: shapes: expected prompt lengths from 1 to 96, the model's context, got ${got}`,
    );
  }
  assert.deepEqual(verifyArtefact(out).manifest, manifest);
});

test("int8 is smaller than fp32, and both name the same weights", () => {
  const [int8, fp32] = [readManifest(path.join(dir, "int8")), readManifest(path.join(dir, "fp32"))];
  assert.ok(int8.bytes < fp32.bytes);
  assert.equal(int8.fingerprints.weights, fp32.fingerprints.weights);
  assert.notEqual(int8.fingerprints.model, fp32.fingerprints.model);
});

test("a weight of which the format leaves too little is refused, by name", async () => {
  const spoiled = path.join(dir, "spoiled");
  const wide = { ...config, intermediateSize: 128 };
  const weights = initialiseWeights(wide, createRandom(1));
  // One huge element in every block of 128: four bits leave nothing of the others, eight do.
  const { data } = weights["model.layers.1.mlp.down_proj.weight"]!; // [128, 32]
  for (let i = 0; i < data.length; i++) data[i] = i < 32 ? 1 : 0.06;
  saveCheckpoint(spoiled, { config: wide, weights });
  saveSmallTokenizer(spoiled);
  const out = path.join(dir, "spoiled-out");
  const refused = exportArtefact(spoiled, out, { format: "int4", block: 128 });
  await assert.rejects(refused, isInvalid(/down_proj\.weight.*relative error of at most 0\.5, got 0\./));
  assert.ok(!fs.existsSync(path.join(out, "manifest.json")));
  await exportArtefact(spoiled, out, { format: "int8-block", block: 128 });
});

for (const format of weightFormats) {
  test(`${format}: a weight that is not finite is named, not the logits that it spoils`, async () => {
    const broken = path.join(dir, `not finite, ${format}`);
    const weights = initialiseWeights(config, createRandom(1));
    weights["model.layers.1.mlp.down_proj.weight"]!.data[5] = Number.NaN; // [48, 32], [32, 48] in the file
    saveCheckpoint(broken, { config, weights });
    saveSmallTokenizer(broken);
    await assert.rejects(
      exportArtefact(broken, `${broken}-out`, { format }),
      (error) =>
        error instanceof LimbeckError &&
        error.code === "invalid_checkpoint" &&
        /tensor "model\.layers\.1\.mlp\.down_proj\.weight".*got NaN at \[5, 0\]/.test(error.message),
    );
  });
}

test("a changed file or manifest is refused, naming it", async () => {
  const out = path.join(dir, "changed");
  await exportArtefact(checkpoint, out, { format: "fp32" });
  fs.appendFileSync(path.join(out, "tokenizer.json"), " ");
  assert.throws(() => verifyArtefact(out), isInvalid(/fingerprint of tokenizer/));
  fs.writeFileSync(path.join(out, "manifest.json"), "{}");
  assert.throws(() => readManifest(out), isInvalid(/manifest\.json: schema_version/));
  fs.writeFileSync(path.join(out, "manifest.json"), '{"schema_version": 2}');
  assert.throws(() => readManifest(out), isInvalid(/expected schema_version 3, got 2: another version/));
});

test("an export that cannot be written says so and leaves no manifest", async () => {
  const blocked = path.join(dir, "plain-file");
  fs.writeFileSync(blocked, "");
  await assert.rejects(
    exportArtefact(checkpoint, path.join(blocked, "out"), { format: "fp32" }),
    (error) => error instanceof LimbeckError && error.code === "not_writable",
  );
});

test("a template in a file of its own goes along, counts in the fingerprint, and leaves with the next export", async () => {
  const out = path.join(dir, "template");
  const source = path.join(dir, "with template");
  fs.cpSync(checkpoint, source, { recursive: true });
  fs.writeFileSync(path.join(source, "chat_template.jinja"), "{{ messages[0].content }}");
  fs.writeFileSync(path.join(source, "generation_config.json"), '{"eos_token_id": [3, 5]}');
  const own = await exportArtefact(source, out, { format: "fp32" });
  assert.ok(fs.existsSync(path.join(out, "chat_template.jinja")));
  assert.ok(fs.existsSync(path.join(out, "generation_config.json")));
  fs.appendFileSync(path.join(out, "chat_template.jinja"), " ");
  assert.throws(() => verifyArtefact(out), isInvalid(/prompt_wrapper/));
  const plain = await exportArtefact(checkpoint, out, { format: "fp32" });
  assert.notEqual(plain.fingerprints.prompt_wrapper, own.fingerprints.prompt_wrapper);
  assert.ok(!fs.existsSync(path.join(out, "chat_template.jinja")));
});

const bigTokenizer = smallTokenizer(smallConfig.vocabSize + 1)["tokenizer.json"];
for (const [name, text, message, code] of [
  ["tokenizer.json", "{", /tokenizer\.json/, "invalid_json"],
  ["tokenizer.json", "{}", /expected a model with a vocabulary in tokenizer\.json/, "invalid_checkpoint"],
  ["tokenizer.json", null, /tokenizer\.json/, "file_not_found"],
  [
    "tokenizer.json",
    bigTokenizer,
    /tokenizer\.json: expected at most 64 tokens.*got 65/,
    "invalid_checkpoint",
  ],
  ["tokenizer_config.json", "not json", /tokenizer_config\.json/, "invalid_json"],
  [
    "tokenizer_config.json",
    "{}",
    /one chat_template in tokenizer_config\.json, got none/,
    "invalid_checkpoint",
  ],
  [
    "tokenizer_config.json",
    '{"eos_token": "</s>", "chat_template": "{% for %}"}',
    /tokenizer_config\.json: chat template: expected Jinja/,
    "invalid_checkpoint",
  ],
  [
    "chat_template.jinja",
    "{% for %}",
    /chat_template\.jinja: chat template: expected Jinja/,
    "invalid_checkpoint",
  ],
] as const) {
  test(`${name} with ${text?.slice(0, 60) ?? "nothing"} is refused by name, and an earlier artefact stays`, async () => {
    const source = fs.mkdtempSync(path.join(dir, "broken-"));
    const out = `${source}-out`;
    fs.cpSync(checkpoint, source, { recursive: true });
    const earlier = await exportArtefact(source, out, { format: "fp32" });
    if (text === null) fs.rmSync(path.join(source, name));
    else fs.writeFileSync(path.join(source, name), text);
    await assert.rejects(
      exportArtefact(source, out, { format: "fp32" }),
      (error) => error instanceof LimbeckError && error.code === code && message.test(error.message),
    );
    assert.deepEqual(verifyArtefact(out).manifest, earlier);
  });
}
