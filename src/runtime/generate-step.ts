import { LimbeckError } from "../base/errors.ts";
import type { Sampler } from "./sampling.ts";
import { decodeDrafted, readTurn } from "./speculation/decode-drafted.ts";
import type { Drafter } from "./speculation/drafter.ts";
import type { StepRunner } from "./step-runner.ts";
import { createTokenMaker, type MakerOptions } from "./token-maker.ts";
import type { FinishReason } from "./types.ts";

export interface StepOptions extends MakerOptions {
  /** Most output tokens, the end token included; default: what the context leaves. */
  readonly maxTokens?: number;
  /** Asked before every run. */
  readonly isCancelled?: () => boolean;
  /** Drafts tokens, of which one run verifies several. The output is that of plain decoding. */
  readonly drafter?: Drafter;
}

/**
 * ids → ids: reads the prompt once, then makes one token a run, or several where they were drafted or forced. Between
 * two runs only `choose` and `onToken` run. Errors: `context_length_exceeded`, `invalid_request`, `backend_failed`.
 */
export async function generateStep(
  runner: StepRunner,
  sampler: Sampler,
  promptIds: readonly number[],
  options: StepOptions,
): Promise<FinishReason> {
  const { isCancelled = () => false, drafter } = options;
  const { contextLength, vocabSize } = runner.shape;
  const most = outputLimit(promptIds, contextLength, options.maxTokens);
  const maker = createTokenMaker(sampler, vocabSize, most, options);
  sampler.begin(options.sampling, promptIds);
  runner.reset();
  const read = await runner.prefill(promptIds, isCancelled);
  if (read < promptIds.length) return "cancelled";
  if (drafter) return decodeDrafted(runner, maker, drafter, promptIds, isCancelled);

  let { logits } = runner;
  for (const turn: number[] = []; ; turn.length = 0) {
    const reason = maker.take(maker.choose(logits), turn);
    if (reason !== null) return reason;
    if (isCancelled()) return "cancelled";
    const next = readTurn(runner, turn);
    logits = next instanceof Promise ? await next : next;
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
