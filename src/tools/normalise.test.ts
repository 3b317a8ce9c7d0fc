import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Json } from "../base/json.ts";
import { callKey, isSameValue, normaliseArguments, normaliseValue } from "./normalise.ts";

test("ways to write the same value are the same", () => {
  const same: readonly (readonly [Json, Json])[] = [
    ["Buy  Milk ", "buy milk"],
    ["buy milk.", '"Buy milk"'],
    ["ﬁle", "file"],
    ["5", 5],
    ["5.0", 5],
    ["1,000", 1000],
    ["+7", 7],
    ["-3.50", -3.5],
    [".5", 0.5],
    ["7:30 pm", "19:30"],
    ["7 p.m.", "19:00"],
    ["12 am", "00:00"],
    ["12:15 PM", "12:15"],
    ["07:30:00", "7:30"],
    ["5 January 2024", "2024-01-05"],
    ["Jan 5th, 2024", "2024/1/5"],
    [-0, 0],
    [{ a: "X", b: null }, { a: "x" }],
    [
      [1, "Two"],
      ["1", "two"],
    ],
  ];
  for (const [a, b] of same)
    assert.ok(
      isSameValue(a, b),
      `${JSON.stringify(a)} and ${JSON.stringify(b)}: ${JSON.stringify([normaliseValue(a), normaliseValue(b)])}`,
    );
});

test("different values stay different", () => {
  const different: readonly (readonly [Json, Json])[] = [
    ["on", "off"],
    ["C#", "C"],
    ["-5", "5"],
    ["$5", "5"],
    ["5 km", 5],
    ["7:30", "7:30 pm"],
    ["5/1/2024", "1/5/2024"],
    ["31 Feb 2024", "2024-02-31"],
    ["12345678901234567890", "12345678901234567891"],
    ["1,0", 10],
    [true, "true"],
    [null, ""],
    [
      [1, 2],
      [2, 1],
    ],
    ["?", "!"],
    ["25:00", "1:00"],
  ];
  for (const [a, b] of different)
    assert.ok(
      !isSameValue(a, b),
      `${JSON.stringify(a)} and ${JSON.stringify(b)} are both ${JSON.stringify(normaliseValue(a))}`,
    );
});

test("normalising twice changes nothing more", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const once = normaliseValue(value as Json);
      assert.deepEqual(normaliseValue(once), once);
    }),
  );
});

test("a call's key holds its name exactly and its arguments laxly, in any order", () => {
  assert.deepEqual(normaliseArguments({ to: " Ada ", note: null }), { to: "ada" });
  const key = callKey({ name: "call", arguments: { to: "Ada", at: "7 pm" } });
  assert.equal(callKey({ name: "call", arguments: { at: "19:00", to: "ada", via: null } }), key);
  assert.notEqual(callKey({ name: "Call", arguments: { to: "Ada", at: "7 pm" } }), key);
});
