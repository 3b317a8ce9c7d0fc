import { LimbeckError } from "../base/errors.ts";

/** ln p of one token that was made, and of the most probable ones, in falling order. */
export interface TokenLogprobs {
  readonly logprob: number;
  readonly topLogprobs: readonly { readonly id: number; readonly logprob: number }[];
}

/** Most alternatives that can be asked for, as with OpenAI. */
const mostLogprobs = 20;

/** Reads log-probabilities off the logits of one token after the other. */
export interface LogprobReader {
  /**
   * Keeps the logits [V] from which the next token is chosen: as the model gave them, less what a constraint forbids,
   * before any penalty or temperature.
   */
  read(logits: Float32Array): void;
  /** What was read, for the token that was chosen from it. */
  of(id: number): TokenLogprobs;
}

/** The token that had to come: nothing else was possible, so nothing was computed. */
export function certain(id: number): TokenLogprobs {
  return { logprob: 0, topLogprobs: [{ id, logprob: 0 }] };
}

/** A reader of the `count` best. Error: `invalid_request` for a count out of range. */
export function createLogprobReader(vocabSize: number, count: number): LogprobReader {
  if (!Number.isInteger(count) || count < 0 || count > mostLogprobs) {
    throw new LimbeckError(
      "invalid_request",
      `topLogprobs: expected a whole number from 0 to ${mostLogprobs}, got ${count}`,
      { cure: `Ask for ${mostLogprobs} at most.`, fields: { option: "topLogprobs", value: count } },
    );
  }
  const kept = new Float32Array(vocabSize);
  let logOfSum = 0;

  /** ln p = logit − ln Σ exp(logit), the sum taken from the largest on so that nothing overflows. */
  const logprob = (id: number): number => (kept[id] as number) - logOfSum;

  const best = (): number[] => {
    const ids: number[] = [];
    for (let id = 0; id < vocabSize; id++) {
      const logit = kept[id] as number;
      if (logit === Number.NEGATIVE_INFINITY) continue;
      if (ids.length === count && logit <= (kept[ids[count - 1] as number] as number)) continue;
      let at = ids.length;
      while (at > 0 && (kept[ids[at - 1] as number] as number) < logit) at--;
      ids.splice(at, 0, id);
      if (ids.length > count) ids.pop();
    }
    return ids;
  };

  return {
    read: (logits) => {
      kept.set(logits);
      let largest = Number.NEGATIVE_INFINITY;
      for (let id = 0; id < vocabSize; id++) largest = Math.max(largest, kept[id] as number);
      let sum = 0;
      for (let id = 0; id < vocabSize; id++) sum += Math.exp((kept[id] as number) - largest);
      logOfSum = largest + Math.log(sum);
    },
    of: (id) => ({
      logprob: logprob(id),
      topLogprobs: count === 0 ? [] : best().map((top) => ({ id: top, logprob: logprob(top) })),
    }),
  };
}
