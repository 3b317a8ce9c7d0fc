import assert from "node:assert/strict";
import * as fs from "node:fs";
import { test } from "node:test";
import { LimbeckError } from "../base/errors.ts";
import { packagePath } from "../flow/package-files.ts";
import { readChatRequest } from "./chat-request.ts";
import { readCompletionRequest } from "./completion-request.ts";

const limits = { model: "m", maxTokens: null };
const hello = { model: "m", messages: [{ role: "user", content: "hello" }] };
const tool = (name: string) => ({ type: "function", function: { name, parameters: { type: "object" } } });

/** The field that a body is refused for. */
function refused(body: object, own: Partial<typeof limits> | { maxTokens: number } = {}): unknown {
  try {
    readChatRequest({ ...hello, ...body }, { ...limits, ...own });
  } catch (error) {
    assert.ok(error instanceof LimbeckError, String(error));
    assert.equal(error.httpStatus < 500, true);
    assert.ok(error.message.startsWith(String(error.fields["param"])), error.message);
    return error.fields["param"];
  }
  return assert.fail(`taken: ${JSON.stringify(body)}`);
}

test("a request becomes messages, tools and options of the engine", () => {
  const ask = readChatRequest(
    {
      model: "m",
      messages: [
        {
          role: "developer",
          content: [
            { type: "text", text: "be " },
            { type: "text", text: "brief" },
          ],
        },
        { role: "user", content: "hi", name: "ada" },
        {
          role: "assistant",
          content: null,
          tool_calls: [{ id: "c1", type: "function", function: { name: "f", arguments: '{"x":[1]}' } }],
        },
        { role: "tool", tool_call_id: "c1", content: "2" },
      ],
      tools: [tool("f"), { type: "function", function: { name: "g", strict: false } }],
      tool_choice: { type: "function", function: { name: "g" } },
      response_format: {
        type: "json_schema",
        json_schema: { name: "s", schema: { type: "array" }, strict: false },
      },
      temperature: 0.5,
      top_p: 0.9,
      seed: 3,
      stop: "END",
      max_completion_tokens: 20,
      logprobs: true,
      top_logprobs: 2,
      stream: true,
      stream_options: { include_usage: true },
      user: "u",
      n: 1,
      logit_bias: null,
      presence_penalty: 0,
    },
    limits,
  );
  assert.deepEqual(ask, {
    isStreamed: true,
    includeUsage: true,
    toolNames: ["f", "g"],
    wantsLogprobs: true,
    mayCall: true,
    mostCalls: Number.POSITIVE_INFINITY,
    messages: [
      { role: "system", content: "be brief" },
      { role: "user", content: "hi" },
      { role: "assistant", content: null, tool_calls: [{ name: "f", arguments: { x: [1] } }] },
      { role: "tool", name: "f", content: "2" },
    ],
    tools: [
      tool("f"),
      {
        type: "function",
        function: { name: "g", parameters: { type: "object", properties: {} }, strict: false },
      },
    ],
    options: {
      temperature: 0.5,
      topP: 0.9,
      seed: 3,
      stop: ["END"],
      maxTokens: 20,
      toolChoice: { name: "g" },
      responseFormat: { type: "json_schema", schema: { type: "array" }, strict: false },
      topLogprobs: 2,
    },
  });
});

test("allowed tools are those that the model sees, and their mode is the choice", () => {
  const allowed = (mode: string, ...names: string[]) => ({
    tools: [tool("f"), tool("g"), tool("h")],
    tool_choice: {
      type: "allowed_tools",
      allowed_tools: { mode, tools: names.map((name) => ({ type: "function", function: { name } })) },
    },
  });
  for (const mode of ["auto", "required"]) {
    const { tools, toolNames, options } = readChatRequest({ ...hello, ...allowed(mode, "h", "f") }, limits);
    assert.deepEqual(tools, [tool("f"), tool("h")]);
    assert.deepEqual([toolNames, options.toolChoice], [["f", "g", "h"], mode]);
  }
  assert.equal(refused(allowed("auto", "f", "x")), "tool_choice.allowed_tools.tools[1].function.name");
  assert.equal(refused(allowed("auto")), "tool_choice.allowed_tools.tools");
  assert.equal(refused({ ...allowed("auto", "f"), tools: [] }), "tool_choice");
});

test("a call without arguments has none, and null is no body", () => {
  const call = { id: "c", type: "function", function: { name: "f", arguments: "" } };
  const messages = [{ role: "assistant", tool_calls: [call] }];
  const [message] = readChatRequest({ ...hello, messages }, limits).messages;
  assert.deepEqual(message?.tool_calls, [{ name: "f", arguments: {} }]);
  assert.throws(() => readChatRequest(null, limits), /got null/);
});

test("what is not said is left to the engine", () => {
  const nulls = {
    stop: null,
    temperature: null,
    tools: null,
    logprobs: null,
    stream: null,
    logit_bias: null,
  };
  for (const body of [hello, { ...hello, ...nulls }]) {
    const { options, isStreamed, tools } = readChatRequest(body, limits);
    assert.deepEqual({ options, isStreamed, tools }, { options: {}, isStreamed: false, tools: [] });
  }
});

