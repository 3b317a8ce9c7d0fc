import assert from "node:assert/strict";
import { test } from "node:test";
import { LimbeckError } from "../../base/errors.ts";
import { createRandom } from "../../base/random.ts";
import { checkBatches } from "./batch-check.ts";
import { createFakeRunner, idsOf, type Logits } from "./drafting.test.support.ts";
import { createPromptLookup } from "./prompt-lookup.ts";
import { createRunCosts } from "./run-costs.ts";
import { createSpeculation } from "./speculation.ts";

const vocabSize = 16;

/** Token t is followed by t + 1, round and round. */
const counting: Logits = (tokens) => {
  const logits = new Float32Array(vocabSize);
  logits[((tokens.at(-1) ?? 0) + 1) % vocabSize] = 10;
  return logits;
};

const disturbed =
  (size: number): Logits =>
  (tokens) => {
    const random = createRandom(tokens.length);
    return counting(tokens).map((logit) => logit + size * (2 * random.next() - 1));
  };

/** A runner whose runs take as long as `msOf` says, on a clock that only it moves. */
function timedRunner(msOf: (tokens: number) => number) {
  let now = 0;
  const runner = createFakeRunner(vocabSize, counting);
  const decode: typeof runner.decode = (id) => {
    now += msOf(1);
    return runner.decode(id);
  };
  const verify: typeof runner.verify = (ids) => {
    now += msOf(ids.length);
    return runner.verify(ids);
  };
  const timed = Object.create(runner, {
    decode: { value: decode },
    verify: { value: verify },
  }) as typeof runner;
  return { runner: timed, clock: () => now };
}

test("rounding is measured and reckoned with; other numbers are refused with the reason", async () => {
  const check = (batched: Logits) =>
    checkBatches(createFakeRunner(vocabSize, counting, { batched }), createRunCosts(), {
      format: "fp32",
      isStepwise: false,
      clock: () => 0,
    });
  const same = await check(counting);
  assert.deepEqual(same, { maxLogitDifference: 0, tolerance: 0, refusal: null });
  const rounded = await check(disturbed(1e-5));
  assert.equal(rounded.refusal, null);
  assert.ok(rounded.maxLogitDifference! > 5e-6 && rounded.tolerance > rounded.maxLogitDifference!);
  const other = await check(disturbed(0.3));
  assert.match(other.refusal ?? "", /^logits of tokens read together differ by 0\.2\d* from/);
  assert.match((await check((tokens) => counting(tokens).fill(Number.NaN))).refusal ?? "", /differ by NaN/);
});

test("runs of one and of many tokens are timed when the engine opens", async () => {
  const { runner, clock } = timedRunner((tokens) => 10 + tokens);
  const costs = createRunCosts();
  await checkBatches(runner, costs, { format: "fp32", isStepwise: false, clock });
  for (const tokens of [1, 2, 5, 9])
    assert.ok(Math.abs(costs.of(tokens) - (10 + tokens)) < 1e-6, `${tokens}`);
  assert.equal(runner.length, 0);
});

test("a model that cannot verify in one run decodes plainly, and the report says why", async () => {
  const runner = createFakeRunner(vocabSize, counting, { batched: disturbed(0.3) });
  const speculation = await createSpeculation({
    runner,
    format: "fp32",
    predictors: [createPromptLookup()],
    shortestRunMs: 0,
  });
  const { drafter, report } = speculation.begin("auto");
  assert.equal(drafter, null);
  const { offBecause, ...rest } = report(5);
  assert.deepEqual(rest, { mode: "auto", proposed: 0, accepted: 0, targetRuns: 4 });
  assert.match(offBecause ?? "", /^logits of tokens read together differ/);
});

test("formats that round activations are never verified in a batch that attends together", async () => {
  for (const format of ["int4", "int8-block", "int8-row"] as const) {
    const runner = createFakeRunner(vocabSize, counting);
    const speculation = await createSpeculation({ runner, format, predictors: [createPromptLookup()] });
    for (const mode of ["auto", "prompt_lookup"] as const) {
      const { drafter, report } = speculation.begin(mode);
      assert.equal(drafter, null);
      assert.match(report(1).offBecause ?? "", new RegExp(`^${format}: activations are rounded to int8`));
    }
    assert.deepEqual(runner.runs, []);
  }
});

