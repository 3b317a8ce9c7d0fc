import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../base/random.ts";
import { median } from "../../measure/statistics.ts";
import { maxVerify } from "../step-runner.ts";
import { createDraftPolicy, type DraftWill } from "./draft-policy.ts";
import { createRunCosts } from "./run-costs.ts";

/** Grades of tokens that are not told apart. */
const alike = Array.from({ length: maxVerify }, () => 0);

interface World {
  /** Milliseconds of a run of n tokens, and of drafting one. */
  readonly runMs: (tokens: number) => number;
  readonly draftMs: number;
  /** What the check at the start takes runs for, where that is another cost. */
  readonly checkMs?: (tokens: number) => number;
  /** Milliseconds of asking where nothing is drafted. */
  readonly askMs?: number;
  /** Chance that there is no idea. */
  readonly silence?: number;
  /** Chance that a drafted token stands, at output token i. */
  readonly acceptance: (i: number) => number;
  readonly tokens: number;
}

/** Simulated time over plain decoding's, for an engine that knows nothing of its model but two timed runs. */
function simulate(
  { runMs, draftMs, acceptance, tokens, checkMs = runMs, askMs = 0, silence = 0 }: World,
  { will = "auto", seed = 3 }: { readonly will?: DraftWill; readonly seed?: number } = {},
) {
  const random = createRandom(seed);
  // Every tenth run is held up by something else.
  const noisy = (ms: number): number => ms * (1 + 0.05 * random.normal()) * (random.next() < 0.1 ? 3 : 1);
  const costs = createRunCosts();
  for (let i = 0; i < 9; i++) costs.observe(1, noisy(runMs(1)));
  for (const tokens of [2, 3, 4, maxVerify]) costs.observe(tokens, noisy(checkMs(tokens)));
  const policy = createDraftPolicy(costs);
  let ms = 0;
  let made = 0;
  while (made < tokens) {
    const wanted = policy.length(will, alike.slice(0, policy.longest(will, maxVerify - 1)));
    const drafted = random.next() < silence ? 0 : wanted;
    let kept = 0;
    while (kept < drafted && random.next() < acceptance(made + kept)) kept++;
    const run = {
      turn: 1,
      drafted,
      kept,
      draftMs: drafted > 0 ? drafted * draftMs : wanted > 0 ? askMs : 0,
      runMs: noisy(runMs(1 + drafted)),
    };
    costs.observe(1 + drafted, run.runMs);
    policy.observe(run, alike);
    ms += run.draftMs + runMs(1 + drafted);
    made += 1 + kept;
  }
  return { slowdown: ms / (made * runMs(1)), policy };
}

const seeds = Array.from({ length: 15 }, (_, i) => i + 1);

/** The worst and the median slowdown over seeds. */
function slowdowns(world: World): { readonly worst: number; readonly middle: number } {
  const all = seeds.map((seed) => simulate(world, { seed }).slowdown);
  return { worst: Math.max(...all), middle: median(all) };
}

/** Costs as measured: memory-bound weights with cheap further tokens, and a machine on which they are dear. */
const machines = {
  "int4, block 32": (n: number) => 9 + 1.7 * n,
  "fp32, packed": (n: number) => 12 + 2.1 * (n - 1),
  "a second token costs a whole run": (n: number) => 5 * n,
  "int4, attending one by one": (n: number) => 15.5 + 5.4 * (n - 1) + (n > 1 ? 1 : 0),
  "dear from the fifth token on": (n: number) => 10 + 0.5 * n + (n > 4 ? 25 : 0),
} as const;

test("over any acceptance, auto is never more than 3 % slower than plain decoding", () => {
  for (const [machine, runMs] of Object.entries(machines)) {
    for (const draftMs of [0, 1.5, 8]) {
      for (let percent = 0; percent <= 100; percent += 5) {
        const { worst } = slowdowns({ runMs, draftMs, acceptance: () => percent / 100, tokens: 400 });
        assert.ok(worst < 1.03, `${machine}, draft ${draftMs} ms, ${percent} %: ${worst}`);
      }
    }
  }
});

test("costs that the check took for lower ones, and asking in vain, are paid within the same bound", () => {
  for (const [machine, runMs] of Object.entries(machines)) {
    for (const percent of [0, 10, 20, 30, 40, 60]) {
      const world = { runMs, draftMs: 0.05, acceptance: () => percent / 100, tokens: 400 };
      const checkMs = (n: number): number => (runMs(1) + runMs(n)) / 2;
      const { worst: misled } = slowdowns({ ...world, checkMs });
      assert.ok(misled < 1.03, `${machine}, ${percent} %, misled: ${misled}`);
      const { worst: silent } = slowdowns({ ...world, askMs: 0.3 * runMs(1), silence: 0.9 });
      assert.ok(silent < 1.03, `${machine}, ${percent} %, mostly silent: ${silent}`);
    }
  }
});

