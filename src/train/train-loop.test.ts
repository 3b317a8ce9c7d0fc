import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { after, test } from "node:test";
import { onnxCpuBackend } from "../backend/onnx/backend.ts";
import type { Backend, NamedTensors } from "../backend/session.ts";
import { createRandom } from "../base/random.ts";
import { initialiseWeights } from "../model/decoder.ts";
import { createRowSource } from "./row-source.ts";
import { teacherTopk } from "./teacher-topk.ts";
import type { StepRecord } from "./train-log.ts";
import { trainLoop } from "./train-loop.ts";
import type { LoopResult, LoopSetup } from "./train-types.ts";
import {
  failureOf,
  testConfig,
  testEncode,
  testExamples,
  testRecipe,
  testSetup,
  testSpecials,
} from "./world.test.support.ts";

const root = mkdtempSync(path.join(tmpdir(), "limbeck-train-"));
after(() => rmSync(root, { recursive: true, force: true }));
let count = 0;
const newDir = (): string => path.join(root, String(count++));

interface Outcome {
  readonly result: LoopResult;
  readonly weights: NamedTensors;
  readonly steps: readonly StepRecord[];
  readonly dir: string;
}

async function train(
  overrides: Record<string, unknown> = {},
  extra: Partial<LoopSetup> = {},
): Promise<Outcome> {
  const dir = extra.outDir ?? newDir();
  const steps: StepRecord[] = [];
  let weights: NamedTensors = {};
  const result = await trainLoop(
    testSetup(dir, testRecipe(overrides), {
      ...extra,
      saveWeights: (to, tensors) => {
        if (to.endsWith("checkpoint")) weights = structuredClone(tensors);
      },
      hooks: { ...extra.hooks, onStep: (record) => steps.push(record) },
    }),
  );
  return { result, weights, steps, dir };
}

function assertSameBits(a: NamedTensors, b: NamedTensors): void {
  assert.deepEqual(Object.keys(a), Object.keys(b));
  for (const [name, tensor] of Object.entries(a)) {
    const other = b[name]!.data as Float32Array;
    const at = (tensor.data as Float32Array).findIndex((x, i) => !Object.is(x, other[i]));
    assert.equal(at, -1, `${name}[${at}]: ${tensor.data[at]} and ${other[at]}`);
  }
}

/** The onnx backend, with outputs of step graphs changed after each run. */
function tampering(change: (name: string, data: Float32Array, run: number) => void): Backend {
  return {
    name: "onnx-cpu",
    async compile(graph, options) {
      const session = await onnxCpuBackend.compile(graph, options);
      if (!graph.name.startsWith("step_")) return session;
      let runs = 0;
      return {
        ...session,
        backend: session.backend,
        inputs: session.inputs,
        outputs: session.outputs,
        run: (feeds) => session.run(feeds),
        close: () => session.close(),
        bind(inputs, outputs) {
          const binding = session.bind(inputs, outputs);
          return {
            runSync: () => binding.runSync(),
            close: () => binding.close(),
            async run() {
              await binding.run();
              runs++;
              for (const [name, tensor] of Object.entries(outputs))
                change(name, tensor.data as Float32Array, runs);
            },
          };
        },
      };
    },
  };
}

test("it learns, logs parts and shares, and the same seed gives the same bits", async () => {
  const recipe = { steps: 60, loss: { kl: 0, early_tool_weight: "0.0:1@warmup_k=1" } };
  const one = await train(recipe);
  const two = await train(recipe);
  assertSameBits(one.weights, two.weights);
  const first = one.steps[0]!;
  const last = one.steps.at(-1)!;
  assert.ok(last.parts.ce! < 0.6 * first.parts.ce!, `ce from ${first.parts.ce} to ${last.parts.ce}`);
  for (const step of one.steps) {
    const sum = Object.values(step.shares).reduce((a, b) => a + b, 0);
    assert.ok(Math.abs(sum - 1) < 1e-5, `shares of step ${step.step} sum to ${sum}`);
  }
  assert.equal(first.shares.early_ce, 0, "the ramp starts at 0");
  assert.ok(
    one.steps.slice(-10).some((step) => step.shares.early_ce! > 0.1),
    "and rises",
  );
  const lines = readFileSync(path.join(one.dir, "train.jsonl"), "utf8").trim().split("\n");
  const logged = lines.map((line) => JSON.parse(line) as { kind: string });
  assert.equal(logged.filter((l) => l.kind === "step").length, 60);
  const other = await train({ ...recipe, seed: 6 });
  assert.notDeepEqual(one.steps.at(-1)!.loss, other.steps.at(-1)!.loss);
});

