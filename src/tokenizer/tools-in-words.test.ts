import assert from "node:assert/strict";
import { test } from "node:test";
import { callFormats } from "../tools/call-format.ts";
import type { ChatMessage, ToolDefinition } from "../tools/types.ts";
import { callFormatOfFamily } from "./call-format-of.ts";
import { defaultChatTemplate } from "./chat-template.ts";
import { putToolsInWords, takesTools } from "./tools-in-words.ts";

const stop: ToolDefinition = {
  type: "function",
  function: { name: "stop", parameters: { type: "object", properties: {} } },
};
const call = { name: "stop", arguments: { at: 5 } };
const offer =
  "You have these functions, each with the JSON schema of its parameters:\n" +
  '{"name": "stop", "parameters": {"type": "object", "properties": {}}}\n\n' +
  "To call one, answer with nothing but:\n" +
  '```tool_code\n{"name": <function name>, "parameters": <object of arguments>}\n```';

test("the offer ends the system message, or begins the first one", () => {
  const user: ChatMessage = { role: "user", content: "Stop!" };
  const system: ChatMessage = { role: "system", content: "Be brief." };
  assert.deepEqual(putToolsInWords({ messages: [system, user], tools: [stop] }, "gemma").messages, [
    { role: "system", content: `Be brief.\n\n${offer}` },
    user,
  ]);
  assert.deepEqual(putToolsInWords({ messages: [user], tools: [stop] }, "gemma").messages, [
    { role: "user", content: `${offer}\n\nStop!` },
  ]);
  assert.deepEqual(putToolsInWords({ messages: [system, user], tools: [] }, "gemma").messages, [
    system,
    user,
  ]);
});

test("calls are the assistant's words, results the user's, and roles go on alternating", () => {
  const messages: ChatMessage[] = [
    { role: "user", content: "Stop both" },
    { role: "assistant", content: "I do.", tool_calls: [call, call] },
    { role: "tool", name: "stop", content: "1" },
    { role: "tool", name: "stop", content: "2" },
    { role: "user", content: "And now?" },
    { role: "assistant", content: null, tool_calls: [call] },
    { role: "tool", content: "3" },
    { role: "assistant", content: "Done." },
  ];
  const written = '```tool_code\n{"name": "stop", "parameters": {"at": 5}}\n```';
  assert.deepEqual(putToolsInWords({ messages }, "gemma").messages, [
    { role: "user", content: "Stop both" },
    { role: "assistant", content: `I do.\n${written}\n${written}` },
    { role: "user", content: "```tool_output\n1\n```\n```tool_output\n2\n```\nAnd now?" },
    { role: "assistant", content: written },
    { role: "user", content: "```tool_output\n3\n```" },
    { role: "assistant", content: "Done." },
  ]);
  const [, , result] = putToolsInWords({ messages: messages.slice(0, 3) }, "hermes").messages;
  assert.equal(result?.content, "<tool_response>\n1\n</tool_response>");
});

test("two messages of the user stay two", () => {
  const messages: ChatMessage[] = [
    { role: "user", content: "a" },
    { role: "user", content: "b" },
  ];
  assert.deepEqual(putToolsInWords({ messages }, "gemma").messages, messages);
});

test("a template that names tools takes them", () => {
  assert.ok(takesTools(defaultChatTemplate));
  assert.ok(takesTools("{%- if tools %}x{% endif %}"));
  assert.ok(!takesTools("{{ messages[0].content }} toolset"));
});

test("template and vocabulary tell how calls are written, the template first", () => {
  const knows =
    (...tokens: string[]) =>
    (token: string) =>
      tokens.includes(token) ? 1 : undefined;
  const none = "{{ messages[0].content }}";
  const llama = `{{ '<|start_header_id|>' }}{{ '"parameters": ' }}`;
  assert.equal(callFormatOfFamily(defaultChatTemplate, knows()), "limbeck");
  assert.equal(callFormatOfFamily(none, knows("<|call|>")), "limbeck");
  assert.equal(callFormatOfFamily("…<tool_call>…", knows("<|python_tag|>")), "hermes");
  assert.equal(callFormatOfFamily(none, knows("<tool_call>")), "hermes");
  assert.equal(callFormatOfFamily(llama, knows()), "llama3");
  assert.equal(callFormatOfFamily(none, knows("<|python_tag|>")), "llama3");
  assert.equal(callFormatOfFamily(none, knows("<|start_header_id|>")), "llama3");
  assert.equal(callFormatOfFamily(none, knows("<start_of_turn>")), "gemma");
  assert.equal(callFormatOfFamily(none, knows()), "hermes");
  assert.deepEqual(Object.keys(callFormats), ["limbeck", "hermes", "llama3", "gemma"]);
});
