import { LimbeckError } from "../base/errors.ts";
import { monotonicMs } from "../measure/clock.ts";
import type { Sampler, SamplingSettings } from "./sampling.ts";
import type { StepRunner } from "./step-runner.ts";
import type { FinishReason } from "./types.ts";

export interface StepOptions {
  readonly sampling: SamplingSettings;
  /** Most output tokens, the end token included; default: what the context leaves. */
  readonly maxTokens?: number;
  /** Tokens that end the generation. */
  readonly endIds: ReadonlySet<number>;
  /** Asked before every run. */
  readonly isCancelled?: () => boolean;
  /**
   * Takes each token as it is made: its time on the monotonic clock, and whether it is the last one for certain
   * (an end token, or no room for more). Returns false to stop.
   */
  readonly onToken: (id: number, atMs: number, isLast: boolean) => boolean;
}

/**
 * ids → ids: reads the prompt once, then makes one token a run. Between two tokens only `choose` and `onToken` run.
 * Errors: `context_length_exceeded`, `invalid_request`, `backend_failed`.
 */
export async function generateStep(
  runner: StepRunner,
  sampler: Sampler,
  promptIds: readonly number[],
  options: StepOptions,
): Promise<FinishReason> {
  const { endIds, isCancelled = () => false, onToken } = options;
  const most = outputLimit(promptIds, runner.shape.contextLength, options.maxTokens);
  runner.reset();
  sampler.begin(options.sampling, promptIds);
  const read = await runner.prefill(promptIds, isCancelled);
  if (read < promptIds.length) return "cancelled";
  for (let made = 1; ; made++) {
    const id = sampler.choose(runner.logits);
    const isEnd = endIds.has(id);
    const wantsMore = onToken(id, monotonicMs(), isEnd || made === most);
    if (isEnd || !wantsMore) return "stop";
    if (made === most) return "length";
    if (isCancelled()) return "cancelled";
    const step = runner.decode(id);
    if (step !== undefined) await step;
  }
}

/** The last token made is never read back, so a full prompt still gives one token. */
function outputLimit(
  promptIds: readonly number[],
  contextLength: number,
  maxTokens = Number.POSITIVE_INFINITY,
): number {
  if (promptIds.length === 0) {
    throw new LimbeckError("invalid_request", "prompt: expected at least one token, got none", {
      cure: "Give some text.",
    });
  }
  if (promptIds.length > contextLength) {
    throw new LimbeckError(
      "context_length_exceeded",
      `prompt: expected at most ${contextLength} tokens, got ${promptIds.length}`,
      {
        cure: "Shorten the messages, offer fewer tools, or use a model with a longer context.",
        fields: { tokens: promptIds.length, contextLength },
      },
    );
  }
  if (!(maxTokens >= 1) || (Number.isFinite(maxTokens) && !Number.isInteger(maxTokens))) {
    throw new LimbeckError("invalid_request", `maxTokens: expected a whole number ≥ 1, got ${maxTokens}`, {
      fields: { option: "maxTokens", value: maxTokens },
    });
  }
  return Math.min(maxTokens, contextLength - promptIds.length + 1);
}
