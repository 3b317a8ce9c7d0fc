import { isInBlocks, roundsActivations, type WeightFormat } from "../../model/weight-formats.ts";
import { maxVerify, type StepRunner } from "../step-runner.ts";
import { readTurn } from "./decode-drafted.ts";
import type { RunCosts } from "./run-costs.ts";

/**
 * Whether weights of a format need the very bits that single tokens give. Attention adds up in another order when
 * several tokens attend together (1e-6 of a logit). Where activations are rounded to int8 after it, such a last bit
 * decides here and there which integer it becomes: of 1192 tokens of the shipped teacher in blocks, one in twenty had
 * logits that were off by 0.1, the worst by 0.36, and up to 2 of 80 greedy answers differed. In float32 the worst was
 * off by 7e-5, which decoding can reckon with.
 */
const needsExactBits: { readonly [F in WeightFormat]: boolean } = roundsActivations;

/** Rounding stays far below this share of the logits' spread; anything that is more is no rounding. */
const mostOfSpread = 1e-3;
/** Rounding adds up along the sequence: decoding reckons with so many times what a few tokens showed. */
const caution = 16;
/** Tokens of the runs that are compared and timed: kernels change with the number of rows. */
const sizes = [1, 2, 3, 4, maxVerify];
/** Runs of each size, of which the fastest counts: first ones prepare memory, and a busy machine only ever adds. */
const rounds = 3;

export interface BatchCheck {
  /** Largest difference of a logit between one run of several tokens and runs of one; null: not measured. */
  readonly maxLogitDifference: number | null;
  /** The difference that decoding reckons with; 0: the bits are the same. */
  readonly tolerance: number;
  /** Why drafts cannot be verified in one run; null: they can. */
  readonly refusal: string | null;
}

export interface CheckOptions {
  readonly format: WeightFormat;
  /** Whether drafts attend token by token, as single runs would: then every difference is zero, or a kernel's fault. */
  readonly isStepwise: boolean;
  readonly clock: () => number;
}

/**
 * Reads a few tokens one by one, then again in runs of several, as drafts are verified, and compares all logits. Both
 * are timed into `costs`. The runner is reset. Errors: those of the runner.
 */
export async function checkBatches(
  runner: StepRunner,
  costs: RunCosts,
  { format, isStepwise, clock }: CheckOptions,
): Promise<BatchCheck> {
  const refuse = (refusal: string, difference: number | null = null): BatchCheck => ({
    maxLogitDifference: difference,
    tolerance: 0,
    refusal,
  });
  if (needsExactBits[format] && !isStepwise) {
    return refuse(
      `${format}: activations are rounded to int8: tokens that attend together may get other logits than one by one`,
    );
  }
  const { vocabSize, contextLength } = runner.shape;
  const count = Math.min(maxVerify, contextLength - 1);
  if (count < 3) return refuse(`a context of ${contextLength} tokens has no room for drafts`);
  // Any tokens do: spread over the vocabulary, never the same twice where it is large enough.
  const ids = Array.from({ length: count + 1 }, (_, i) => (7919 * (i + 1)) % vocabSize);
  const singles = new Float32Array(count * vocabSize);
  runner.reset();
  await runner.prefill(ids.slice(0, 1));
  for (let i = 0; i < count; i++) singles.set(await readTurn(runner, [ids[1 + i] as number]), i * vocabSize);

  let maxLogitDifference = 0;
  const measured = sizes.filter((size) => size <= count);
  const fastest = measured.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < rounds; round++) {
    for (const [i, tokens] of measured.entries()) {
      runner.rewind(1);
      const start = clock();
      const rows = await readRows(runner, ids.slice(1, 1 + tokens));
      fastest[i] = Math.min(fastest[i] as number, clock() - start);
      if (round === 0) maxLogitDifference = Math.max(maxLogitDifference, largestDifference(rows, singles));
    }
  }
  for (const [i, tokens] of measured.entries()) costs.observe(tokens, fastest[i] as number);
  runner.reset();

  const spread = spreadOf(singles);
  const most = needsExactBits[format] ? 0 : mostOfSpread * spread;
  if (!(maxLogitDifference <= most)) {
    const what = `logits of tokens read together differ by ${maxLogitDifference} from those read one by one`;
    return refuse(
      most === 0
        ? `${format}: ${what}, and activations that are rounded to int8 make more of it${isInBlocks[format] ? " (export --block 32 where it is not)" : ""}`
        : `${what}, over a spread of ${spread}`,
      maxLogitDifference,
    );
  }
  return { maxLogitDifference, tolerance: caution * maxLogitDifference, refusal: null };
}

function readRows(runner: StepRunner, ids: readonly number[]): Float32Array | Promise<Float32Array> {
  return ids.length === 1 ? readTurn(runner, ids) : runner.verify(ids, 1);
}

/** NaN where a logit is. */
function largestDifference(rows: Float32Array, singles: Float32Array): number {
  let largest = 0;
  for (let i = 0; i < rows.length; i++)
    largest = Math.max(largest, Math.abs((rows[i] as number) - (singles[i] as number)));
  return largest;
}

function spreadOf(logits: Float32Array): number {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const logit of logits) {
    low = Math.min(low, logit);
    high = Math.max(high, logit);
  }
  return high - low;
}
