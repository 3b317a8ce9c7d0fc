import type { WeightFormat } from "../../model/weight-formats.ts";
import { maxVerify, type StepRunner } from "../step-runner.ts";
import { readTurn } from "./decode-drafted.ts";
import type { RunCosts } from "./run-costs.ts";

/**
 * Why tokens of a format may not be verified in one run. Attention adds up in another order when it reads several tokens
 * (1e-6 of a logit). Where activations are rounded to int8 after it, such a last bit decides here and there which integer
 * it becomes: of 1192 tokens of the shipped teacher in blocks, one in twenty had logits that were off by 0.1, the worst
 * by 0.36, and up to 2 of 80 greedy answers differed; in float32 the worst was off by 7e-5, and none differed.
 */
const roundsActivations =
  "activations are rounded to int8: tokens read together may get other logits than one by one";
const refusals: { readonly [F in WeightFormat]: string | null } = {
  fp32: null,
  fp16: null,
  // Weights are widened to float32 when the model loads; the product is float32's.
  int8: null,
  "int8-block": roundsActivations,
  "int8-row": roundsActivations,
  int4: roundsActivations,
};

/** Rounding stays far below this share of the logits' spread; anything that is more is no rounding. */
const mostOfSpread = 1e-3;
/** Rounding adds up along the sequence: decoding reckons with so many times what a few tokens showed. */
const caution = 16;
/** Runs of each size, of which the fastest counts: first ones prepare memory, and a busy machine only ever adds. */
const rounds = 4;

export interface BatchCheck {
  /** Largest difference of a logit between one run of several tokens and runs of one; null: not measured. */
  readonly maxLogitDifference: number | null;
  /** The difference that decoding reckons with. */
  readonly tolerance: number;
  /** Why drafts cannot be verified in one run; null: they can. */
  readonly refusal: string | null;
}

/**
 * Reads a few tokens one by one, then again in one run, and compares the logits. Both are timed into `costs`. The
 * runner is reset. Errors: those of the runner.
 */
export async function checkBatches(
  runner: StepRunner,
  format: WeightFormat,
  costs: RunCosts,
  clock: () => number,
): Promise<BatchCheck> {
  const refuse = (refusal: string): BatchCheck => ({ maxLogitDifference: null, tolerance: 0, refusal });
  const known = refusals[format];
  if (known !== null) return refuse(`${format}: ${known}`);
  const { vocabSize, contextLength } = runner.shape;
  const count = Math.min(maxVerify, contextLength - 1);
  if (count < 3) return refuse(`a context of ${contextLength} tokens has no room for drafts`);
  // Any tokens do: spread over the vocabulary, never the same twice where it is large enough.
  const ids = Array.from({ length: count + 1 }, (_, i) => (7919 * (i + 1)) % vocabSize);
  const singles = new Float32Array(count * vocabSize);
  runner.reset();
  await runner.prefill(ids.slice(0, 1));
  for (let i = 0; i < count; i++) singles.set(await readTurn(runner, [ids[1 + i] as number]), i * vocabSize);
  let rows: Float32Array = singles;
  const sizes = [1, 2, count];
  const fastest = sizes.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < rounds; round++) {
    for (const [i, tokens] of sizes.entries()) {
      runner.rewind(1);
      const start = clock();
      rows = await readRows(runner, ids.slice(1, 1 + tokens));
      fastest[i] = Math.min(fastest[i] as number, clock() - start);
    }
  }
  for (const [i, tokens] of sizes.entries()) costs.observe(tokens, fastest[i] as number);
  let maxLogitDifference = 0;
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < rows.length; i++) {
    const single = singles[i] as number;
    maxLogitDifference = Math.max(maxLogitDifference, Math.abs((rows[i] as number) - single));
    low = Math.min(low, single);
    high = Math.max(high, single);
  }
  runner.reset();
  if (!(maxLogitDifference <= mostOfSpread * (high - low)))
    return refuse(
      `logits of tokens read together differ by ${maxLogitDifference} from those read one by one, over a spread of ${high - low}`,
    );
  return { maxLogitDifference, tolerance: caution * maxLogitDifference, refusal: null };
}

function readRows(runner: StepRunner, ids: readonly number[]): Float32Array | Promise<Float32Array> {
  return ids.length === 1 ? readTurn(runner, ids) : runner.verify(ids);
}