test("where luck changes all the time, auto loses no more than 3 % either", () => {
  for (const [machine, runMs] of Object.entries(machines)) {
    for (const period of [10, 40, 150]) {
      const acceptance = (i: number): number => (Math.floor(i / period) % 4 === 0 ? 0.95 : 0);
      const { worst } = slowdowns({ runMs, draftMs: 0.2, acceptance, tokens: 600 });
      assert.ok(worst < 1.03, `${machine}, period ${period}: ${worst}`);
    }
  }
});

test("drafts that stand are found and used", () => {
  const speed = (percent: number): number =>
    1 /
    slowdowns({ runMs: machines["int4, block 32"], draftMs: 0, acceptance: () => percent / 100, tokens: 400 })
      .middle;
  assert.ok(speed(95) > 2.5, `95 %: ${speed(95)}`);
  assert.ok(speed(80) > 1.6, `80 %: ${speed(80)}`);
  assert.ok(speed(50) > 1.1, `50 %: ${speed(50)}`);
});

test("luck that turns for the better is noticed", () => {
  const runMs = machines["int4, block 32"];
  const acceptance = (i: number): number => (i < 300 ? 0 : 0.95);
  const { middle } = slowdowns({ runMs, draftMs: 0, acceptance, tokens: 1200 });
  assert.ok(1 / middle > 1.6, `${1 / middle}`);
});

test("what does not pay says why; what pays, and what was never tried, says nothing", () => {
  const runMs = machines["int4, block 32"];
  const poor = simulate({ runMs, draftMs: 1, acceptance: () => 0.02, tokens: 300 });
  assert.match(
    poor.policy.offBecause() ?? "",
    /^\d+ % of drafted tokens stand, and a run with \d of them takes/,
  );
  const rich = simulate({ runMs, draftMs: 1, acceptance: () => 0.9, tokens: 300 });
  assert.equal(rich.policy.offBecause(), null);
  assert.equal(createDraftPolicy(createRunCosts()).offBecause(), null);
});

test("a draft ends before its first doubtful token, and a guess that begins with one is no draft", () => {
  const costs = createRunCosts();
  for (let tokens = 1; tokens <= maxVerify; tokens++) costs.observe(tokens, 10 + 4 * (tokens - 1));
  const policy = createDraftPolicy(costs, [0.1, 0.95]);
  assert.equal(policy.longest("auto", 5), 5);
  assert.equal(policy.length("auto", [1, 1, 1, 1, 1]), 5);
  assert.equal(policy.length("auto", [1, 1, 0, 1, 1]), 2);
  assert.equal(policy.length("always", [1, 0, 1]), 1);
  assert.equal(policy.length("auto", []), 0);
  policy.charge(17); // of 30 ms at first: no longer enough for what is not expected to pay
  assert.equal(policy.length("auto", [0, 1, 1]), 0);
  assert.equal(policy.length("auto", [1, 1, 1]), 3);
});

test("without the means to draft nobody needs to ask, until the share of plain runs has made up for it", () => {
  const costs = createRunCosts();
  for (let tokens = 1; tokens <= maxVerify; tokens++) costs.observe(tokens, 10 * tokens);
  const policy = createDraftPolicy(costs, [0.1]);
  assert.equal(policy.restRuns("auto"), 0);
  policy.charge(1000);
  assert.equal(policy.restRuns("always"), 0);
  const runs = policy.restRuns("auto");
  assert.ok(runs > 0 && runs < 1000, `${runs}: what is known grows old`);
  policy.charge(-1000);
  policy.charge(16);
  const few = policy.restRuns("auto");
  assert.ok(few > 0);
  policy.rest(few);
  assert.equal(policy.restRuns("auto"), 0);
});

test("always drafts where auto would not", () => {
  const runMs = machines["a second token costs a whole run"];
  const forced = simulate({ runMs, draftMs: 5, acceptance: () => 0.1, tokens: 200 }, { will: "always" });
  assert.ok(forced.slowdown > 1.5, `${forced.slowdown}`);
});

test("runs of one cost their median; runs of more lie on a line through all of them", () => {
  const costs = createRunCosts();
  assert.equal(costs.of(3), 0);
  costs.observe(1, 10);
  assert.equal(costs.of(3), 14, "a fifth of a run each, as long as nothing is known");
  for (const ms of [10, 10_000]) costs.observe(1, ms);
  assert.equal(costs.of(1), 10);
  for (let i = 0; i < 60; i++) for (const tokens of [2, 4, 9]) costs.observe(tokens, 20 + 2 * tokens);
  for (const tokens of [2, 3, 5, 9, 12]) {
    const found = costs.of(tokens);
    assert.ok(Math.abs(found - (20 + 2 * tokens)) < 1e-6, `${tokens}: ${found}`);
  }
});

test("a run that is held up hardly moves the line, and a machine that slows down moves all of it", () => {
  const costs = createRunCosts();
  for (let i = 0; i < 20; i++) for (const tokens of [1, 2, 9]) costs.observe(tokens, 9 + tokens);
  const before = costs.of(5);
  costs.observe(5, 100 * before);
  assert.ok(costs.of(5) < 1.05 * before, `${costs.of(5)} after ${before}`);
  const calm = costs.of(5);
  for (let i = 0; i < 15; i++) costs.observe(1, 20);
  assert.equal(costs.of(5), 2 * calm);
});
