import { shouldUseTool } from "../data/types.ts";
import type { ChatResult, FinishReason } from "../runtime/types.ts";
import type { CallFormat } from "../tools/call-format.ts";
import { type FirstAction, findFirstAction } from "./first-action.ts";
import type { PlannedRun } from "./plan.ts";

/** One measured request, raw. Null: this run has no such figure. */
export interface SpeedRun {
  readonly example_id: string;
  readonly shape: number;
  readonly round: number;
  readonly prompt_tokens: number;
  readonly output_tokens: number;
  readonly finish_reason: FinishReason;
  readonly ttft_ms: number;
  readonly tokenizer_ms: number;
  readonly first_step_ms: number;
  readonly total_ms: number;
  /** (n − 1) / (t_last − t_first), tokens a second; null for a run of one token. */
  readonly tps: number | null;
  /** Milliseconds for each token after the first. */
  readonly tpot_ms: number | null;
  /** Prompt tokens a second inside the session. */
  readonly prefill_tps: number | null;
  /** Time between tokens that was not spent in the session, for each token after the first. */
  readonly own_overhead_ms_per_token: number | null;
  /** Whether the example asks for a tool: only these runs are in the distribution of TTFA. */
  readonly should_call: boolean;
  /** Null where no complete valid call came: right-censored if one should have. */
  readonly ttfa_tokens: number | null;
  readonly ttfa_ms: number | null;
  /** Times of all output tokens since the request. */
  readonly token_times_ms: readonly number[];
}

function positiveRate(count: number, milliseconds: number): number | null {
  return count > 0 && milliseconds > 0 ? (1000 * count) / milliseconds : null;
}

/** The figures of one answer. */
export function recordRun(planned: PlannedRun, result: ChatResult, format?: CallFormat): SpeedRun {
  const { example, shape, round } = planned;
  const { tokens, timing } = result;
  const first = tokens[0];
  const last = tokens.at(-1);
  const steps = tokens.length - 1;
  const decodeMs = first && last ? last.timeMs - first.timeMs : 0;
  const tps = positiveRate(steps, decodeMs);
  const action: FirstAction | null = findFirstAction(tokens, example.tools, format);
  return {
    example_id: example.id,
    shape,
    round,
    prompt_tokens: result.promptTokens,
    output_tokens: tokens.length,
    finish_reason: result.finishReason,
    ttft_ms: timing.ttftMs,
    tokenizer_ms: timing.tokenizerMs,
    first_step_ms: timing.firstStepMs,
    total_ms: timing.totalMs,
    tps,
    tpot_ms: tps === null ? null : 1000 / tps,
    prefill_tps: positiveRate(result.promptTokens, timing.prefillSessionMs),
    own_overhead_ms_per_token:
      tps === null || !(timing.decodeSessionMs > 0) ? null : (decodeMs - timing.decodeSessionMs) / steps,
    should_call: shouldUseTool(example),
    ttfa_tokens: action?.tokens ?? null,
    ttfa_ms: action?.timeMs ?? null,
    token_times_ms: tokens.map(({ timeMs }) => timeMs),
  };
}
