import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after, before, test } from "node:test";
import { writeDataset } from "../data/dataset.ts";
import { generateToolbox } from "../data/toolbox/generate.ts";
import { saveTinyCheckpoint } from "../flow/tiny-checkpoint.test.support.ts";
import { type CallOptions, type Ended, lastDocument, limbeck } from "./spawn.test.support.ts";

// A model that knows nothing goes through the commands, one after the other, in one folder.
let folder = "";
const inFolder = (...parts: string[]): string => path.join(folder, ...parts);
const call = (words: readonly string[], options: Omit<CallOptions, "folder"> = {}): Promise<Ended> =>
  limbeck(words, { folder, ...options });

const recipe = `
name: tiny
steps: 60
shapes: { lengths: [96, 128, 192], tokens_per_batch: 768 }
loss: { kl: 0 }
validation: { every: 0 }
`;
const distilWords = ["distil", "--recipe", "tiny.yaml", "--student", "base", "--data", "data.jsonl"];

before(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-verbs-"));
  saveTinyCheckpoint(inFolder("base"), 1);
  fs.writeFileSync(inFolder("tiny.yaml"), recipe);
  writeDataset(inFolder("data.jsonl"), generateToolbox({ split: "train", seed: 1, examples: 60 }));
});
after(() => fs.rmSync(folder, { recursive: true }));

test("export writes an artefact and proves its parity", async () => {
  const words = ["export", "base", "--out", "artefact", "--shapes", "64,128", "--licence", "mit", "--json"];
  const ended = await call(words);
  assert.equal(ended.status, 0, ended.stderr);
  const { format, shapes, licence, parity } = lastDocument(ended);
  assert.deepEqual([format, shapes, licence], ["int8", [64, 128], "mit"]);
  assert.ok((parity as { max_abs_logit_error: number }).max_abs_logit_error <= 1e-3);
});

test("run streams an answer to standard output and its figures to standard error", async () => {
  const ended = await call(["run", "set a timer", "--artefact", "artefact", "--max-tokens", "5"]);
  assert.equal(ended.status, 0, ended.stderr);
  assert.match(ended.stderr, /tokens in, \d out, TTFT/);
  // layers · 2 · KV heads · sequence · head dim · 4
  assert.match(
    ended.stderr,
    /keys and values: \(1 layer, 1 KV head, head dim 16, sequence 512\) → 65,536 bytes/,
  );
  assert.doesNotMatch(ended.stdout, /TTFT/);
});

test("run takes the prompt from standard input and answers with a document", async () => {
  const ended = await call(["run", "--artefact", "artefact", "--max-tokens", "5", "--json"], {
    input: "hello\n",
  });
  assert.equal(ended.status, 0, ended.stderr);
  const document = lastDocument(ended);
  assert.deepEqual(document["kv_cache"], {
    layers: 1,
    kv_heads: 1,
    head_dim: 16,
    sequence: 512,
    bytes: 65_536,
  });
  const [turn] = document["turns"] as { output_tokens: number }[];
  assert.ok(turn !== undefined && turn.output_tokens >= 1 && turn.output_tokens <= 5);
});

test("measure groups by shape and writes the raw samples", async () => {
  const words = [
    "measure",
    "artefact",
    "--dataset",
    "data.jsonl",
    "--rounds",
    "2",
    "--prompts",
    "2",
    "--out",
    "speed.json",
  ];
  const ended = await call([...words, "--json", "--quiet"]);
  assert.equal(ended.status, 0, ended.stderr);
  const shapes = (lastDocument(ended)["per_shape"] as { shape: number }[]).map(({ shape }) => shape);
  assert.deepEqual(shapes, [64, 128]);
  const written = JSON.parse(fs.readFileSync(inFolder("speed.json"), "utf8")) as { raw: { runs: unknown[] } };
  assert.equal(written.raw.runs.length, 8);
});

test("score resumes from its transcripts", async () => {
  const words = [
    "score",
    "artefact",
    "--dataset",
    "data.jsonl",
    "--limit",
    "4",
    "--transcripts",
    "said.jsonl",
    "--json",
  ];
  const first = await call(words);
  assert.equal(first.status, 0, first.stderr);
  assert.deepEqual([lastDocument(first)["examples"], lastDocument(first)["f1_lax"]], [4, 0]);
  const lines = fs.readFileSync(inFolder("said.jsonl"), "utf8").split("\n");
  fs.writeFileSync(inFolder("said.jsonl"), `${lines.slice(0, 3).join("\n")}\n`);
  const second = await call([...words, "--resume"]);
  assert.equal(second.status, 0, second.stderr);
  assert.deepEqual(lastDocument(second), lastDocument(first));
  // Their times would differ if these examples had been run again.
  const after = fs.readFileSync(inFolder("said.jsonl"), "utf8").split("\n");
  assert.deepEqual(after.slice(0, 3), lines.slice(0, 3));
});

test("distil --dry-run says what a run will need and writes nothing", async () => {
  const ended = await call([...distilWords, "--out", "dry", "--dry-run", "--json"]);
  assert.equal(ended.status, 0, ended.stderr);
  assert.deepEqual([lastDocument(ended)["kind"], lastDocument(ended)["steps"]], ["preflight", 60]);
  assert.ok(!fs.existsSync(inFolder("dry")));
});

test("distil that is interrupted resumes to the same bits", async () => {
  const whole = await call([...distilWords, "--out", "whole", "--json"]);
  assert.equal(whole.status, 0, whole.stderr);
  const log = inFolder("part", "train.jsonl");
  const stopped = await call([...distilWords, "--out", "part"], {
    interrupt: {
      signal: "SIGINT",
      isDue: () => fs.existsSync(log) && fs.readFileSync(log, "utf8").includes('"kind":"step"'),
    },
  });
  assert.equal(stopped.status, 130, stopped.stderr);
  assert.match(stopped.stderr, /--resume/);
  assert.ok(!fs.existsSync(inFolder("part", "checkpoint")));
  const resumed = await call([...distilWords, "--out", "part", "--resume"]);
  assert.equal(resumed.status, 0, resumed.stderr);
  const weights = (out: string): Buffer => fs.readFileSync(inFolder(out, "checkpoint", "model.safetensors"));
  assert.match(fs.readFileSync(log, "utf8"), /"event":"resume"/);
  assert.ok(weights("part").equals(weights("whole")), "the weights of the resumed run differ");
});