test("formats that round activations are verified where every bit is that of single tokens, and only there", async () => {
  for (const format of ["int4", "int8-block"] as const) {
    const of = (batched: Logits) =>
      createSpeculation({
        runner: createFakeRunner(vocabSize, counting, { batched }),
        format,
        isStepwise: true,
        predictors: [createPromptLookup()],
        shortestRunMs: 0,
      });
    const same = await of(counting);
    assert.deepEqual(same.check, { maxLogitDifference: 0, tolerance: 0, refusal: null });
    assert.ok(same.begin("auto").drafter);
    const rounded = await of(disturbed(1e-6));
    assert.ok(rounded.check.maxLogitDifference! > 0);
    assert.match(
      rounded.begin("auto").report(1).offBecause ?? "",
      new RegExp(`^${format}: logits of tokens read together differ by \\d`),
    );
  }
});

test("auto leaves a model alone whose runs are too short to gain from drafts; who asks for drafts gets them", async () => {
  const runner = createFakeRunner(vocabSize, counting);
  const predictors = [createPromptLookup()];
  const speculation = await createSpeculation({ runner, format: "fp32", predictors, shortestRunMs: 1e6 });
  const { drafter, report } = speculation.begin("auto");
  assert.equal(drafter, null);
  assert.match(report(1).offBecause ?? "", /^a run of one token takes \d+\.\d\d ms: too short/);
  assert.ok(speculation.begin("prompt_lookup").drafter);
});

test("reading again counts as runs, and auto pays for it out of what drafts may cost", async () => {
  const runner = createFakeRunner(vocabSize, counting);
  const speculation = await createSpeculation({
    runner,
    format: "fp32",
    predictors: [createPromptLookup()],
    shortestRunMs: 0,
  });
  const prompt = Array.from({ length: 2 * vocabSize }, (_, i) => i % vocabSize);
  const { drafter, report } = speculation.begin("auto");
  assert.ok(drafter);
  drafter.begin(prompt);
  assert.ok((await drafter.draft(8)).length > 0);
  drafter.replayed(500);
  assert.deepEqual(await drafter.draft(8), []);
  assert.equal(report(1).targetRuns, 500);
});

test("while nothing would be drafted no predictor is asked, and the runs count", async () => {
  const { runner } = timedRunner(() => 1);
  let asked = 0;
  const inner = createPromptLookup();
  const propose: typeof inner.propose = (most) => {
    asked++;
    return inner.propose(most);
  };
  const speculation = await createSpeculation({
    runner,
    format: "fp32",
    predictors: [Object.create(inner, { propose: { value: propose } }) as typeof inner],
    shortestRunMs: 0,
  });
  const { drafter, report } = speculation.begin("auto");
  assert.ok(drafter);
  drafter.begin(Array.from({ length: 2 * vocabSize }, (_, i) => i % vocabSize));
  drafter.replayed(1000);
  const before = asked;
  for (let i = 0; i < 100; i++) {
    assert.deepEqual(await drafter.draft(5), []);
    drafter.settle({ turn: 1, drafted: 0, kept: 0, draftMs: 0, runMs: 1 });
  }
  assert.equal(asked, before);
  assert.equal(report(1).targetRuns, 1100);
});

test("the report counts what was proposed, what stood and the target's runs", async () => {
  const runner = createFakeRunner(vocabSize, counting);
  const speculation = await createSpeculation({
    runner,
    format: "fp32",
    predictors: [createPromptLookup()],
    shortestRunMs: 0,
  });
  const { drafter, report } = speculation.begin("prompt_lookup");
  assert.ok(drafter);
  const prompt = Array.from({ length: 2 * vocabSize }, (_, i) => i % vocabSize);
  const ids = await idsOf(runner, prompt, { maxTokens: 37, drafter });
  assert.deepEqual(
    ids,
    Array.from({ length: 37 }, (_, i) => i % vocabSize),
  );
  const { proposed, accepted, targetRuns, offBecause } = report(37);
  assert.equal(accepted, proposed);
  assert.equal(targetRuns + accepted, 36);
  assert.equal(targetRuns, runner.runs.length);
  // How many tokens a draft holds follows the measured costs: only that some stood is certain.
  assert.ok(accepted > 0, `${targetRuns} runs`);
  assert.equal(offBecause, null);
});

test("modes that there is nothing for are refused; off is off", async () => {
  const runner = createFakeRunner(vocabSize, counting);
  const speculation = await createSpeculation({
    runner,
    format: "fp32",
    predictors: [createPromptLookup()],
    shortestRunMs: 0,
  });
  for (const mode of ["draft_model", "often"] as unknown as ["draft_model"]) {
    assert.throws(
      () => speculation.begin(mode),
      (error) => error instanceof LimbeckError && error.code === "invalid_request",
    );
  }
  const off = speculation.begin("off");
  assert.equal(off.drafter, null);
  assert.equal(off.report(3).offBecause, "the request asks for none");
});
