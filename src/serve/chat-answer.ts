import { randomBytes } from "node:crypto";
import { stringifyJson } from "../base/json.ts";
import type { TokenStream } from "../runtime/chat-stream.ts";
import type { ChatResult, TokenEvent } from "../runtime/types.ts";
import type { CallFormat } from "../tools/call-format.ts";
import { type CallEvent, createCallStream } from "../tools/call-stream.ts";
import type { ToolCall } from "../tools/types.ts";
import type { ChatAsk } from "./chat-request.ts";
import { chatLogprobs, type TokenText } from "./logprobs.ts";
import { type AnswerHead, wireUsage } from "./usage.ts";

/** What an answer is made with, beside the result. */
export interface AnswerContext {
  readonly head: AnswerHead;
  readonly tokenText: TokenText;
  readonly callFormat: CallFormat;
}

function wireCall({ name, arguments: args }: ToolCall): object {
  return {
    id: `call_${randomBytes(12).toString("hex")}`,
    type: "function",
    function: { name, arguments: stringifyJson(args) },
  };
}

function finishReason({ finishReason: reason }: ChatResult, calls: number): string {
  if (reason === "length") return "length";
  return calls > 0 ? "tool_calls" : "stop";
}

/** The answer to a chat as one `chat.completion`. */
export function chatAnswer(result: ChatResult, ask: ChatAsk, { head, tokenText }: AnswerContext): object {
  const calls = result.calls.slice(0, ask.mostCalls);
  return {
    ...head,
    object: "chat.completion",
    choices: [
      {
        index: 0,
        message: {
          role: "assistant",
          content: result.content === "" && calls.length > 0 ? null : result.content,
          refusal: null,
          ...(calls.length > 0 ? { tool_calls: calls.map(wireCall) } : {}),
        },
        logprobs: ask.wantsLogprobs ? chatLogprobs(result.tokens, tokenText) : null,
        finish_reason: finishReason(result, calls.length),
      },
    ],
    usage: wireUsage(result),
  };
}

/**
 * The answer to a chat as `chat.completion.chunk`s: none before the first token, then each as soon as its text is
 * certain; a call comes whole. The parts joined are what `chatAnswer` says of the same result. Ends early where the
 * generation was cancelled: the caller knows why.
 */
export async function* chatChunks(
  stream: TokenStream<ChatResult>,
  ask: ChatAsk,
  { head, tokenText, callFormat }: AnswerContext,
): AsyncGenerator<object, ChatResult, void> {
  const reader = createCallStream(callFormat);
  let calls = 0;
  let unsent: TokenEvent[] = []; // tokens whose log-probabilities go with the next chunk

  const chunk = (delta: object, finish: string | null = null): object => {
    const logprobs = ask.wantsLogprobs && unsent.length > 0 ? chatLogprobs(unsent, tokenText) : null;
    unsent = [];
    return {
      ...head,
      object: "chat.completion.chunk",
      choices: [{ index: 0, delta, logprobs, finish_reason: finish }],
      ...(ask.includeUsage ? { usage: null } : {}),
    };
  };
  const deltas = (events: readonly CallEvent[]): object[] =>
    events.flatMap((event): object[] => {
      if (event.kind === "text") return [{ content: event.text }];
      if (event.kind === "malformed_call" || calls >= ask.mostCalls) return [];
      return [{ tool_calls: [{ index: calls++, ...wireCall(event.call) }] }];
    });

  const read = (text: string): readonly CallEvent[] =>
    ask.mayCall ? reader.push(text) : text === "" ? [] : [{ kind: "text", text }];

  for await (const token of stream) {
    if (token.index === 0) yield chunk({ role: "assistant", content: "" });
    unsent.push(token);
    for (const delta of deltas(read(token.text))) yield chunk(delta);
  }
  const result = await stream.result;
  if (result.finishReason === "cancelled") return result;
  for (const delta of deltas(reader.flush())) yield chunk(delta);
  yield chunk({}, finishReason(result, calls));
  if (ask.includeUsage) {
    yield { ...head, object: "chat.completion.chunk", choices: [], usage: wireUsage(result) };
  }
  return result;
}
