import assert from "node:assert/strict";
import { test } from "node:test";
import type { ChatMessage, ToolDefinition } from "../tools/types.ts";
import { defaultChatTemplate, renderChat } from "./chat-template.ts";
import { renderLimbeckChat } from "./limbeck-chat.ts";

const lamp: ToolDefinition = {
  type: "function",
  function: {
    name: "set_lamp",
    parameters: {
      type: "object",
      properties: {
        room: { type: "string" },
        state: { type: "string", enum: ["on", "off"] },
        level: { type: "integer" },
        warmth: { type: "number" },
        fade: { type: "boolean" },
        times: { type: "array" },
        rest: { type: "object" },
      },
      required: ["room", "state"],
    },
  },
};
const bare: ToolDefinition = { type: "function", function: { name: "stop", parameters: { type: "object" } } };

const chat: readonly ChatMessage[] = [
  { role: "system", content: "Be brief." },
  { role: "user", content: 'Lamp "on" in the hall' },
  {
    role: "assistant",
    content: "Sure.",
    tool_calls: [{ name: "set_lamp", arguments: { room: 'h"all', state: "on" } }],
  },
  { role: "tool", name: "set_lamp", content: '{"lamp":4}' },
  { role: "assistant", content: "Lamp 4 is on." },
  { role: "user", content: "Thanks" },
];

test("the default template writes tools as one line each and calls as compact JSON", () => {
  assert.equal(
    renderChat(defaultChatTemplate, { messages: chat, tools: [lamp, bare], addGenerationPrompt: true }),
    "<|system|>Be brief." +
      "<|tools|>set_lamp(room:str,state:on|off,level?:int,warmth?:num,fade?:bool,times?:list,rest?:obj)\nstop()\n" +
      '<|user|>Lamp "on" in the hall' +
      '<|assistant|>Sure.<|call|>{"name":"set_lamp","arguments":{"room":"h\\"all","state":"on"}}<|/call|><|end|>' +
      '<|result|>{"lamp":4}<|assistant|>Lamp 4 is on.<|end|><|user|>Thanks<|assistant|>',
  );
});

test("the fast writer of the default template equals the template", () => {
  const silent: ChatMessage = {
    role: "assistant",
    content: null,
    tool_calls: [{ name: "stop", arguments: {} }],
  };
  const nested = {
    role: "assistant",
    content: "",
    tool_calls: [{ name: "stop", arguments: { a: [1.5, null, { b: true }], c: "é\n" } }],
  } as const;
  for (const messages of [chat, chat.slice(1, 2), [...chat, silent], [...chat, nested]]) {
    for (const tools of [[], [bare], [lamp, bare]]) {
      for (const addGenerationPrompt of [true, false]) {
        const request = { messages, tools, addGenerationPrompt };
        assert.equal(renderLimbeckChat(request), renderChat(defaultChatTemplate, request));
      }
    }
  }
});

test("a template that is none, or that refuses, is an error of ours", () => {
  assert.throws(() => renderChat("{% for %}", { messages: chat }), { code: "invalid_checkpoint" });
  const strict = "{{ raise_exception('no tools here') }}";
  assert.throws(() => renderChat(strict, { messages: chat }), {
    code: "invalid_request",
    message: /no tools here/,
  });
});
