import assert from "node:assert/strict";
import { test } from "node:test";
import type { Example } from "../data/types.ts";
import type { ToolDefinition } from "../tools/types.ts";
import { judgeText } from "./judge.ts";

const timer: ToolDefinition = {
  type: "function",
  function: {
    name: "set_timer",
    parameters: {
      type: "object",
      properties: { minutes: { type: "integer" }, label: { type: "string" } },
      required: ["minutes"],
      additionalProperties: false,
    },
  },
};
const example: Example = {
  id: "a",
  messages: [{ role: "user", content: "five minutes for tea" }],
  tools: [timer, { ...timer, function: { ...timer.function, name: "set_alarm" } }],
  expect: { behaviour: "tool", calls: [{ name: "set_timer", arguments: { minutes: 5, label: "Tea" } }] },
};
const control: Example = { ...example, expect: { behaviour: "no_tool", calls: [] } };
const call = (args: unknown, name = "set_timer"): string =>
  `<|call|>${JSON.stringify({ name, arguments: args })}<|/call|>`;

test("required fields with equal normalised values cover; optional ones decide only exactness", () => {
  assert.deepEqual(judgeText(example, call({ minutes: 5, label: " tea" })), {
    isCovered: true,
    isExact: true,
    hasCall: true,
  });
  const short = judgeText(example, `Sure. ${call({ minutes: 5 })}`);
  assert.deepEqual([short.isCovered, short.isExact], [true, false]);
});

test("a wrong value, another tool, an invalid or unfinished call do not cover", () => {
  for (const text of [
    call({ minutes: 6 }),
    call({ minutes: 5 }, "set_alarm"),
    call({ minutes: "five" }),
    call({ label: "tea" }),
    '<|call|>{"name":"set_timer","arguments":{"minutes":5',
    "I will set it.",
  ]) {
    assert.equal(judgeText(example, text).isCovered, false, text);
    assert.equal(judgeText(example, text).isExact, false, text);
  }
});

test("a control is covered by words, and any call, whole or not, is a call", () => {
  assert.deepEqual(judgeText(control, "Hello!"), { isCovered: true, isExact: true, hasCall: false });
  assert.equal(judgeText(control, call({ minutes: 5 })).hasCall, true);
  assert.equal(judgeText(control, "<|call|>{").hasCall, true);
});
