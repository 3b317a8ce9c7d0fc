import type { CallFormat } from "../tools/call-format.ts";
import type { ChatMessage, JsonObject, ToolCall, ToolDefinition } from "../tools/types.ts";

export interface SamplingOptions {
  /** 0 is greedy. */
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly repetitionPenalty?: number;
  readonly seed?: number;
}

/** Which calls an answer may hold: as the model likes, none, at least one, or one of a named tool. */
export type ToolChoice = "auto" | "none" | "required" | { readonly name: string };

/** What the text of an answer must be, calls apart. */
export type ResponseFormat =
  | { readonly type: "text" }
  | { readonly type: "json_object" }
  | {
      readonly type: "json_schema";
      readonly schema: JsonObject;
      /** False: where no grammar can enforce the schema, any JSON object is taken in its place. Default true. */
      readonly strict?: boolean;
    };

/** Drafting tokens for one run to verify: where it pays by measurement, never, or by one way always. */
export const speculationModes = ["auto", "off", "prompt_lookup", "draft_model"] as const;
export type SpeculationMode = (typeof speculationModes)[number];

export interface GenerateOptions extends SamplingOptions {
  /**
   * Default "auto", where a call once begun completes validly: none is begun that does not fit in the tokens left.
   * Where a call must be made and no call fits, it is cut off and counted in `malformedCalls`.
   */
  readonly toolChoice?: ToolChoice;
  readonly responseFormat?: ResponseFormat;
  /** Log-probabilities of each output token and of so many best alternatives (0 to 20); default none. */
  readonly topLogprobs?: number;
  /** Default: the engine's own, which is "off" unless it was opened otherwise. */
  readonly speculation?: SpeculationMode;
  /** Most output tokens, end token included. */
  readonly maxTokens?: number;
  /** Text that ends the generation; it is not part of the output. Looked for in words, not inside a call. */
  readonly stop?: readonly string[];
  /** Ids of tokens that end the generation like the model's own end tokens: they give no text. Not inside a call. */
  readonly stopTokens?: readonly number[];
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
  /** With `topLogprobs`: ln p of this token, and of the most probable ones, in falling order. */
  readonly logprob?: number;
  readonly topLogprobs?: readonly { readonly id: number; readonly logprob: number }[];
}

/** What drafting did in one generation. */
export interface SpeculationReport {
  readonly mode: SpeculationMode;
  /** Tokens that were proposed, and those of them that the model itself would have made. */
  readonly proposed: number;
  readonly accepted: number;
  /** Runs of the target model after the prefill. */
  readonly targetRuns: number;
  /** Why drafting is off or was switched off; null while it is on. */
  readonly offBecause: string | null;
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
  /** Prompt tokens whose keys and values came from the prompt cache; absent where a runner has no cache. */
  readonly cachedTokens?: number;
  readonly speculation?: SpeculationReport;
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
  /**
   * Calls that were begun and are none, such as one that the token limit broke off; absent where a runner does not
   * read the text itself.
   */
  readonly malformedCalls?: number;
}

/** Anything that answers a chat: a local artefact, an HTTP endpoint, a transcript. `score` and `measure` use this only. */
export interface ChatRunner {
  readonly name: string;
  /** How its model writes calls; default: Limbeck's own way. */
  readonly callFormat?: CallFormat;
  chat(
    messages: readonly ChatMessage[],
    tools: readonly ToolDefinition[],
    options?: GenerateOptions,
  ): Promise<ChatResult>;
  close(): Promise<void>;
}
