import assert from "node:assert/strict";
import { test } from "node:test";
import { scoreGrounding } from "./grounding.ts";

const request = "What is the weather in Paris, and set a timer for 5 minutes";
const weather = { ok: true, city: "Paris", sky: "light rain", celsius: 12.4 };

test("citing a result's figure or words grounds it", () => {
  const full = { precision: 1, recall: 1, f1: 1 };
  assert.deepEqual(scoreGrounding("It is 12.4 degrees in Paris.", [weather], request), {
    strict: full,
    lax: full,
  });
  assert.deepEqual(scoreGrounding("There is light rain.", [weather], request)?.strict, full);
});

test("lax takes case, spacing and rounding, strict does not", () => {
  for (const answer of ["Light  Rain today.", "About 12 degrees."]) {
    const score = scoreGrounding(answer, [weather], request);
    assert.equal(score?.lax.recall, 1, answer);
    assert.equal(score?.strict.recall, 0, answer);
  }
  assert.equal(scoreGrounding("1,250 euros", [{ price: 1250 }], "")?.lax.recall, 1);
  assert.equal(scoreGrounding("1249 euros", [{ price: 1250 }], "")?.lax.recall, 0);
});

test("booleans, success words and echoes of the request ground nothing", () => {
  assert.equal(
    scoreGrounding("It is true, the moon is cheese. Ok.", [{ ok: true, status: "ok" }], request),
    null,
  );
  assert.equal(scoreGrounding("In Paris, 5 minutes.", [{ city: "Paris", minutes: 5 }], request), null);
  const score = scoreGrounding("It is true for Paris.", [weather], request);
  assert.equal(score?.lax.recall, 0);
});

test("a figure that nothing supports costs precision", () => {
  const score = scoreGrounding("It is 12.4 degrees, 99 tomorrow.", [weather], request);
  assert.deepEqual(score?.lax, { precision: 0.5, recall: 1, f1: 2 / 3 });
});

test("figures of the request are supported", () => {
  assert.equal(scoreGrounding("12.4 degrees; timer for 5 minutes.", [weather], request)?.lax.precision, 1);
});

test("each result must be cited", () => {
  const timer = { timer_id: "T-481" };
  const score = scoreGrounding("It is 12.4 degrees.", [weather, timer], request);
  assert.equal(score?.lax.recall, 0.5);
  assert.equal(scoreGrounding("12.4 degrees; timer T-481 runs.", [weather, timer], request)?.strict.f1, 1);
});

test("a value is cited as a whole word only", () => {
  assert.equal(scoreGrounding("It is 124 or 12.", [{ n: 4 }], "")?.lax.recall, 0);
  assert.equal(scoreGrounding("Annabel came", [{ name: "Anna" }], "")?.lax.recall, 0);
});

test("silence scores 0", () => {
  const none = { precision: 0, recall: 0, f1: 0 };
  assert.deepEqual(scoreGrounding("", [weather], request), { strict: none, lax: none });
});
