import * as fs from "node:fs";
import * as path from "node:path";
import { test } from "node:test";
import { createRandom } from "#limbeck/base/random.js";
import { loadCheckpoint, saveCheckpoint } from "#limbeck/model/checkpoint.js";
import type { ModelConfig } from "#limbeck/model/config.js";
import { initialiseWeights } from "#limbeck/model/decoder.js";
import { exportedLogits, readFloats, trainingLogits } from "./hf-logits.ts";
import { assertClose, runPython, temporaryFolder } from "./python.ts";

const script = "test/oracle/llama.py";
const dir = temporaryFolder();

for (const seed of [1, 2]) {
  test(`logits of a random Llama equal transformers' (seed ${seed})`, async () => {
    const checkpoint = path.join(dir, `llama-${seed}`);
    runPython(script, ["make", checkpoint, String(seed)]);
    const expected = readFloats(path.join(checkpoint, "logits.bin"));
    const ids = JSON.parse(fs.readFileSync(path.join(checkpoint, "ids.json"), "utf8")) as number[];
    const { config, weights } = loadCheckpoint(checkpoint);
    const whole = await trainingLogits(config, weights, ids);
    assertClose(whole, expected, 1e-4, "training graph");
    assertClose(
      await exportedLogits(config, weights, ids, 17),
      expected,
      1e-4,
      "prefill and decode with a cache",
    );
  });
}

test("transformers reads a checkpoint of ours and gives our logits", async () => {
  const config: ModelConfig = {
    family: "llama",
    vocabSize: 64,
    hiddenSize: 32,
    intermediateSize: 48,
    layers: 2,
    heads: 2,
    kvHeads: 2,
    headDim: 16,
    contextLength: 64,
    ropeTheta: 5000,
    rmsNormEpsilon: 1e-6,
    tieEmbeddings: true,
    bosId: null,
    eosIds: [1],
    padId: 0,
  };
  const weights = initialiseWeights(config, createRandom(9));
  const ours = path.join(dir, "ours");
  saveCheckpoint(ours, { config, weights });
  const ids = Array.from({ length: 20 }, (_, i) => (i * 37 + 5) % 64);
  fs.writeFileSync(path.join(dir, "ids.json"), JSON.stringify(ids));
  runPython(script, ["logits", ours, path.join(dir, "ids.json"), path.join(dir, "out.bin")]);
  const logits = await trainingLogits(config, weights, ids);
  assertClose(logits, readFloats(path.join(dir, "out.bin")), 1e-4, "our checkpoint");
});