test("12 steps equal 5 steps, an interruption, and 7 more, bit for bit", async () => {
  const recipe = {
    steps: 12,
    loss: {
      kl: 0,
      early_tool_weight: 1,
      length_weight: 0.5,
      length_every: 3,
      length_prompts: 3,
      length_max_tokens: 8,
    },
    quant: { enabled: true, start_fraction: 0.75, cosine_floor: 0.9 },
    optimiser: { learning_rate: 0.01, ema: 0.9, accumulation: 2 },
  };
  const whole = await train(recipe);
  const dir = newDir();
  const controller = new AbortController();
  const cancelled = await failureOf(
    trainLoop(
      testSetup(dir, testRecipe(recipe), {
        hooks: {
          signal: controller.signal,
          onStep: (record) => {
            if (record.step === 5) controller.abort();
          },
        },
      }),
    ),
  );
  assert.equal(cancelled.code, "cancelled");
  const rest = await train(recipe, { outDir: dir, resume: true });
  assert.deepEqual(
    rest.steps.map((s) => s.step),
    [6, 7, 8, 9, 10, 11, 12],
  );
  assertSameBits(whole.weights, rest.weights);
  assert.equal(rest.result.tokens, whole.result.tokens);
  assert.ok(whole.result.length.length > 0, "rollouts were made");
  assert.ok(whole.result.cosines.length > 0);
});

test("accumulating two half batches equals one whole batch", async () => {
  const examples = testExamples(32);
  const recipe = (accumulation: number): Record<string, unknown> => ({
    steps: 1,
    data: { voice: "teacher" },
    shapes: { lengths: [20], tokens_per_batch: 640 / accumulation },
    optimiser: { learning_rate: 0.01, warmup_steps: 1, accumulation },
  });
  const norms = [];
  for (const accumulation of [1, 2]) {
    const setup = recipe(accumulation);
    const source = createRowSource(examples, testEncode, testRecipe(setup), 5);
    norms.push((await train(setup, { source })).steps[0]!);
  }
  const [whole, halves] = norms;
  assert.ok(Math.abs(whole!.loss - halves!.loss) < 1e-5, `loss ${whole!.loss} and ${halves!.loss}`);
  const relative = Math.abs(whole!.gradient_norm / halves!.gradient_norm - 1);
  assert.ok(relative < 1e-4, `gradient norms differ by ${relative}`);
});

test("rows are compared with the teacher's stored top-k, and the student moves towards it", async () => {
  const teacherWeights = initialiseWeights(testConfig, createRandom(77));
  for (const tensor of Object.values(teacherWeights)) {
    (tensor.data as Float32Array).forEach((x, i) => {
      (tensor.data as Float32Array)[i] = x * (tensor.shape.length > 1 ? 12 : 1);
    });
  }
  const overrides = {
    steps: 80,
    data: { voice: "teacher" },
    loss: { ce: 0.001, kl: 1, k: 16, temperature: 1 },
  };
  const recipe = testRecipe(overrides);
  const source = createRowSource(testExamples(120), testEncode, recipe, recipe.seed);
  const topk = await teacherTopk({
    backend: onnxCpuBackend,
    teacher: { config: testConfig, weights: teacherWeights, fingerprint: "teacher" },
    tokenizerFingerprint: "tokenizer",
    rows: source.all(),
    k: 16,
    padId: testSpecials.pad,
    lengths: [14, 20],
    tokensPerBatch: 160,
    file: null,
  });
  const { steps } = await train(overrides, { topk, source });
  const [first, last] = [steps[0]!.parts.kl!, steps.at(-1)!.parts.kl!];
  assert.ok(first > 0.05 && last < 0.7 * first, `kl from ${first} to ${last}`);
});

test("a loss that is not a number stops the run within the step and keeps the weights before it", async () => {
  const backend = tampering((name, data, run) => {
    if (name === "total" && run === 4) data[0] = Number.NaN;
  });
  const dir = newDir();
  const error = await failureOf(
    train({ shapes: { lengths: [20], tokens_per_batch: 160 } }, { backend, outDir: dir }),
  );
  assert.equal(error.code, "training_diverged");
  assert.equal(error.fields["cause"], "loss_not_finite");
  assert.equal(error.fields["step"], 3);
  assert.match(error.message, /expected a finite loss, got NaN/);
  const state = JSON.parse(readFileSync(path.join(dir, "state", "state.json"), "utf8")) as {
    progress: { step: number };
  };
  assert.equal(state.progress.step, 3);
});

for (const [cause, change] of [
  ["loss_zero", (name: string, data: Float32Array) => name === "total" && data.fill(0)],
  ["gradient_flat", (name: string, data: Float32Array) => name.startsWith("grad.") && data.fill(0)],
  [
    "gradient_not_finite",
    (name: string, data: Float32Array) => name.startsWith("grad.") && data.fill(Infinity),
  ],
  ["gradient_exploding", (name: string, data: Float32Array) => name.startsWith("grad.") && data.fill(1e6)],
] as const) {
  test(`${cause} stops the run with its cause`, async () => {
    const error = await failureOf(train({}, { backend: tampering((name, data) => void change(name, data)) }));
    assert.equal(error.code, "training_diverged");
    assert.equal(error.fields["cause"], cause);
    assert.ok(error.cure);
  });
}

