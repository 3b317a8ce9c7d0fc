import type { Random } from "../base/random.ts";

/** Byte-pair merges as a lookup: `left + separator + right` to the merge's rank (lower is earlier). */
export interface BpeModel {
  readonly ranks: ReadonlyMap<string, number>;
  readonly idOf: ReadonlyMap<string, number>;
}

// A space cannot occur in a byte-level token, so it parts the two halves of a pair without ambiguity.
export const pairKey = (left: string, right: string): string => `${left} ${right}`;

/**
 * Merges one byte-level piece into tokens, lowest rank first, leftmost first. With `dropout` each possible merge is
 * skipped with that probability at every step (BPE-dropout, Provilkov et al. 2020): the same text in other tokens.
 */
export function mergePiece(model: BpeModel, piece: string, dropout = 0, random?: Random): string[] {
  const parts = [...piece];
  for (;;) {
    let best = -1;
    let bestRank = Number.POSITIVE_INFINITY;
    for (let i = 0; i + 1 < parts.length; i++) {
      const rank = model.ranks.get(pairKey(parts[i]!, parts[i + 1]!));
      if (rank === undefined || rank >= bestRank) continue;
      if (dropout > 0 && random !== undefined && random.next() < dropout) continue;
      best = i;
      bestRank = rank;
    }
    if (best < 0) return parts;
    parts.splice(best, 2, parts[best]! + parts[best + 1]!);
  }
}
