import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { after, test } from "node:test";
import { generateToolbox } from "../data/toolbox/generate.ts";
import { packagePath } from "../flow/package-files.ts";
import { type Checkpoint, loadCheckpoint } from "../model/checkpoint.ts";
import { type DistilOptions, type DistilResult, distil } from "./distil.ts";
import { preflight } from "./preflight.ts";
import { parseRecipe } from "./recipe.ts";
import { failureOf } from "./world.test.support.ts";

// The real tokenizer and the embedded task, with models too small to be any good.

const root = mkdtempSync(path.join(tmpdir(), "limbeck-distil-"));
after(() => rmSync(root, { recursive: true, force: true }));
const tokenizer = packagePath("assets", "tokenizer");
const train = generateToolbox({ split: "train", seed: 3, examples: 40 }).examples;
const validation = generateToolbox({ split: "validation", seed: 4, examples: 8 }).examples;

const recipe = (overrides: Readonly<Record<string, unknown>> = {}) =>
  parseRecipe(
    {
      steps: 4,
      data: { voice: "teacher" },
      shapes: { lengths: [128, 256], tokens_per_batch: 512 },
      loss: { kl: 0 },
      model: {
        layers: 1,
        hidden_size: 32,
        intermediate_size: 64,
        heads: 2,
        kv_heads: 1,
        context_length: 320,
      },
      validation: { every: 4, examples: 8 },
      ...overrides,
    },
    "test",
  );

const options = (name: string, overrides: Partial<DistilOptions> = {}): DistilOptions => ({
  recipe: recipe(),
  student: null,
  teacher: null,
  tokenizer,
  train,
  validation,
  outDir: path.join(root, name),
  ...overrides,
});

let taught: Promise<DistilResult> | null = null;
/** A teacher of four steps, made once. */
const teacher = async (): Promise<string> => {
  taught ??= distil(options("teacher"));
  return (await taught).checkpoint;
};

test("a model trained from nothing is a checkpoint that loads, with its tokenizer", async () => {
  const dir = await teacher();
  const checkpoint: Checkpoint = loadCheckpoint(dir);
  assert.equal(checkpoint.config.layers, 1);
  for (const name of ["tokenizer.json", "tokenizer_config.json"]) assert.ok(existsSync(path.join(dir, name)));
  const result = await taught!;
  assert.ok(result.bestCheckpoint && existsSync(path.join(result.bestCheckpoint, "model.safetensors")));
  assert.equal(result.validations.length, 1);
});

test("distillation stores the top-k once, uses every loss part and is the same twice", async () => {
  const teacherDir = await teacher();
  const settings = recipe({
    data: { voice: "mixed" },
    loss: {
      kl: 1,
      tail_weight: 0.1,
      early_tool_weight: 1,
      length_weight: 0.1,
      length_every: 2,
      length_prompts: 2,
    },
    quant: { enabled: true, start_fraction: 0.75, cosine_floor: 0.9 },
    validation: { every: 4, examples: 8, rollouts: 2, max_tokens: 8 },
  });
  const run = (name: string) =>
    distil(options(name, { recipe: settings, student: teacherDir, teacher: teacherDir }));
  const [one, two] = [await run("one"), await run("two")];
  assert.deepEqual(Object.keys(one.finalParts).sort(), ["ce", "early_ce", "early_prior", "kl", "tail"]);
  assert.ok(one.teacherTopk!.bytesPerPosition <= 300);
  assert.ok(one.length.length > 0 && one.length[0]!.rollouts === 2);
  assert.equal(loadCheckpoint(one.checkpoint).fingerprint, loadCheckpoint(two.checkpoint).fingerprint);
  // A student that is its own teacher has little to learn from it.
  const first = readFileSync(path.join(root, "one", "train.jsonl"), "utf8")
    .split("\n")
    .find((line) => line.startsWith('{"kind":"step"'))!;
  const { parts } = JSON.parse(first) as { parts: { kl: number } };
  assert.ok(parts.kl < 1e-4, `kl against itself ${parts.kl}`);
});

test("generated examples are fresh in every epoch", async () => {
  const seen: number[] = [];
  const result = await distil(
    options("fresh", {
      recipe: recipe({ steps: 6, validation: { every: 0 } }),
      train: (epoch, seed) => {
        seen.push(epoch);
        return generateToolbox({ split: "train", seed: seed + epoch, examples: 8 }).examples;
      },
    }),
  );
  assert.ok(new Set(seen).size > 1, `epochs ${seen}`);
  assert.equal(result.bestCheckpoint, null);
});

test("what does not fit together is refused", async () => {
  const teacherDir = await teacher();
  assert.equal(
    (await failureOf(distil(options("a", { tokenizer: path.join(root, "none") })))).code,
    "file_not_found",
  );
  assert.match(
    (await failureOf(distil(options("b", { recipe: recipe({ model: null }) })))).message,
    /no checkpoint and no model block/,
  );
  assert.match((await failureOf(distil(options("c", { train: [] })))).message, /expected examples, got none/);
  const fresh = options("d", {
    recipe: recipe({ loss: { kl: 1 } }),
    student: teacherDir,
    teacher: teacherDir,
    train: () => train,
  });
  assert.match((await failureOf(distil(fresh))).message, /got fresh ones each epoch/);
  assert.match(
    (await failureOf(distil(options("e", { recipe: recipe({ shapes: { lengths: [512] } }) })))).message,
    /expected at most the model's 320 tokens/,
  );
  assert.match(
    (await failureOf(distil(options("f", { recipe: recipe({ shapes: { lengths: [16] } }) })))).message,
    /expected rows of at most 16 tokens/,
  );
  // Another tokenizer beside the teacher.
  const other = path.join(root, "other");
  await distil(options("other"));
  const config = path.join(other, "checkpoint", "tokenizer.json");
  writeFileSync(config, `${readFileSync(config, "utf8")}\n`);
  const error = await failureOf(
    distil(options("g", { recipe: recipe({ loss: { kl: 1 } }), teacher: path.join(other, "checkpoint") })),
  );
  assert.equal(error.code, "invalid_checkpoint");
  assert.match(error.message, /expected the student's tokenizer/);
});

test("preflight tells what a run will be like and writes nothing", async () => {
  const settings = recipe({ steps: 100, shapes: { lengths: [64, 128], tokens_per_batch: 512 } });
  const report = await preflight(options("preflight", { recipe: settings }), 1);
  assert.equal(report.examples, 40);
  assert.ok(report.skippedRows > 0 && report.warnings.some((w) => w.includes("left out")));
  assert.ok(report.secondsPerStep > 0 && report.estimatedSeconds === report.secondsPerStep * 100);
  assert.ok(report.plannedTokens > 0 && report.rowTokens.max >= report.rowTokens.p50);
  assert.ok(!existsSync(path.join(root, "preflight")));
});
