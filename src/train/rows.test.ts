import assert from "node:assert/strict";
import { test } from "node:test";
import { makeRow } from "./rows.ts";

// prompt 10 11 12 | call turn 20..24 | result 13 14 | answer 30 31 — padding is no part of a row.
const encoded = {
  ids: [10, 11, 12, 20, 21, 22, 23, 24, 13, 14, 30, 31],
  completion: [0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 1, 1],
  firstCompletion: [3, 8] as const,
  toolNameSpans: [[4, 5] as const],
  argumentSpans: [[6, 7] as const],
  answer: [10, 12] as const,
};
const settings = {
  toolNameWeight: 3,
  argumentWeight: 2,
  controlWeight: 5,
  earlyTokens: 4,
  hasDirectKl: true,
};

test("positions predict exactly the tokens that the model writes", () => {
  const row = makeRow(encoded, { exampleId: "a", voice: "teacher", shouldCall: true }, settings);
  assert.deepEqual([...row.positions], [2, 3, 4, 5, 6, 9, 10]);
  assert.deepEqual([...row.targets], [20, 21, 22, 23, 24, 30, 31]);
  assert.deepEqual(
    [...row.positions].map((p) => encoded.ids[p + 1]),
    [...row.targets],
  );
  // The last token is read by nobody.
  assert.equal(row.ids.length, 11);
  assert.deepEqual([...row.ceWeight], [1, 3, 1, 2, 1, 1, 1]);
  assert.ok(row.earlyWeight.every((w) => w === 0));
  assert.ok(row.klMask.every((k) => k === 1));
  assert.equal(row.firstTurn, 5);
});

test("an early row moves the first N positions of the call from ce to early", () => {
  const row = makeRow(encoded, { exampleId: "a", voice: "direct", shouldCall: true }, settings);
  assert.deepEqual([...row.earlyWeight], [1, 3, 1, 2, 0, 0, 0]);
  assert.deepEqual([...row.ceWeight], [0, 0, 0, 0, 1, 1, 1]);
  // Only the answer is in the teacher's own words.
  assert.deepEqual([...row.klMask], [0, 0, 0, 0, 0, 1, 1]);
  const info = { exampleId: "a", voice: "direct", shouldCall: true } as const;
  const without = makeRow(encoded, info, { ...settings, hasDirectKl: false });
  assert.ok(without.klMask.every((k) => k === 0));
});

test("a row where no tool should be used has no early part, in either voice", () => {
  for (const voice of ["teacher", "direct"] as const) {
    const row = makeRow(encoded, { exampleId: "a", voice, shouldCall: false }, settings);
    assert.ok(row.earlyWeight.every((w) => w === 0));
    assert.ok(row.klMask.every((k) => k === 1));
    // The decision not to call is at the first token, and has the weight of its own.
    assert.deepEqual([...row.ceWeight], [5, 3, 1, 2, 1, 1, 1]);
  }
});

test("an example without completion is refused", () => {
  const nothing = { ...encoded, completion: encoded.completion.map(() => 0) };
  assert.throws(
    () => makeRow(nothing, { exampleId: "b", voice: "teacher", shouldCall: true }, settings),
    /no completion/,
  );
});
