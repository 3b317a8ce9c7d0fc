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

/** One output token. Times are milliseconds since the request (text in), read where the token was made. */
export interface TokenEvent {
  readonly id: number;
  /** The text that this token completed; may be empty inside a multi-byte character. Special tokens are kept as text. */
  readonly text: string;
  readonly index: number;
  readonly timeMs: number;
}

export type FinishReason = "stop" | "length" | "cancelled";

export interface GenerateTiming {
  readonly tokenizerMs: number;
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
