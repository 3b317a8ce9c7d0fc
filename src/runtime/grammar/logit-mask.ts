/** How many tokens are judged one by one where a mask alone cannot decide. */
const judged = 64;

/** Applies masks to logits [V] in place; holds all the memory it needs. */
export interface LogitMask {
  /** Sets the logits of tokens without a bit to −∞; those beyond the bits too. Returns whether any was. */
  apply(bits: Int32Array, logits: Float32Array): boolean;
  /** Leaves only the tokens given. */
  keepOnly(ids: readonly number[], logits: Float32Array): void;
  /**
   * Leaves, of the most probable tokens that are not at −∞, those that `isFit`; returns how many. Tokens beyond the 64
   * most probable ones are taken for unfit.
   */
  keepFit(logits: Float32Array, isFit: (id: number) => boolean): number;
}

export function createLogitMask(): LogitMask {
  const bestIds = new Int32Array(judged);
  const bestLogits = new Float32Array(judged);

  /** Fills the two arrays in falling order; returns how many there are. */
  const findBest = (logits: Float32Array): number => {
    let count = 0;
    let least = Number.NEGATIVE_INFINITY; // to beat once the arrays are full
    for (let id = 0; id < logits.length; id++) {
      const logit = logits[id]!;
      if (!(logit > least)) continue;
      let at = count < judged ? count++ : judged - 1;
      for (; at > 0 && bestLogits[at - 1]! < logit; at--) {
        bestLogits[at] = bestLogits[at - 1]!;
        bestIds[at] = bestIds[at - 1]!;
      }
      bestLogits[at] = logit;
      bestIds[at] = id;
      if (count === judged) least = bestLogits[judged - 1]!;
    }
    return count;
  };

  return {
    apply: (bits, logits) => {
      let isChanged = false;
      let rejectedFrom = -1; // a run of whole words without a bit is filled at once
      const words = logits.length >> 5;
      for (let word = 0; word <= words; word++) {
        const from = word << 5;
        const accepted = word < bits.length ? bits[word]! : 0;
        if (accepted === 0) {
          if (rejectedFrom < 0) rejectedFrom = from;
          continue;
        }
        if (rejectedFrom >= 0) logits.fill(Number.NEGATIVE_INFINITY, rejectedFrom, from);
        isChanged ||= rejectedFrom >= 0;
        rejectedFrom = -1;
        if (accepted === -1) continue;
        for (let rest = ~accepted; rest !== 0; rest &= rest - 1) {
          const id = from + 31 - Math.clz32(rest & -rest);
          if (id >= logits.length) break;
          logits[id] = Number.NEGATIVE_INFINITY;
          isChanged = true;
        }
      }
      if (rejectedFrom < 0 || rejectedFrom >= logits.length) return isChanged;
      logits.fill(Number.NEGATIVE_INFINITY, rejectedFrom);
      return true;
    },
    keepOnly: (ids, logits) => {
      const kept = ids.map((id) => logits[id]!);
      logits.fill(Number.NEGATIVE_INFINITY);
      for (const [i, id] of ids.entries()) logits[id] = kept[i]!;
    },
    keepFit: (logits, isFit) => {
      const count = findBest(logits);
      logits.fill(Number.NEGATIVE_INFINITY);
      let fit = 0;
      for (let i = 0; i < count; i++) {
        if (!isFit(bestIds[i]!)) continue;
        logits[bestIds[i]!] = bestLogits[i]!;
        fit++;
      }
      return fit;
    },
  };
}
