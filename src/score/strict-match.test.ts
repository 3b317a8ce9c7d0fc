import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject, ToolDefinition } from "../tools/types.ts";
import { matchesLaxly } from "./lax-match.ts";
import { matchesStrictly, strictExpectation } from "./strict-match.ts";

const tool: ToolDefinition = {
  type: "function",
  function: {
    name: "book",
    parameters: {
      type: "object",
      properties: {
        city: { type: "string" },
        nights: { type: "integer" },
        price: { type: "number" },
        tags: { type: "array", items: { type: "string" } },
        guest: { type: "object" },
        note: { type: ["string", "null"] },
      },
      required: ["city"],
    },
  },
};

function matches(expected: JsonObject, given: JsonObject): [strict: boolean, lax: boolean] {
  const want = { name: "book", arguments: expected };
  const call = { name: "book", arguments: given };
  return [matchesStrictly(strictExpectation(want, tool), call), matchesLaxly(want, call, tool)];
}

test("equal calls match by both rules, whatever the types", () => {
  const args = {
    city: "Oslo",
    nights: 3,
    price: 99.5,
    tags: ["quiet", "view"],
    guest: { name: "Ann", age: 40 },
    note: null,
  };
  assert.deepEqual(matches(args, structuredClone(args)), [true, true]);
});

test("an integer stands for a float, as 5 and 5.0 are one number in JSON", () => {
  assert.deepEqual(matches({ city: "Oslo", price: 5.5 }, { city: "Oslo", price: 5 }), [false, false]);
  assert.deepEqual(matches({ city: "Oslo", price: 5 }, { city: "Oslo", price: 5 }), [true, true]);
});

test("values that differ in any part match by neither rule", () => {
  assert.deepEqual(matches({ city: "Oslo" }, { city: "Rome" }), [false, false]);
  assert.deepEqual(matches({ city: "Oslo" }, {}), [false, false]);
  assert.deepEqual(matches({ city: "Oslo", nights: 3 }, { city: "Oslo", nights: 4 }), [false, false]);
  assert.deepEqual(
    matches({ city: "Oslo", guest: { name: "Ann" } }, { city: "Oslo", guest: { name: "Bob" } }),
    [false, false],
  );
});

test("strict wants the type, lax the value", () => {
  assert.deepEqual(matches({ city: "Oslo", nights: 3 }, { city: "Oslo", nights: "3" }), [false, true]);
});

test("strict wants the optional arguments that are expected and no others, lax forgives both", () => {
  assert.deepEqual(matches({ city: "Oslo", nights: 3 }, { city: "Oslo" }), [false, true]);
  assert.deepEqual(matches({ city: "Oslo" }, { city: "Oslo", nights: 3 }), [false, true]);
});

test("another tool's name never matches", () => {
  const want = { name: "book", arguments: { city: "Oslo" } };
  const call = { name: "cancel", arguments: { city: "Oslo" } };
  assert.equal(matchesStrictly(strictExpectation(want, tool), call), false);
  assert.equal(matchesLaxly(want, call, tool), false);
});