test("a batch without completion weight stops the run", async () => {
  const error = await failureOf(train({ loss: { ce: 1, kl: 0 } }, { source: unweighted() }));
  assert.equal(error.fields["cause"], "empty_batch");
});

function unweighted(): LoopSetup["source"] {
  const source = createRowSource(testExamples(40), testEncode, testRecipe(), 5);
  const strip = (rows: ReturnType<typeof source.all>): ReturnType<typeof source.all> =>
    rows.map((row) => ({ ...row, ceWeight: new Float32Array(row.ceWeight.length) }));
  return {
    isFixed: true,
    epoch: (epoch) => {
      const loaded = source.epoch(epoch);
      return { ...loaded, rows: strip(loaded.rows) };
    },
    all: () => strip(source.all()),
  };
}

test("a quantised model that is too far from its twin stops with the layer's name", async () => {
  const error = await failureOf(train({ quant: { enabled: true, start_fraction: 0.5, cosine_floor: 1 } }));
  assert.equal(error.fields["cause"], "quantisation_unstable");
  assert.match(error.message, /model\.layers\.0\..*_proj\.weight: expected a cosine of at least 1/);
});

test("quantisation lowers the rate, freezes norms at the end and reports a cosine per layer", async () => {
  const { steps, result } = await train({
    steps: 20,
    quant: { enabled: true, start_fraction: 0.5, freeze_norms_fraction: 0.2, cosine_floor: 0.99 },
  });
  assert.deepEqual(
    steps.map((s) => s.is_quantised),
    steps.map((_, i) => i >= 10),
  );
  assert.ok(steps[10]!.learning_rate < 0.2 * steps[9]!.learning_rate);
  assert.equal(result.cosines.length, 7);
  assert.ok(result.cosines.every((c) => c.cosine > 0.99 && c.cosine < 1 + 1e-6));
});

test("frozen norm scales keep their value to the end while matrices move", async () => {
  const { weights } = await train({
    steps: 6,
    quant: { enabled: true, start_fraction: 0.5, freeze_norms_fraction: 1, cosine_floor: 0.9 },
  });
  const start = initialiseWeights(testConfig, createRandom(5));
  for (const [name, tensor] of Object.entries(weights)) {
    const isSame = (tensor.data as Float32Array).every((x, i) => x === start[name]!.data[i]);
    assert.equal(isSame, name.endsWith("norm.weight"), name);
  }
});

test("calls on controls that rise halve the early weight, and the result says so", async () => {
  let measured = 0;
  const judge = {
    judge: () => ({ isCovered: true, isExact: false, hasCall: measured++ >= 12 }),
  };
  const { result } = await train(
    {
      steps: 8,
      loss: { kl: 0, early_tool_weight: 1 },
      validation: { every: 4, examples: 12, rollouts: 12, max_tokens: 4 },
    },
    { judge },
  );
  assert.equal(result.earlyScale, 0.5);
  assert.match(result.actions[0]!, /calls on controls rose from 0 to \d+; early weight halved to 0.5/);
  assert.equal(result.validations[0]!.proxies!.export, false);
});

test("a write that fails leaves the state before it whole", async () => {
  const dir = newDir();
  let writes = 0;
  const full = (): never => {
    throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
  };
  const { writeSafetensors } = await import("../tensor/safetensors.ts");
  const error = await failureOf(
    train(
      { steps: 12, checkpoint_every: 4 },
      {
        outDir: dir,
        hooks: {
          writeTensors: (file, tensors) => (++writes === 2 ? full() : writeSafetensors(file, tensors)),
        },
      },
    ),
  );
  assert.equal(error.code, "disk_full");
  assert.ok(error.cure);
  assert.deepEqual(readdirSync(path.join(dir, "state")).sort(), ["state-0000004.safetensors", "state.json"]);
  const rest = await train({ steps: 12, checkpoint_every: 4 }, { outDir: dir, resume: true });
  assert.equal(rest.steps[0]!.step, 5);
  assert.deepEqual(readdirSync(path.join(dir, "state")).length, 2, "older tensors are deleted");
});

test("an unwritable folder is refused at once", async () => {
  const dir = newDir();
  mkdirSync(dir);
  const file = path.join(dir, "file");
  const { writeFileSync } = await import("node:fs");
  writeFileSync(file, "");
  chmodSync(file, 0o600);
  const error = await failureOf(train({}, { outDir: path.join(file, "run") }));
  assert.equal(error.code, "not_writable");
});

test("a state of another run, or a broken one, is refused", async () => {
  const dir = newDir();
  await train({ steps: 3 }, { outDir: dir });
  const other = await failureOf(train({ steps: 6 }, { outDir: dir, resume: true, fingerprint: "other" }));
  assert.equal(other.code, "invalid_checkpoint");
  const { truncateSync } = await import("node:fs");
  const file = path.join(dir, "state", "state-0000003.safetensors");
  truncateSync(file, 500);
  const broken = await failureOf(train({ steps: 6 }, { outDir: dir, resume: true }));
  assert.equal(broken.code, "invalid_safetensors");
  assert.ok(existsSync(file));
});
