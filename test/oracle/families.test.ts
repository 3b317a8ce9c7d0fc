import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { before, describe, test } from "node:test";
import { type Checkpoint, loadCheckpoint, saveCheckpoint } from "#limbeck/model/checkpoint.js";
import { parseModelConfig } from "#limbeck/model/config.js";
import { argMaxRows, exportedLogits, readFloats, trainingLogits } from "./hf-logits.ts";
import { assertClose, runPython, temporaryFolder } from "./python.ts";

const script = "test/oracle/families.py";
const dir = temporaryFolder();

/** Largest difference between logits of ours and of transformers, float32 on both sides. */
const limit = 1e-4;

interface Oracle {
  readonly ids: readonly number[];
  readonly prompt: readonly number[];
  readonly greedy: readonly number[];
  readonly shards: number;
}

/** Names in `families.py`; what differs between them stands there. */
const names = [
  "llama-tied",
  "llama-llama3",
  "llama-linear",
  "llama-yarn",
  "llama-biases",
  "qwen2",
  "qwen2-window",
  "qwen2-yarn",
  "qwen3",
  "gemma3",
  "gemma3-linear",
];
const sharded = ["llama-llama3", "qwen3", "gemma3-linear"];

const readJson = (file: string): unknown => JSON.parse(fs.readFileSync(file, "utf8"));
const theirs = (name: string): string => path.join(dir, name);
const ours = (name: string): string => path.join(dir, `${name}-ours`);

before(() => {
  runPython(script, ["make", dir, ...names]);
  for (const name of names) {
    saveCheckpoint(ours(name), loadCheckpoint(theirs(name)));
    fs.copyFileSync(path.join(theirs(name), "oracle.json"), path.join(ours(name), "oracle.json"));
  }
  runPython(script, ["logits", ...names.map(ours)]);
});

for (const name of names) {
  describe(`a random ${name} of transformers`, () => {
    let checkpoint: Checkpoint;
    let oracle: Oracle;
    let expected: Float32Array;
    before(() => {
      checkpoint = loadCheckpoint(theirs(name));
      oracle = readJson(path.join(theirs(name), "oracle.json")) as Oracle;
      expected = readFloats(path.join(theirs(name), "logits.bin"));
    });

    test("gives its logits: training graph, prefill, decode with a cache", async () => {
      const { config, weights } = checkpoint;
      const { ids, shards } = oracle;
      assert.equal(shards > 1, sharded.includes(name), "number of files");
      assertClose(await trainingLogits(config, weights, ids), expected, limit, "training graph");
      for (const prefill of [ids.length, 17]) {
        const got = await exportedLogits(config, weights, ids, prefill);
        assertClose(got, expected, limit, `${prefill} tokens at once, then one by one`);
      }
      const decoded = readFloats(path.join(theirs(name), "decode.bin"));
      assertClose(await exportedLogits(config, weights, ids, 1), decoded, limit, "one by one");
    });

    // By induction over the tokens: each is the largest after the same tokens as before.
    test("continues a prompt greedily with the same 64 tokens", async () => {
      const { config, weights } = checkpoint;
      const { prompt, greedy } = oracle;
      assert.equal(greedy.length, 64);
      assert.ok(new Set(greedy).size >= 8, `a text that says something: ${greedy.join(" ")}`);
      const logits = await exportedLogits(config, weights, [...prompt, ...greedy], prompt.length);
      assert.deepEqual(argMaxRows(logits, config.vocabSize).slice(prompt.length - 1, -1), greedy);
    });

    test("means the same in the spelling of transformers 4", () => {
      const [now, old] = ["config.json", "config.old.json"].map((file) =>
        parseModelConfig(readJson(path.join(theirs(name), file)), file),
      );
      assert.deepEqual(old, now);
    });

    test("is the same model to transformers after we wrote it", () => {
      assertClose(readFloats(path.join(ours(name), "logits.bin")), expected, limit, "written and read");
      assert.deepEqual(loadCheckpoint(ours(name)).config, checkpoint.config);
    });
  });
}
