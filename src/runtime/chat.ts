import { LimbeckError } from "../base/errors.ts";
import { monotonicMs } from "../measure/clock.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { type CallFormat, callFormats } from "../tools/call-format.ts";
import { readCalls } from "../tools/call-stream.ts";
import type { ChatMessage, ToolDefinition } from "../tools/types.ts";
import { type Generator, streamGenerate } from "./stream-generate.ts";
import type { ChatResult, GenerateOptions, TokenEvent } from "./types.ts";

/** One chat request whose turn has come. */
export interface ChatRequest {
  readonly messages: readonly ChatMessage[];
  readonly tools: readonly ToolDefinition[];
  readonly options: Omit<GenerateOptions, "signal">;
  /** When its turn came, on the monotonic clock. */
  readonly turnAt: number;
}

export interface ChatHooks {
  readonly requestedAt: number;
  readonly isCancelled: () => boolean;
  readonly onToken: (event: TokenEvent) => void;
}

const roles: readonly string[] = ["system", "user", "assistant", "tool"] satisfies ChatMessage["role"][];

function checkMessages(messages: readonly ChatMessage[]): void {
  const bad = messages.findIndex(({ role, content }) => {
    return !roles.includes(role) || (content !== null && typeof content !== "string");
  });
  if (messages.length > 0 && bad < 0) return;
  throw new LimbeckError(
    "invalid_request",
    bad < 0
      ? "messages: expected at least one, got none"
      : `messages[${bad}]: expected a role of ${roles.join(", ")} and content of text or null, got ${JSON.stringify(messages[bad])?.slice(0, 200)}`,
    { cure: "Send messages of the chat format.", fields: { message: bad } },
  );
}

/** How this tokenizer's model writes calls: by the marks that it knows as tokens; ours where it knows none. */
export function callFormatOf(tokenizer: Pick<Tokenizer, "idOf">): CallFormat {
  const formats = Object.keys(callFormats) as CallFormat[];
  return formats.find((format) => tokenizer.idOf(callFormats[format].open) !== undefined) ?? "limbeck";
}

/**
 * messages → message: chat template and tokenizer, generation, calls. Errors: `invalid_request`,
 * `context_length_exceeded`, `backend_failed`.
 */
export async function chatOnce(
  generator: Generator,
  tokenizer: Tokenizer,
  { messages, tools, options, turnAt }: ChatRequest,
  { requestedAt, isCancelled, onToken }: ChatHooks,
): Promise<ChatResult> {
  checkMessages(messages);
  const promptIds = tokenizer.encodeChat(messages, tools, { addGenerationPrompt: true });
  const marks = { requestedAt, turnAt, tokenizedAt: monotonicMs() };
  const result = await streamGenerate(generator, promptIds, options, marks, {
    clock: monotonicMs,
    isCancelled,
    onEvent: onToken,
  });
  const { content, calls } = readCalls(result.text, callFormatOf(tokenizer));
  return { ...result, content, calls };
}
