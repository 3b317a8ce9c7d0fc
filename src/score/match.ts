/** Multisets of calls held against each other: which made call answers which expected one, and the F1 of that. */

export interface PrecisionRecall {
  readonly matched: number;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

/** Precision, recall and F1 of `matched` pairs; nothing made or nothing expected gives 0, never NaN. */
export function precisionRecall(matched: number, made: number, expected: number): PrecisionRecall {
  const precision = made === 0 ? 0 : matched / made;
  const recall = expected === 0 ? 0 : matched / expected;
  const f1 = made + expected === 0 ? 0 : (2 * matched) / (made + expected);
  return { matched, precision, recall, f1 };
}

/**
 * A largest set of pairs (expected, made) of which `fits` holds, each side used once: for every made call the index
 * of its expected call, or `null`. Augmenting paths (Kuhn): optimal for yes-or-no weights, where taking the first fit
 * can lose a pair.
 */
export function assignCalls(
  expected: number,
  made: number,
  fits: (expectedIndex: number, madeIndex: number) => boolean,
): (number | null)[] {
  const edges = Array.from({ length: expected }, (_, e) =>
    Array.from({ length: made }, (_unused, m) => m).filter((m) => fits(e, m)),
  );
  const expectedOf: (number | null)[] = Array.from({ length: made }, () => null);
  const augment = (e: number, seen: Set<number>): boolean => {
    for (const m of edges[e] as readonly number[]) {
      if (seen.has(m)) continue;
      seen.add(m);
      const holder = expectedOf[m] as number | null;
      if (holder !== null && !augment(holder, seen)) continue;
      expectedOf[m] = e;
      return true;
    }
    return false;
  };
  for (let e = 0; e < expected; e++) augment(e, new Set());
  return expectedOf;
}
