import { invariant } from "../../base/errors.ts";
import type { ForcedEncoder } from "./forced-encoder.ts";
import type { LogitMask } from "./logit-mask.ts";
import type { Progress, Tracker } from "./tracker.ts";
import type { TokenMatcher } from "./xgrammar.ts";

/** What followers of one tokenizer share. */
export interface FollowerTools {
  bytesOf(id: number): Uint8Array;
  readonly encoder: ForcedEncoder;
  readonly masks: LogitMask;
  /** Tokens of more bytes than `farBytes`. */
  readonly longIds: readonly number[];
}

/** Where fewer bytes than this are left to a count, tokens are judged one by one. */
export const farBytes = 24;

/** Follows tokens through one grammar: xgrammar tells which may come, the tracker where that is too much. */
export interface GrammarFollower {
  readonly progress: Progress;
  /** Whether nothing may follow but an end. */
  readonly isWhole: boolean;
  /** Masks logits [V] where `left` more tokens fit, of which `reserved` are needed behind the end of the grammar. */
  mask(logits: Float32Array, left: number, reserved: number): void;
  accept(id: number): void;
  rollback(tokens: number): void;
  /** Tokens that must come, and whether they reach the end. */
  forced(): { readonly ids: readonly number[]; readonly isWhole: boolean };
  close(): void;
}

/** A follower at the beginning of `tracker`'s grammar, of which `matcher` knows the wide form. */
export function createFollower(
  tracker: Tracker,
  matcher: TokenMatcher,
  { bytesOf, encoder, masks, longIds }: FollowerTools,
): GrammarFollower {
  /** The progress after each token. */
  const trail: Progress[] = [tracker.start];
  /** The tokens of a shortest way to the end that is being taken, since nothing else fits. */
  let plan: readonly number[] = [];
  // One token can make one dear choice, or a few cheap ones. Bytes are far more than the tokens they become.
  const margin = tracker.dearestChoice + 16;
  const current = (): Progress => trail.at(-1)!;

  const shortestIds = (progress: Progress): readonly number[] => encoder.whole(tracker.shortest(progress));

  /** Whether `left` tokens surely take `progress` to its end. */
  const fits = (progress: Progress, left: number): boolean =>
    progress.leastBytes <= left || shortestIds(progress).length <= left;

  const mask: GrammarFollower["mask"] = (logits, left, reserved) => {
    const progress = current();
    const room = left - reserved;
    if (plan.length > 0) return masks.keepOnly(plan.slice(0, 1), logits);
    matcher.readMask((bits) => masks.apply(bits, logits));
    // Where not even the shortest way fits, the text will be cut off, whatever comes.
    const isTight = room <= progress.leastBytes + margin && fits(progress, room);
    const isCounted = progress.room < farBytes;
    if (progress.room < Number.POSITIVE_INFINITY && !isCounted)
      for (const id of longIds) logits[id] = Number.NEGATIVE_INFINITY;
    if (!isTight && !isCounted) return;
    const count = masks.keepFit(logits, (id) => {
      const bytes = bytesOf(id);
      if (bytes.length === 0) return progress.isEnd;
      const after = tracker.advance(progress, bytes);
      return after !== null && (!isTight || fits(after, room - 1));
    });
    if (count > 0) return;
    plan = shortestIds(progress);
    logits[plan[0]!] = 0;
  };

  return {
    get progress() {
      return current();
    },
    get isWhole() {
      const { isEnd, readings } = current();
      return isEnd && readings.length === 0;
    },
    mask,
    accept: (id) => {
      const after = tracker.advance(current(), bytesOf(id));
      invariant(after !== null && matcher.accept(id), `token ${id}: expected one that the grammar allows`);
      trail.push(after);
      plan = plan[0] === id ? plan.slice(1) : [];
    },
    rollback: (tokens) => {
      trail.length -= tokens;
      matcher.rollback(tokens);
      plan = [];
    },
    forced: () => {
      if (plan.length > 0) return { ids: plan, isWhole: true };
      const { bytes, after } = tracker.forced(current());
      const isWhole = after.isEnd && after.readings.length === 0;
      if (bytes.length === 0) return { ids: [], isWhole };
      return { ids: isWhole ? encoder.whole(bytes) : encoder.beginning(bytes), isWhole };
    },
    close: () => matcher.close(),
  };
}
