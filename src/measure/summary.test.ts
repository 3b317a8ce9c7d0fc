import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../base/random.ts";
import { type Sample, summarise } from "./summary.ts";

const samples = (values: readonly (number | null)[], rounds = 1): Sample[] =>
  values.map((value, i) => ({ value, round: i % rounds }));
const hundred = Array.from({ length: 101 }, (_, i) => i);

test("latencies have their tail at the high end, speeds at the low end", () => {
  const high = summarise(samples(hundred), { tail: "high", random: createRandom(1) });
  assert.deepEqual([high.p50, high.p90, high.p95, high.n], [50, 90, 95, 101]);
  const low = summarise(samples(hundred), { tail: "low", random: createRandom(1) });
  assert.ok(low.p90 !== null && low.p95 !== null);
  assert.ok(Math.abs(low.p90 - 10) < 1e-9 && Math.abs(low.p95 - 5) < 1e-9, `${low.p90}, ${low.p95}`);
});

test("nothing measured is null, never zero", () => {
  const empty = summarise([], { tail: "high", random: createRandom(1) });
  assert.deepEqual(empty, {
    n: 0,
    p50: null,
    p90: null,
    p95: null,
    intervals: { p50: null, p90: null, p95: null },
  });
});

test("a percentile among censored runs is null, and so is that end of its interval", () => {
  const values = hundred.map((v) => (v > 92 ? null : v));
  const summary = summarise(samples(values), { tail: "high", random: createRandom(1) });
  assert.deepEqual([summary.p50, summary.p90, summary.p95, summary.n], [50, 90, null, 101]);
  assert.equal(summary.intervals.p95?.[1], null);
  assert.ok(Number.isFinite(summary.intervals.p50?.[1]));
});

test("intervals hold the estimate, and drift between rounds widens them", () => {
  const random = createRandom(2);
  const noise = Array.from({ length: 120 }, (_, i) => ({ value: 100 + random.normal(), round: i % 10 }));
  const drifting = noise.map(({ value, round }) => ({ value: value + 5 * round, round }));
  const width = (given: readonly Sample[]): number => {
    const { p50, intervals } = summarise(given, { tail: "high", random: createRandom(3) });
    const [low, high] = intervals.p50 ?? [null, null];
    assert.ok(low !== null && high !== null && p50 !== null && low <= p50 && p50 <= high);
    return high - low;
  };
  const blocked = width(drifting);
  const single = width(drifting.map(({ value }) => ({ value, round: 0 })));
  assert.ok(blocked > 1.3 * single, `${blocked} against ${single}`);
});
