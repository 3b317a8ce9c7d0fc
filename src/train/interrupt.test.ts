import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after, before, test } from "node:test";
import { generateToolbox } from "../data/toolbox/generate.ts";
import { saveTinyCheckpoint } from "../flow/tiny-checkpoint.test.support.ts";
import { assertWhole } from "../flow/whole-files.test.support.ts";
import { type DistilHooks, type DistilOptions, distil } from "./distil.ts";
import { parseRecipe } from "./recipe.ts";
import { failureOf } from "./world.test.support.ts";

// Distillation is stopped in each of its stages and goes on to the same bits. The models know nothing.
let root = "";
const inRoot = (...parts: string[]): string => path.join(root, ...parts);
const recipe = parseRecipe(
  {
    steps: 8,
    shapes: { lengths: [128, 256], tokens_per_batch: 512 },
    loss: { kl: 0.5, kl_rows: "all", k: 8, early_tool_weight: 0.5, length_weight: 0.1, length_every: 4 },
    // Weights of chance change more by rounding than trained ones.
    quant: { enabled: true, start_fraction: 0.5, cosine_floor: 0.5 },
    validation: { every: 3, examples: 4 },
  },
  "test",
);

const optionsFor = (name: string, more: Partial<DistilOptions> = {}): DistilOptions => ({
  recipe,
  student: inRoot("student"),
  teacher: inRoot("teacher"),
  train: generateToolbox({ split: "train", seed: 3, examples: 30 }).examples,
  validation: generateToolbox({ split: "validation", seed: 4, examples: 4 }).examples,
  outDir: inRoot(name),
  ...more,
});

const weightsOf = (name: string): Buffer => fs.readFileSync(inRoot(name, "checkpoint", "model.safetensors"));

before(async () => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-interrupt-"));
  saveTinyCheckpoint(inRoot("student"), 1);
  saveTinyCheckpoint(inRoot("teacher"), 2);
  await distil(optionsFor("whole"));
});
after(() => fs.rmSync(root, { recursive: true }));

/** Where a run is stopped, and whether a state of it is kept. */
const stages: readonly {
  readonly name: string;
  readonly hooks: (stop: () => void) => DistilHooks;
  readonly hasState: boolean;
}[] = [
  { name: "the teacher's top-k", hooks: (stop) => ({ onTopk: stop }), hasState: false },
  {
    name: "the first step",
    hooks: (stop) => ({ onStep: ({ step }) => (step === 1 ? stop() : undefined) }),
    hasState: true,
  },
  {
    name: "a validation",
    hooks: (stop) => ({ onEvent: ({ event }) => (event === "validation" ? stop() : undefined) }),
    hasState: true,
  },
  {
    name: "the start of quantisation",
    hooks: (stop) => ({ onEvent: ({ event }) => (event === "quantisation" ? stop() : undefined) }),
    hasState: true,
  },
  {
    name: "the last step but one",
    hooks: (stop) => ({ onStep: ({ step, steps }) => (step === steps - 1 ? stop() : undefined) }),
    hasState: true,
  },
];

for (const [i, { name, hooks, hasState }] of stages.entries()) {
  test(`stopped in ${name}: every file is whole, and it resumes to the same bits`, async () => {
    const folder = `stopped-${i}`;
    const stop = new AbortController();
    const error = await failureOf(
      distil(optionsFor(folder), { ...hooks(() => stop.abort()), signal: stop.signal }),
    );
    assert.equal(error.code, "cancelled", error.message);
    assert.match(error.cure ?? "", /Run the same command/);
    const files = fs.existsSync(inRoot(folder)) ? assertWhole(inRoot(folder)) : [];
    assert.equal(files.includes(path.join("state", "state.json")), hasState);
    assert.ok(!files.includes(path.join("checkpoint", "model.safetensors")));
    await distil(optionsFor(folder, { resume: true }));
    assert.ok(weightsOf(folder).equals(weightsOf("whole")), "the weights differ");
    assertWhole(inRoot(folder));
  });
}

test("the log goes on after a line that was cut off", async () => {
  const folder = "cut";
  const stop = new AbortController();
  await failureOf(distil(optionsFor(folder), { signal: stop.signal, onStep: () => stop.abort() }));
  const log = inRoot(folder, "train.jsonl");
  fs.appendFileSync(log, '{"kind":"step","st');
  await distil(optionsFor(folder, { resume: true }));
  assertWhole(inRoot(folder));
  assert.match(fs.readFileSync(log, "utf8"), /"event":"resume"/);
});
