import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../base/random.ts";
import {
  bootstrap,
  bootstrapInterval,
  censoredPercentile,
  mcnemarExact,
  percentile,
  quantileOfSorted,
  ratioInterval,
  type SortedStatistic,
  slowTailPercentile,
  sortAscending,
  standardDeviation,
} from "./statistics.ts";

const median: SortedStatistic = (sorted) => quantileOfSorted(sorted, 0.5);
const p95: SortedStatistic = (sorted) => quantileOfSorted(sorted, 0.95);

function assertClose(actual: number, expected: number, tolerance: number, what: string): void {
  const difference = Math.abs(actual - expected);
  assert.ok(
    difference <= tolerance,
    `${what}: got ${actual}, expected ${expected} (difference ${difference})`,
  );
}

test("percentiles are linear between order statistics", () => {
  assert.equal(percentile([4, 1, 3, 2], 50), 2.5);
  assertClose(percentile([10, 20, 30, 40, 50], 95), 48, 1e-12, "p95");
  assert.equal(percentile([7], 95), 7);
  assert.equal(percentile([0.1, 0.1, 0.1], 95), 0.1);
});

test("percentiles of a speed watch the slow tail", () => {
  const speeds = Array.from({ length: 101 }, (_, i) => 100 + i);
  assert.equal(slowTailPercentile(speeds, 50), 150);
  assertClose(slowTailPercentile(speeds, 95), 105, 1e-9, "95 % of the runs reach p95");
  assert.equal(speeds.filter((speed) => speed >= 105).length, 96);
});

test("a censored percentile is null where it touches the censored share", () => {
  const seen = Array.from({ length: 19 }, (_, i) => i + 1);
  assert.equal(censoredPercentile([...seen, null], 50), 10.5);
  // Position 18.05 of 0…19 lies between the last seen value and the censored one.
  assert.equal(censoredPercentile([...seen, null], 95), null);
  assert.equal(censoredPercentile([...seen, null], 90), 18.1);
  assert.equal(censoredPercentile([null, null], 50), null);
});

test("an empty sample is refused, never zero", () => {
  assert.throws(() => percentile([], 50), { code: "internal" });
  assert.throws(() => bootstrapInterval([], median, { random: createRandom(1) }), { code: "internal" });
});

test("the bootstrap of a mean has the spread that theory gives, and a seed decides it", () => {
  const random = createRandom(3);
  const samples = Array.from({ length: 100 }, () => random.normal());
  const draw = (seed: number): Float64Array =>
    bootstrap(samples, (sorted) => sorted.reduce((a, b) => a + b, 0) / sorted.length, {
      random: createRandom(seed),
    });
  assertClose(
    standardDeviation(draw(1)),
    standardDeviation(samples) / 10,
    0.006,
    "standard error of the mean",
  );
  assert.deepEqual(draw(1), draw(1));
  assert.notDeepEqual(draw(1), draw(2));
});

/** Samples of a latency whose median is `scale`, with coefficient of variation `cv` within and `drift` between blocks. */
function latencies(random: ReturnType<typeof createRandom>, scale: number, cv: number, drift: number) {
  const values: number[] = [];
  const blocks: number[] = [];
  for (let block = 0; block < 10; block++) {
    const shift = drift * random.normal();
    for (let i = 0; i < 6; i++) {
      values.push(scale * Math.exp(cv * random.normal() + shift));
      blocks.push(block);
    }
  }
  return { values, blocks };
}

function coverage(statistic: SortedStatistic, drift: number, keepsBlocks: boolean): number {
  const random = createRandom(11);
  const runs = 200;
  let covered = 0;
  for (let run = 0; run < runs; run++) {
    const a = latencies(random, 110, 0.04, drift);
    const b = latencies(random, 100, 0.04, drift);
    const [top, bottom] = keepsBlocks ? [a, b] : [{ values: a.values }, { values: b.values }];
    const interval = ratioInterval(top, bottom, statistic, { random, resamples: 400 });
    assert.equal(interval.resampled, keepsBlocks ? "blocks" : "samples");
    if (interval.low <= 1.1 && interval.high >= 1.1) covered += 1;
  }
  return covered / runs;
}

test("95 % intervals of a ratio hold the true ratio about 95 % of the time", () => {
  for (const [name, statistic] of [["p50", median] as const, ["p95", p95] as const]) {
    const share = coverage(statistic, 0, false);
    assert.ok(share >= 0.92 && share <= 0.995, `${name}: ${share} of the intervals hold the true ratio`);
  }
});

test("drift between blocks is seen only when blocks are known", () => {
  const blind = coverage(median, 0.04, false);
  const aware = coverage(median, 0.04, true);
  assert.ok(blind < 0.85, `without blocks ${blind} of the intervals hold the true ratio`);
  assert.ok(aware > 0.89, `with blocks ${aware} of the intervals hold the true ratio`);
});

test("a ratio's interval surrounds its estimate", () => {
  const random = createRandom(5);
  const { values } = latencies(random, 100, 0.05, 0);
  const interval = ratioInterval({ values }, { values }, median, { random });
  assert.equal(interval.estimate, 1);
  assert.ok(interval.low < 1 && interval.high > 1, `${interval.low} to ${interval.high}`);
  assert.ok(sortAscending(values)[0]! > 0);
});

test("McNemar's exact test agrees with sums of binomials", () => {
  assert.equal(mcnemarExact(0, 0), 1);
  assertClose(mcnemarExact(0, 5), 2 / 32, 1e-12, "0 against 5");
  assertClose(mcnemarExact(2, 8), (2 * (1 + 10 + 45)) / 1024, 1e-12, "2 against 8");
  assert.equal(mcnemarExact(4, 4), 1);
});
