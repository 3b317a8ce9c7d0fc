import { monotonicMs } from "../measure/clock.ts";
import { certain, createLogprobReader, type TokenLogprobs } from "./logprobs.ts";
import { leadOf, type Sampler, type SamplingSettings } from "./sampling.ts";
import type { TokenConstraint } from "./token-constraint.ts";
import type { FinishReason } from "./types.ts";

export interface MakerOptions {
  readonly sampling: SamplingSettings;
  /** Tokens that end the generation. */
  readonly endIds: ReadonlySet<number>;
  /** What may come; it takes every token, forced ones and the end token too. */
  readonly constraint?: TokenConstraint;
  /** How many alternatives' log-probabilities `onToken` gets with each token (0 to 20); absent: none at all. */
  readonly topLogprobs?: number;
  /**
   * Takes each token as it is made: its time on the monotonic clock, and whether it is the last one for certain
   * (an end token, or no room for more). Returns false to stop.
   */
  readonly onToken: (id: number, atMs: number, isLast: boolean, logprobs?: TokenLogprobs) => boolean;
}

/** Turns logits into output, whoever ran the model: the one place where a token is decided. */
export interface TokenMaker {
  /** Output tokens that there is still room for. */
  readonly left: number;
  /** The next token for logits [V], which it rewrites. Errors: those of `Sampler.choose` and `TokenConstraint.mask`. */
  choose(logits: Float32Array): number;
  /**
   * Whether rounding cannot have decided `choose`, where every one of these logits may be off by `tolerance`. Always
   * true of a drawn token.
   */
  isCertain(logits: Float32Array, id: number, tolerance: number): boolean;
  /**
   * Appends to `turn` the chosen token and those that the constraint forces behind it; returns why the generation ends,
   * or null.
   */
  take(id: number, turn: number[]): FinishReason | null;
  /** The part of a draft that the constraint allows; the constraint is left as it was. */
  allowedOf(draft: readonly number[]): readonly number[];
}

/** A maker of `most` tokens at most. Error: `invalid_request` (topLogprobs). */
export function createTokenMaker(
  sampler: Sampler,
  vocabSize: number,
  most: number,
  { sampling, endIds, constraint, topLogprobs, onToken }: MakerOptions,
): TokenMaker {
  const reader = topLogprobs === undefined ? null : createLogprobReader(vocabSize, topLogprobs);
  const { temperature, repetitionPenalty } = sampling;
  // The penalty multiplies differences between logits as it does logits.
  const stretch = Math.max(repetitionPenalty, 1 / repetitionPenalty);
  let scratch: Float32Array | undefined;
  let left = most;
  constraint?.begin(most);

  const append = (id: number, turn: number[], logprobs?: TokenLogprobs): FinishReason | null => {
    constraint?.accept(id);
    sampler.accept(id);
    turn.push(id);
    left--;
    const isEnd = endIds.has(id);
    const wantsMore = onToken(id, monotonicMs(), isEnd || left === 0, logprobs);
    if (isEnd || !wantsMore) return "stop";
    return left === 0 ? "length" : null;
  };

  return {
    get left() {
      return left;
    },
    choose: (logits) => {
      constraint?.mask(logits);
      reader?.read(logits);
      return sampler.choose(logits);
    },
    // Both the chosen logit and the next one may be off.
    isCertain: (logits, id, tolerance) =>
      temperature > 0 || tolerance === 0 || leadOf(logits, id) > 2 * tolerance * stretch,
    take: (id, turn) => {
      const reason = append(id, turn, reader?.of(id));
      if (reason !== null || constraint === undefined) return reason;
      for (const forced of constraint.forced()) {
        const end = append(forced, turn, reader ? certain(forced) : undefined);
        if (end !== null) return end;
      }
      return null;
    },
    allowedOf: (draft) => {
      if (constraint === undefined || draft.length === 0) return draft;
      scratch ??= new Float32Array(vocabSize);
      let length = 0;
      for (const id of draft) {
        scratch.fill(0);
        if (constraint.mask(scratch) && scratch[id] !== 0) break;
        constraint.accept(id);
        length++;
      }
      constraint.rollback(length);
      return draft.slice(0, length);
    },
  };
}
