import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after, before, test } from "node:test";
import { LimbeckError } from "../base/errors.ts";
import { createRandom } from "../base/random.ts";
import { exportArtefact, openArtefactSession, readManifest, verifyArtefact } from "./artefact.ts";
import { saveCheckpoint } from "./checkpoint.ts";
import type { ModelConfig } from "./config.ts";
import { initialiseWeights } from "./decoder.ts";

const dir = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-artefact-"));
after(() => fs.rmSync(dir, { recursive: true }));
const checkpoint = path.join(dir, "checkpoint");

const config: ModelConfig = {
  family: "llama",
  vocabSize: 64,
  hiddenSize: 32,
  intermediateSize: 48,
  layers: 2,
  heads: 2,
  kvHeads: 1,
  headDim: 16,
  contextLength: 96,
  ropeTheta: 10_000,
  rmsNormEpsilon: 1e-5,
  tieEmbeddings: true,
  bosId: null,
  eosId: 3,
  padId: 0,
};

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
  for (const name of ["tokenizer.json", "tokenizer_config.json"])
    fs.writeFileSync(path.join(checkpoint, name), "{}");
});

for (const format of ["fp32", "int8"] as const) {
  test(`${format}: prefill and decode of the written file equal the training graph`, async () => {
    const out = path.join(dir, format);
    const manifest = await exportArtefact(checkpoint, out, { format, shapes: [64] });
    assert.ok(manifest.parity.max_abs_logit_error <= manifest.parity.limit);
    assert.ok(
      manifest.parity.max_abs_logit_error > 0,
      "two different programs agree to the last bit: is one of them run?",
    );
    assert.deepEqual(readManifest(out), manifest);
    const { session } = await openArtefactSession(out);
    assert.ok(session.inputs.some((input) => input.name === "past_key.1"));
    session.close();
  });
}

test("int8 is smaller than fp32, and both name the same weights", () => {
  const [int8, fp32] = [readManifest(path.join(dir, "int8")), readManifest(path.join(dir, "fp32"))];
  assert.ok(int8.bytes < fp32.bytes);
  assert.equal(int8.fingerprints.weights, fp32.fingerprints.weights);
  assert.notEqual(int8.fingerprints.model, fp32.fingerprints.model);
});

test("a changed file or manifest is refused, naming it", async () => {
  const out = path.join(dir, "changed");
  await exportArtefact(checkpoint, out, { format: "fp32" });
  fs.appendFileSync(path.join(out, "tokenizer.json"), " ");
  assert.throws(() => verifyArtefact(out), isInvalid(/fingerprint of tokenizer/));
  fs.writeFileSync(path.join(out, "manifest.json"), "{}");
  assert.throws(() => readManifest(out), isInvalid(/manifest\.json: schema_version/));
});

test("an export that cannot be written says so and leaves no manifest", async () => {
  const blocked = path.join(dir, "plain-file");
  fs.writeFileSync(blocked, "");
  await assert.rejects(
    exportArtefact(checkpoint, path.join(blocked, "out"), { format: "fp32" }),
    (error) => error instanceof LimbeckError && error.code === "not_writable",
  );
});
