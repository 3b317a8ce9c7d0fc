import type { Example } from "../data/types.ts";
import type { ChatResult, ChatRunner, FinishReason } from "../runtime/types.ts";
import { parseCalls } from "../tools/call-stream.ts";
import type { ChatMessage, ToolCall, ToolDefinition } from "../tools/types.ts";

/** A runner that says what a test wrote down, and examples for it. */

const number = { type: "integer", minimum: 1 };

export const setTimer: ToolDefinition = {
  type: "function",
  function: {
    name: "set_timer",
    parameters: {
      type: "object",
      properties: { minutes: number, label: { type: "string" } },
      required: ["minutes"],
      additionalProperties: false,
    },
  },
};

export const getWeather: ToolDefinition = {
  type: "function",
  function: {
    name: "get_weather",
    parameters: {
      type: "object",
      properties: { city: { type: "string" } },
      required: ["city"],
      additionalProperties: false,
    },
  },
};

const tools = [setTimer, getWeather];

export function callText(name: string, args: ToolCall["arguments"]): string {
  return `<|call|>${JSON.stringify({ name, arguments: args })}<|/call|>`;
}

export const timerExample: Example = {
  id: "timer",
  messages: [{ role: "user", content: "set a timer for 5 minutes" }],
  tools,
  expect: { behaviour: "tool", calls: [{ name: "set_timer", arguments: { minutes: 5 } }] },
  fixtures: [{ name: "set_timer", arguments: { minutes: 5 }, result: { ok: true, ends_at: "10:05" } }],
};

export const bothExample: Example = {
  id: "both",
  messages: [{ role: "user", content: "set a timer for 7 minutes and tell me the weather in Oslo" }],
  tools,
  expect: {
    behaviour: "tool",
    calls: [
      { name: "set_timer", arguments: { minutes: 7 } },
      { name: "get_weather", arguments: { city: "Oslo" } },
    ],
  },
  fixtures: [
    { name: "set_timer", arguments: { minutes: 7 }, result: { ends_at: "10:07" } },
    { name: "get_weather", arguments: { city: "Oslo" }, result: { celsius: 12 } },
  ],
};

export const chatExample: Example = {
  id: "chat",
  messages: [{ role: "user", content: "how are you" }],
  tools,
  expect: { behaviour: "no_tool", calls: [] },
};

/** A finished turn of `text`, three characters a token, a token a millisecond after a first one at 10 ms. */
export function turnOf(text: string, finishReason: FinishReason = "stop"): ChatResult {
  const pieces = text.match(/[\s\S]{1,3}/g) ?? [];
  const events = parseCalls(text);
  return {
    promptTokens: 20,
    tokens: pieces.map((piece, index) => ({ id: index, text: piece, index, timeMs: 10 + index })),
    text,
    finishReason,
    timing: {
      tokenizerMs: 1,
      firstStepMs: 9,
      ttftMs: 10,
      totalMs: 10 + pieces.length,
      prefillSessionMs: 8,
      decodeSessionMs: pieces.length,
    },
    content: events
      .map((event) => (event.kind === "text" ? event.text : ""))
      .join("")
      .trim(),
    calls: events.flatMap((event) => (event.kind === "call" ? [event.call] : [])),
  };
}

export interface ScriptedRunner extends ChatRunner {
  /** The messages of each request, in order. */
  readonly requests: readonly (readonly ChatMessage[])[];
}

/**
 * A runner whose turns for an example are `script[first user message]`; the turn number is the number of assistant
 * messages so far, so that interrupted runs resume where they should.
 */
export function scriptedRunner(script: {
  readonly [request: string]: readonly (string | ChatResult)[];
}): ScriptedRunner {
  const requests: (readonly ChatMessage[])[] = [];
  return {
    name: "scripted",
    requests,
    async chat(messages) {
      requests.push([...messages]);
      const request = messages.find((message) => message.role === "user")?.content ?? "";
      const turn = messages.filter((message) => message.role === "assistant").length;
      const said = script[request]?.[turn] ?? "";
      return typeof said === "string" ? turnOf(said) : said;
    },
    async close() {},
  };
}

export function requestText(example: Example): string {
  return example.messages[0]?.content ?? "";
}
