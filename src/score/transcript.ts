import type { Json } from "../base/json.ts";
import type { FinishReason } from "../runtime/types.ts";
import type { ToolCall } from "../tools/types.ts";

/** What was said and done in one example: enough to score it again without the model. */
export interface TurnRecord {
  /** All that the model wrote, calls included. */
  readonly text: string;
  readonly content: string;
  readonly calls: readonly ToolCall[];
  /** Calls that were begun and are no calls: cut off, or no JSON. */
  readonly malformed: readonly string[];
  /** One answer for each of `calls`, in order. */
  readonly results: readonly ToolAnswer[];
  readonly tokens: number;
  readonly prompt_tokens: number;
  readonly finish_reason: FinishReason;
  readonly ttft_ms: number;
  readonly total_ms: number;
}

export interface ToolAnswer {
  readonly result: Json;
  /** Whether a fixture answered; `null` when none was looked up, since the call's arguments are invalid. */
  readonly hit: boolean | null;
}

export interface ExampleTranscript {
  readonly kind: "transcript";
  readonly id: string;
  readonly turns: readonly TurnRecord[];
  /** Tokens of the first turn up to the first complete, schema-valid call; `null`: there was none (censored). */
  readonly ttfa_tokens: number | null;
  /** The same in milliseconds since the request. */
  readonly ttfa_ms: number | null;
}
