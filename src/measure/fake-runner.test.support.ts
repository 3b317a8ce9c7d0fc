import type { Behaviour, Example } from "../data/types.ts";
import type { ChatResult, ChatRunner, GenerateOptions, TokenEvent } from "../runtime/types.ts";
import type { ToolDefinition } from "../tools/types.ts";

export const timerTool: ToolDefinition = {
  type: "function",
  function: {
    name: "set_timer",
    parameters: {
      type: "object",
      properties: { minutes: { type: "integer" } },
      required: ["minutes"],
    },
  },
};

export function fakeExample(id: string, behaviour: Behaviour = "tool"): Example {
  return {
    id,
    messages: [{ role: "user", content: id }],
    tools: [timerTool],
    expect: {
      behaviour,
      calls: behaviour === "tool" ? [{ name: "set_timer", arguments: { minutes: 5 } }] : [],
    },
  };
}

/** What a fake runner answers: the tokens' texts, the first after `ttftMs`, the others `stepMs` apart. */
export interface FakeAnswer {
  readonly texts: readonly string[];
  readonly ttftMs: number;
  readonly stepMs: number;
  readonly finishReason?: ChatResult["finishReason"];
}

export const callTexts = [
  "Sure. ",
  "<|call|>",
  '{"name":"set_timer",',
  '"arguments":{"minutes":5}}',
  "<|/call|>",
  "",
];

/** A runner with made-up times: half of TTFT is the tokenizer's, 80 % of a step is inside the session. */
export function fakeRunner(
  name: string,
  answer: (id: string, call: number, options: GenerateOptions) => FakeAnswer,
  log: string[] = [],
): ChatRunner {
  let calls = 0;
  return {
    name,
    close: async () => undefined,
    chat: async (messages, _tools, options = {}) => {
      const id = messages[0]?.content ?? "";
      log.push(`${name} ${id}`);
      const { texts, ttftMs, stepMs, finishReason = "stop" } = answer(id, calls++, options);
      const tokens = texts.map<TokenEvent>((text, index) => ({
        id: index,
        text,
        index,
        timeMs: ttftMs + index * stepMs,
      }));
      const decodeMs = Math.max(0, texts.length - 1) * stepMs;
      return {
        promptTokens: 40,
        tokens,
        text: texts.join(""),
        finishReason,
        content: "",
        calls: [],
        timing: {
          tokenizerMs: ttftMs / 2,
          firstStepMs: ttftMs / 2,
          ttftMs,
          totalMs: ttftMs + decodeMs,
          prefillSessionMs: ttftMs / 4,
          decodeSessionMs: 0.8 * decodeMs,
        },
      };
    },
  };
}