const bad: readonly (readonly [string, object])[] = [
  ["n", { n: 2 }],
  ["logit_bias", { logit_bias: { 5: 1 } }],
  ["presence_penalty", { presence_penalty: 0.5 }],
  ["functions", { functions: [] }],
  ["modalities", { modalities: ["text", "audio"] }],
  ["max_token", { max_token: 5 }],
  ["__proto__", JSON.parse('{"__proto__": 1}') as object],
  ["messages", { messages: [] }],
  ["messages", { messages: undefined }],
  ["messages[0].role", { messages: [{ role: "robot", content: "x" }] }],
  ["messages[0].content", { messages: [{ role: "user", content: [{ type: "image_url", image_url: {} }] }] }],
  ["messages[0].tool_call_id", { messages: [{ role: "tool", tool_call_id: "nobody", content: "x" }] }],
  ...["{", "[]", `{"x": ${"[".repeat(200)}${"]".repeat(200)}}`].map(
    (text) =>
      [
        "messages[0].tool_calls[0].function.arguments",
        {
          messages: [
            {
              role: "assistant",
              tool_calls: [{ id: "a", type: "function", function: { name: "f", arguments: text } }],
            },
          ],
        },
      ] as const,
  ),
  ["tools[0].function.name", { tools: [tool("no blanks")] }],
  ["tools[1].function.name", { tools: [tool("f"), tool("f")] }],
  ["tool_choice", { tool_choice: "required" }],
  [
    "tool_choice.function.name",
    { tools: [tool("f")], tool_choice: { type: "function", function: { name: "g" } } },
  ],
  ["tool_choice", { tools: [tool("f")], tool_choice: "maybe" }],
  ["response_format.type", { response_format: { type: "yaml" } }],
  [
    "response_format.json_schema.schema",
    { response_format: { type: "json_schema", json_schema: { name: "s" } } },
  ],
  ["temperature", { temperature: 3 }],
  ["top_p", { top_p: 0 }],
  ["seed", { seed: 0.5 }],
  ["stop", { stop: ["a", "b", "c", "d", "e"] }],
  ["stop", { stop: "" }],
  ["max_tokens", { max_tokens: 0 }],
  ["max_completion_tokens", { max_tokens: 1, max_completion_tokens: 2 }],
  ["top_logprobs", { top_logprobs: 2 }],
  ["top_logprobs", { logprobs: true, top_logprobs: 21 }],
  ["stream_options", { stream_options: { include_usage: true } }],
  ["model", { model: "gpt" }],
];
for (const [param, body] of bad) {
  test(`${JSON.stringify(body).slice(0, 70)} is refused for ${param}`, () =>
    assert.equal(refused(body), param));
}

test("the server's own limit of output tokens holds and is the default", () => {
  assert.equal(refused({ max_tokens: 11 }, { maxTokens: 10 }), "max_tokens");
  assert.equal(readChatRequest(hello, { ...limits, maxTokens: 10 }).options.maxTokens, 10);
});

test("an unknown field is refused with the nearest known one", () => {
  assert.throws(
    () => readChatRequest({ ...hello, tempratur: 1 }, limits),
    /tempratur.*nearest is temperature/,
  );
});

/** The names of the fields of an interface in the official client's declarations. */
function declaredFields(file: string, name: string): string[] {
  const text = fs.readFileSync(packagePath("node_modules", "openai", "resources", file), "utf8");
  const start = text.indexOf(`export interface ${name} {`);
  const body = text.slice(start, text.indexOf("\n}", start));
  return [...body.matchAll(/^ {4}(\w+)\??:/gm)].map(([, field]) => field!);
}

test("every field that the official client can send has an answer", () => {
  const read = { chat: readChatRequest, completion: readCompletionRequest };
  for (const [kind, file, name] of [
    ["chat", "chat/completions/completions.d.ts", "ChatCompletionCreateParamsBase"],
    ["completion", "completions.d.ts", "CompletionCreateParamsBase"],
  ] as const) {
    const fields = declaredFields(file, name);
    assert.ok(fields.length > 15, `${fields}`);
    for (const field of fields) {
      try {
        read[kind]({ model: "m", messages: hello.messages, [field]: { odd: true } }, limits);
      } catch (error) {
        assert.doesNotMatch((error as Error).message, new RegExp(`^${field}: unknown`));
      }
    }
  }
});

test("a completion takes one text", () => {
  const { prompt, options, wantsLogprobs } = readCompletionRequest(
    { model: "m", prompt: ["once"], logprobs: 1 },
    limits,
  );
  assert.deepEqual([prompt, options, wantsLogprobs], ["once", { topLogprobs: 1 }, true]);
  for (const prompt of [["a", "b"], [1, 2], "", [[1]]]) {
    assert.throws(() => readCompletionRequest({ model: "m", prompt }, limits), /^LimbeckError: prompt/);
  }
  assert.throws(() => readCompletionRequest({ model: "m", prompt: "a", echo: true }, limits), /echo/);
});
