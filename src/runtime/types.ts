import type { ChatMessage, ToolCall, ToolDefinition } from "../tools/types.ts";

export interface SamplingOptions {
  /** 0 is greedy. */
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly repetitionPenalty?: number;
  readonly seed?: number;
}

export interface GenerateOptions extends SamplingOptions {
  /** Most output tokens, end token included. */
  readonly maxTokens?: number;
  /** Text that ends the generation; it is not part of the output. */
  readonly stop?: readonly string[];
  readonly signal?: AbortSignal;
}

/**
 * One output token. Times are milliseconds since the request (text in), read where the token was made, on the clock
 * that every thread of the process shares: `tokens[0].timeMs = queueMs + ttftMs`.
 */
export interface TokenEvent {
  readonly id: number;
  /**
   * The text that this token completed; empty inside a multi-byte character, where a stop text may begin, and for
   * the end token. Other special tokens are kept as text.
   */
  readonly text: string;
  readonly index: number;
  readonly timeMs: number;
}

export type FinishReason = "stop" | "length" | "cancelled";

export interface GenerateTiming {
  /** Waiting for earlier requests of the same engine; absent where a runner has no queue. Not part of `ttftMs`. */
  readonly queueMs?: number;
  /** From the request's turn to the prompt's tokens: the way to the worker, the chat template, the tokenizer. */
  readonly tokenizerMs: number;
  /** From the prompt's tokens to the first output token; to the end where none came. */
  readonly firstStepMs: number;
  /** tokenizerMs + firstStepMs. */
  readonly ttftMs: number;
  readonly totalMs: number;
  /** Time inside the session (native runs), prefill and decode apart: what is left is our own overhead. */
  readonly prefillSessionMs: number;
  readonly decodeSessionMs: number;
}

export interface GenerateResult {
  readonly promptTokens: number;
  readonly tokens: readonly TokenEvent[];
  readonly text: string;
  readonly finishReason: FinishReason;
  readonly timing: GenerateTiming;
}

export interface ChatResult extends GenerateResult {
  /** Words beside the calls. */
  readonly content: string;
  /** Every complete call in the text, valid or not, in order. */
  readonly calls: readonly ToolCall[];
}

/** Anything that answers a chat: a local artefact, an HTTP endpoint, a transcript. `score` and `measure` use this only. */
export interface ChatRunner {
  readonly name: string;
  chat(
    messages: readonly ChatMessage[],
    tools: readonly ToolDefinition[],
    options?: GenerateOptions,
  ): Promise<ChatResult>;
  close(): Promise<void>;
}
