import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom, type Random } from "../base/random.ts";
import { judgeRatio, type SpeedFigure, samplesToDecide } from "./speed-rule.ts";
import type { Finding } from "./verdict.ts";

const limit = 0.05;

function noisy(random: Random, scale: number, cv: number, samples: number): { values: number[] } {
  return { values: Array.from({ length: samples }, () => scale * Math.exp(cv * random.normal())) };
}

/** How often each verdict falls when the true ratio of latencies is `ratio`. */
function simulate(figure: SpeedFigure, ratio: number, cv: number, samples: number, runs: number) {
  const random = createRandom(samples * 1000 + Math.round(ratio * 100));
  const counts = { pass: 0, fail: 0, inconclusive: 0 };
  const worse = figure.metric === "tps" ? 1 / ratio : ratio;
  for (let run = 0; run < runs; run++) {
    const finding = judgeRatio(
      noisy(random, 100 * worse, cv, samples),
      noisy(random, 100, cv, samples),
      figure,
      limit,
      200,
    );
    counts[finding.verdict] += 1;
  }
  return counts;
}

const figures: readonly SpeedFigure[] = [
  { metric: "ttft_ms", percentile: "p50" },
  { metric: "ttft_ms", percentile: "p95" },
  { metric: "tps", percentile: "p95" },
];

test("false fail and false pass stay within 1 % at 5 % noise", () => {
  const runs = 200;
  for (const figure of figures) {
    // More samples only make it surer; one figure shows that.
    for (const samples of figure === figures[1] ? [60, 120] : [60]) {
      const what = `${figure.metric} ${figure.percentile}, n ${samples}`;
      const same = simulate(figure, 1, 0.05, samples, runs);
      assert.ok(same.fail <= 0.01 * runs, `${what}: ${same.fail} of ${runs} equal pairs fail`);
      const worse = simulate(figure, 1 + 2 * limit, 0.05, samples, runs);
      assert.ok(worse.pass <= 0.01 * runs, `${what}: ${worse.pass} of ${runs} at twice the limit pass`);
    }
  }
});

test("at 2 % noise and 60 runs nearly every pair is decided, rightly", () => {
  const runs = 100;
  for (const figure of figures) {
    const same = simulate(figure, 1, 0.02, 60, runs);
    const worse = simulate(figure, 1 + 2 * limit, 0.02, 60, runs);
    const what = `${figure.metric} ${figure.percentile}`;
    assert.ok(same.pass >= 0.95 * runs, `${what}: ${same.pass} of ${runs} equal pairs pass`);
    assert.ok(worse.fail >= 0.9 * runs, `${what}: ${worse.fail} of ${runs} at twice the limit fail`);
  }
});

function undecidedPair(): { finding: Finding; samples: number } {
  const random = createRandom(8);
  const samples = 30;
  const baseline = noisy(random, 100, 0.05, 2000);
  const finding = judgeRatio(noisy(random, 103, 0.05, samples), baseline, figures[0]!, limit);
  return { finding, samples };
}

test("an undecided pair says how many samples would decide, and they do", () => {
  const { finding, samples } = undecidedPair();
  assert.equal(finding.verdict, "inconclusive");
  const needed = finding.samplesNeeded;
  assert.ok(typeof needed === "number" && needed > samples, `samples needed: ${needed}`);
  const random = createRandom(9);
  const ratio = finding.value!;
  const more = judgeRatio(
    noisy(random, 100 * ratio, 0.05, 2 * needed),
    noisy(random, 100, 0.05, 20_000),
    figures[0]!,
    limit,
  );
  assert.equal(more.verdict, ratio < 1 + limit ? "pass" : "fail");
});

test("where the baseline's own spread hides the limit, both need more samples", () => {
  const interval = { low: 0.98, high: 1.1, confidence: 0.95, resampled: "samples" as const };
  const wide = { ...interval, estimate: 1.02, numeratorError: 0.01, denominatorError: 0.03 };
  const advice = samplesToDecide(wide, 1.05, 60);
  assert.equal(advice?.inBaselineToo, true);
  // (z / ln(1.05/1.02))² (0.01² + 0.03²) is 4.57 times the present 60, and a tenth more.
  assert.equal(advice?.samples, Math.ceil(60 * 1.1 * (1.96 / Math.log(1.05 / 1.02)) ** 2 * 0.001));
  const sharp = { ...wide, denominatorError: 0.001 };
  assert.equal(samplesToDecide(sharp, 1.05, 60)?.inBaselineToo, false);
  const atTheLimit = { ...wide, estimate: 1.0499 };
  assert.equal(samplesToDecide(atTheLimit, 1.05, 60), null);
});

test("the same two reports get the same interval", () => {
  const { finding } = undecidedPair();
  assert.deepEqual(undecidedPair().finding, finding);
});
