import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { LimbeckError } from "../base/errors.ts";
import { checkMessages, checkOptions, checkTools } from "./request-check.ts";

const isRefused = (option: string) => (error: unknown) =>
  error instanceof LimbeckError &&
  error.code === "invalid_request" &&
  error.message.startsWith(`${option}: expected `);

const tool = (own: object) => ({ type: "function", function: { name: "f", parameters: {}, ...own } });

test("what is no message is named by its place", () => {
  const user = { role: "user", content: "x" };
  const calls = (tool_calls: unknown) => [user, { role: "assistant", content: null, tool_calls }];
  const bad: readonly (readonly [string, unknown])[] = [
    ["messages", "x"],
    ["messages", undefined],
    ["messages", []],
    ["messages[0]", [null]],
    ["messages[1]", [user, { role: "king", content: "x" }]],
    ["messages[1].tool_calls", calls(5)],
    ["messages[1].tool_calls", calls([null])],
    ["messages[1].tool_calls", calls([{ function: { name: "f", arguments: "{}" } }])],
  ];
  for (const [option, messages] of bad) {
    assert.throws(() => checkMessages(messages), isRefused(option), JSON.stringify(messages));
  }
  const good = calls([{ name: "f", arguments: {} }]);
  assert.equal(checkMessages(good), good);
});

test("what is no tool is named by its place", () => {
  const bad: readonly (readonly [string, unknown])[] = [
    ["tools", "x"],
    ["tools", null],
    ["tools[0]", [null]],
    ["tools[0]", [{}]],
    ["tools[1].function.name", [tool({}), tool({ name: 5 })]],
    ["tools[0].function.description", [tool({ description: 5 })]],
    ["tools[0].function.parameters", [tool({ parameters: "x" })]],
    ["tools[0].function.parameters.required", [tool({ parameters: { required: 5 } })]],
    ["tools[0].function.parameters.properties", [tool({ parameters: { properties: 5 } })]],
    ["tools[0].function.strict", [tool({ strict: "no" })]],
  ];
  for (const [option, tools] of bad) {
    assert.throws(() => checkTools(tools), isRefused(option), JSON.stringify(tools));
  }
  const good = [tool({ description: "d", strict: false })];
  assert.equal(checkTools(good), good);
});

test("options of another kind are named, also those that JSON cannot say", () => {
  const circle: Record<string, unknown> = {};
  circle["of"] = circle;
  const bad: readonly (readonly [string, unknown])[] = [
    ["stop", "timer"],
    ["stop", [5]],
    ["stopTokens", 5],
    ["stopTokens", ["end"]],
    ["stopTokens", [-1]],
    ["toolChoice", "bogus"],
    ["toolChoice", null],
    ["toolChoice", {}],
    ["responseFormat", { type: "xml" }],
    ["responseFormat", "json_object"],
    ["responseFormat", { type: "json_schema" }],
    ["maxTokens", "5"],
    ["maxTokens", 5n],
    ["maxTokens", circle],
    ["temperature", "1"],
  ];
  for (const [option, value] of bad) {
    assert.throws(() => checkOptions({ [option]: value }), isRefused(option), inspect(value));
  }
  checkOptions({ stop: ["a"], toolChoice: { name: "f" }, responseFormat: { type: "text" }, maxTokens: 5 });
});
