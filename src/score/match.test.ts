import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { assignCalls, precisionRecall } from "./match.ts";

test("finds the pair that taking the first fit would lose", () => {
  // Expected 0 fits both made calls, expected 1 only the first.
  const fits = [
    [true, true],
    [true, false],
  ];
  assert.deepEqual(
    assignCalls(2, 2, (e, m) => fits[e]![m]!),
    [1, 0],
  );
});

/** The most pairs by trying every choice. */
function mostPairs(fits: readonly (readonly boolean[])[], e = 0, used = 0): number {
  if (e === fits.length) return 0;
  let best = mostPairs(fits, e + 1, used);
  for (const [m, fit] of fits[e]!.entries()) {
    if (fit && (used & (1 << m)) === 0) best = Math.max(best, 1 + mostPairs(fits, e + 1, used | (1 << m)));
  }
  return best;
}

test("matches as many calls as trying everything does, each at most once", () => {
  const table = fc.array(fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }), { maxLength: 5 });
  fc.assert(
    fc.property(table, (fits) => {
      const assigned = assignCalls(fits.length, 5, (e, m) => fits[e]![m]!);
      const used = assigned.filter((e) => e !== null);
      assert.equal(used.length, mostPairs(fits));
      assert.equal(new Set(used).size, used.length);
      for (const [m, e] of assigned.entries()) assert.ok(e === null || fits[e]![m]);
    }),
    { numRuns: 200 },
  );
});

test("silence scores 0, and nothing is ever NaN", () => {
  assert.deepEqual(precisionRecall(0, 0, 2), { matched: 0, precision: 0, recall: 0, f1: 0 });
  assert.deepEqual(precisionRecall(0, 0, 0), { matched: 0, precision: 0, recall: 0, f1: 0 });
  assert.deepEqual(precisionRecall(1, 2, 1), { matched: 1, precision: 0.5, recall: 1, f1: 2 / 3 });
});
