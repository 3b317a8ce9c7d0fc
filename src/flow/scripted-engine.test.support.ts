import { streamTokens } from "../runtime/chat-stream.ts";
import type { Engine } from "../runtime/engine-contract.ts";
import type { ChatResult } from "../runtime/types.ts";
import type { ChatMessage, ToolCall } from "../tools/types.ts";

const timing = {
  tokenizerMs: 1,
  firstStepMs: 1,
  ttftMs: 2,
  totalMs: 3,
  prefillSessionMs: 1,
  decodeSessionMs: 1,
};

/** One answer of the assistant. */
export function turn(text: string, calls: readonly ToolCall[] = []): ChatResult {
  const tokens = [{ id: 9, text, index: 0, timeMs: 2 }];
  return {
    promptTokens: 5,
    tokens,
    text,
    content: calls.length > 0 ? "" : text,
    calls,
    finishReason: "stop",
    timing,
  };
}

/** An engine that says `turns` one after the other and keeps what it was asked. */
export function scripted(turns: readonly ChatResult[]): {
  engine: Engine;
  asked: (readonly ChatMessage[])[];
} {
  const asked: (readonly ChatMessage[])[] = [];
  const stream: Engine["stream"] = (messages) => {
    const result = turns[asked.length]!;
    asked.push([...messages]);
    return streamTokens(async (onToken) => {
      for (const token of result.tokens) onToken(token);
      return result;
    });
  };
  return { engine: { stream } as Engine, asked };
}
