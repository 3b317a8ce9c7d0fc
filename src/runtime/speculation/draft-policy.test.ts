import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../base/random.ts";
import { createDraftPolicy, type DraftWill } from "./draft-policy.ts";
import { createRunCosts } from "./run-costs.ts";

interface World {
  /** Milliseconds of a run of n tokens, and of drafting one. */
  readonly runMs: (tokens: number) => number;
  readonly draftMs: number;
  /** Chance that a drafted token stands, at output token i. */
  readonly acceptance: (i: number) => number;
  readonly tokens: number;
}

/** Simulated time over plain decoding's, for an engine that knows nothing of its model but two timed runs. */
function simulate({ runMs, draftMs, acceptance, tokens }: World, will: DraftWill = "auto") {
  const random = createRandom(3);
  // Every tenth run is held up by something else.
  const noisy = (ms: number): number => ms * (1 + 0.05 * random.normal()) * (random.next() < 0.1 ? 3 : 1);
  const costs = createRunCosts();
  for (let i = 0; i < 9; i++) costs.observe(1, noisy(runMs(1)));
  for (const tokens of [2, 9, 2, 9]) costs.observe(tokens, noisy(runMs(tokens)));
  const policy = createDraftPolicy(costs);
  let ms = 0;
  let made = 0;
  while (made < tokens) {
    const drafted = policy.length(will, 8, 0);
    let kept = 0;
    while (kept < drafted && random.next() < acceptance(made + kept)) kept++;
    const run = {
      turn: 1,
      drafted,
      kept,
      draftMs: drafted * draftMs,
      runMs: noisy(runMs(1 + drafted)),
    };
    costs.observe(1 + drafted, run.runMs);
    policy.observe(run, 0);
    ms += run.draftMs + runMs(1 + drafted);
    made += 1 + kept;
  }
  return { slowdown: ms / (made * runMs(1)), policy };
}

/** Costs as measured: memory-bound weights with cheap further tokens, and a machine on which they are dear. */
const machines = {
  "int4, block 32": (n: number) => 9 + 1.7 * n,
  "fp32, packed": (n: number) => 12 + 2.1 * (n - 1),
  "a second token costs a whole run": (n: number) => 5 * n,
} as const;

test("over any acceptance, auto is never more than 3 % slower than plain decoding", () => {
  for (const [machine, runMs] of Object.entries(machines)) {
    for (const draftMs of [0, 1.5, 8]) {
      for (let percent = 0; percent <= 100; percent += 5) {
        const { slowdown } = simulate({ runMs, draftMs, acceptance: () => percent / 100, tokens: 400 });
        assert.ok(slowdown < 1.03, `${machine}, draft ${draftMs} ms, ${percent} %: ${slowdown}`);
      }
    }
  }
});

test("where luck changes all the time, auto loses no more than 3 % either", () => {
  for (const [machine, runMs] of Object.entries(machines)) {
    for (const period of [10, 40, 150]) {
      const acceptance = (i: number): number => (Math.floor(i / period) % 4 === 0 ? 0.95 : 0);
      const { slowdown } = simulate({ runMs, draftMs: 0.2, acceptance, tokens: 600 });
      assert.ok(slowdown < 1.03, `${machine}, period ${period}: ${slowdown}`);
    }
  }
});

test("drafts that stand are found and used", () => {
  const speed = (percent: number): number =>
    1 /
    simulate({ runMs: machines["int4, block 32"], draftMs: 0, acceptance: () => percent / 100, tokens: 400 })
      .slowdown;
  assert.ok(speed(95) > 2.5, `95 %: ${speed(95)}`);
  assert.ok(speed(80) > 1.6, `80 %: ${speed(80)}`);
  assert.ok(speed(50) > 1.1, `50 %: ${speed(50)}`);
});

test("luck that turns for the better is noticed", () => {
  const runMs = machines["int4, block 32"];
  const acceptance = (i: number): number => (i < 300 ? 0 : 0.95);
  const { slowdown } = simulate({ runMs, draftMs: 0, acceptance, tokens: 1200 });
  assert.ok(1 / slowdown > 1.6, `${1 / slowdown}`);
});

test("what does not pay says why; what pays, and what was never tried, says nothing", () => {
  const runMs = machines["int4, block 32"];
  const poor = simulate({ runMs, draftMs: 1, acceptance: () => 0.02, tokens: 300 });
  assert.match(
    poor.policy.offBecause() ?? "",
    /^\d+ % of drafted tokens stand, and a run with 1 of them takes/,
  );
  const rich = simulate({ runMs, draftMs: 1, acceptance: () => 0.9, tokens: 300 });
  assert.equal(rich.policy.offBecause(), null);
  assert.equal(createDraftPolicy(createRunCosts()).offBecause(), null);
});

test("always drafts where auto would not", () => {
  const runMs = machines["a second token costs a whole run"];
  const forced = simulate({ runMs, draftMs: 5, acceptance: () => 0.1, tokens: 200 }, "always");
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
