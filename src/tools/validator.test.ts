import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject, JsonSchema, ToolDefinition } from "./types.ts";
import { createCallValidator } from "./validator.ts";

const toolOf = (name: string, parameters: JsonSchema): ToolDefinition => ({
  type: "function",
  function: { name, parameters },
});
const timer = toolOf("set_timer", {
  type: "object",
  properties: {
    minutes: { type: "integer", minimum: 1, maximum: 180 },
    day: { enum: ["today", "tomorrow"] },
    on: { type: "string", format: "date" },
  },
  required: ["minutes"],
  additionalProperties: false,
});
const validator = createCallValidator([timer]);
const check = (args: JsonObject, name = "set_timer") => validator.validate({ name, arguments: args });
const rules = (args: JsonObject, name?: string): string[] => {
  const verdict = check(args, name);
  return verdict.valid ? [] : verdict.errors.map((error) => `${error.path} ${error.rule}`);
};

test("a call is valid when its arguments fit the schema", () => {
  assert.deepEqual(check({ minutes: 5 }), { valid: true });
  assert.deepEqual(check({ minutes: 5.0, day: "today", on: "2024-01-05" }), { valid: true });
});

test("every fault of a call is named with its place and rule", () => {
  assert.deepEqual(rules({}), [" required"]);
  assert.deepEqual(rules({ minutes: "5" }), ["/minutes type"]);
  assert.deepEqual(rules({ minutes: 0, day: "never", extra: 1 }), [
    " additionalProperties",
    "/minutes minimum",
    "/day enum",
  ]);
  assert.deepEqual(rules({ minutes: 5, on: "2024-13-05" }), ["/on format"]);
  assert.deepEqual(rules({ minutes: 5 }, "set_timers"), [" unknown_tool"]);
});

test("2020-12 keywords and local references work", () => {
  const parameters = {
    type: "object",
    $defs: { n: { type: "number" } },
    properties: { xy: { prefixItems: [{ $ref: "#/$defs/n" }], items: false } },
  };
  const local = createCallValidator([toolOf("at", parameters)]);
  assert.ok(local.validate({ name: "at", arguments: { xy: [1] } }).valid);
  assert.ok(!local.validate({ name: "at", arguments: { xy: ["1"] } }).valid);
  assert.ok(!local.validate({ name: "at", arguments: { xy: [1, 2] } }).valid);
});

test("bad schemas, remote references and double names are refused by name", () => {
  for (const parameters of [
    { type: "objekt" },
    { properties: { a: { $ref: "https://example.com/a.json" } } },
  ]) {
    assert.throws(() => createCallValidator([toolOf("odd_tool", parameters)]), {
      code: "invalid_config",
      message: /odd_tool/,
    });
  }
  assert.throws(() => createCallValidator([timer, timer]), {
    code: "invalid_config",
    message: /set_timer twice/,
  });
});

test("two tools may use one $id", () => {
  const withId = (type: string) => ({ $id: "urn:example:same", type: "object", properties: { a: { type } } });
  const both = createCallValidator([toolOf("a", withId("string")), toolOf("b", withId("number"))]);
  assert.ok(both.validate({ name: "a", arguments: { a: "x" } }).valid);
  assert.ok(!both.validate({ name: "b", arguments: { a: "x" } }).valid);
});
