import assert from "node:assert/strict";
import { test } from "node:test";
import { type BatchFigures, decideBatch, summarizeBatch } from "./batch-policy.ts";

const at = (batch: number, tps: number | null, p95LatencyMs: number | null): BatchFigures => ({
  batch,
  requests: 10,
  tps,
  p95LatencyMs,
});

const cases: readonly [name: string, alone: BatchFigures, candidates: BatchFigures[], batch: number][] = [
  ["much faster, hardly later", at(1, 100, 100), [at(2, 180, 104)], 2],
  ["exactly 10 % faster passes", at(1, 100, 100), [at(2, 110, 100)], 2],
  ["a hair below 10 % does not", at(1, 100, 100), [at(2, 109.999999, 100)], 1],
  ["what rounds to 10 % does not", at(1, 1000, 100), [at(2, 1099.6, 100)], 1],
  ["exactly 10 % later does not pass", at(1, 100, 100), [at(2, 200, 110)], 1],
  ["a hair below 10 % later passes", at(1, 100, 100), [at(2, 200, 109.999999)], 2],
  ["faster but later", at(1, 100, 100), [at(2, 190, 150)], 1],
  ["slower", at(1, 100, 100), [at(2, 90, 90)], 1],
  [
    "the most throughput of those that pass",
    at(1, 100, 100),
    [at(2, 150, 101), at(3, 200, 109), at(4, 300, 120)],
    3,
  ],
  ["of equals the smaller", at(1, 100, 100), [at(4, 150, 101), at(2, 150, 105)], 2],
  ["no candidates", at(1, 100, 100), [], 1],
  ["nothing measured alone", at(1, null, null), [at(2, 200, 100)], 1],
  ["no throughput", at(1, 100, 100), [at(2, null, 100)], 1],
  ["no latency", at(1, 100, 100), [at(2, 200, null)], 1],
  ["NaN throughput", at(1, 100, 100), [at(2, Number.NaN, 100)], 1],
  ["NaN latency", at(1, 100, 100), [at(2, 200, Number.NaN)], 1],
  ["NaN alone", at(1, Number.NaN, 100), [at(2, 200, 100)], 1],
  ["infinite throughput", at(1, 100, 100), [at(2, Number.POSITIVE_INFINITY, 100)], 1],
  ["latency 0 is no latency", at(1, 100, 100), [at(2, 200, 0)], 1],
];

for (const [name, alone, candidates, batch] of cases) {
  test(`batch policy: ${name}`, () => {
    const decision = decideBatch(alone, candidates);
    assert.equal(decision.batch, batch);
    assert.equal(decision.candidates.length, candidates.length);
    for (const { passes, tpsRatio, p95LatencyRatio } of decision.candidates) {
      if (passes) assert.ok(Number.isFinite(tpsRatio) && Number.isFinite(p95LatencyRatio));
      // A report holds no NaN: what is missing is null.
      assert.ok(tpsRatio === null || Number.isFinite(tpsRatio));
    }
  });
}

test("figures are over all rounds: tokens over wall time, latencies together", () => {
  const samples = [
    { batch: 1, tokens: 30, wallMs: 100, latenciesMs: [40, 60] },
    { batch: 2, tokens: 30, wallMs: 10, latenciesMs: [1] },
    { batch: 1, tokens: 10, wallMs: 300, latenciesMs: [300] },
  ];
  const { tps, p95LatencyMs, requests } = summarizeBatch(1, samples);
  assert.equal(tps, 100);
  assert.equal(requests, 3);
  assert.ok(p95LatencyMs! > 270 && p95LatencyMs! <= 300);
  assert.deepEqual(summarizeBatch(3, samples), { batch: 3, requests: 0, tps: null, p95LatencyMs: null });
  assert.deepEqual(summarizeBatch(1, [{ batch: 1, tokens: 0, wallMs: 0, latenciesMs: [] }]).tps, null);
});
