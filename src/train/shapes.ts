import { invariant, LimbeckError } from "../base/errors.ts";
import { createRandom, type Random } from "../base/random.ts";

/** One enumerated shape: every batch of it has exactly these sizes (one compiled graph). */
export interface BatchShape {
  /** T: tokens of a row, padding included. */
  readonly tokens: number;
  /** B: rows of a batch. */
  readonly rows: number;
  /** M: completion positions of a batch, dummies included. */
  readonly completions: number;
}

/** What planning needs of a row. */
export interface RowSize {
  readonly tokens: number;
  readonly completions: number;
}

export interface ShapeSettings {
  /** Enumerated row lengths, ascending. */
  readonly lengths: readonly number[];
  /** About B · T of every batch. */
  readonly tokensPerBatch: number;
  /** Target share of the batches of each shape; null takes the shares that the rows' own lengths give. */
  readonly mix: readonly number[] | null;
  /** Of the Dirichlet draw around the mix: the higher, the closer. */
  readonly concentration: number;
  /** Every so many batches the rarest shape's weight counts double; 0 never. */
  readonly rareEvery: number;
}

/** Index of the smallest shape that holds `tokens`, or −1: nothing is ever cut. */
export function bucketOf(lengths: readonly number[], tokens: number): number {
  return lengths.findIndex((length) => tokens <= length);
}

/**
 * Shapes from row sizes: rows per shape so that tokens per batch are about equal, completion positions so that
 * nearly every full batch fits (mean + 2 standard deviations), and always the longest single row.
 * Error: `invalid_config` when lengths do not ascend.
 */
export function planShapes(sizes: readonly RowSize[], settings: ShapeSettings): BatchShape[] {
  const { lengths, tokensPerBatch, mix } = settings;
  if (lengths.length === 0 || lengths.some((length, i) => length < 2 || length <= (lengths[i - 1] ?? 0))) {
    throw new LimbeckError(
      "invalid_config",
      `shapes.lengths: expected ascending lengths of at least 2, got [${lengths}]`,
      {
        cure: "List each length once, from the shortest.",
      },
    );
  }
  if (mix && mix.length !== lengths.length) {
    throw new LimbeckError(
      "invalid_config",
      `shapes.mix: expected ${lengths.length} shares, one a length, got ${mix.length}`,
      { cure: "Give one share for each of shapes.lengths, or leave mix out." },
    );
  }
  return lengths.map((tokens, index) => {
    const rows = Math.max(1, Math.round(tokensPerBatch / tokens));
    const counts = sizes.filter((s) => bucketOf(lengths, s.tokens) === index).map((s) => s.completions);
    // Rows of smaller shapes may come in: the longest of them must fit too.
    const longest = sizes.reduce((most, s) => (s.tokens <= tokens ? Math.max(most, s.completions) : most), 1);
    const mean = counts.reduce((a, b) => a + b, 0) / Math.max(1, counts.length);
    const variance = counts.reduce((a, b) => a + (b - mean) ** 2, 0) / Math.max(1, counts.length);
    const wanted = Math.max(longest, mean * rows + 2 * Math.sqrt(variance * rows));
    const completions = Math.ceil(Math.min(wanted, longest * rows) / 8) * 8;
    return { tokens, rows, completions: Math.min(completions, tokens * rows) };
  });
}

/** Gamma draws, normalised: mean `target`, tighter as `concentration` grows. */
export function drawDirichlet(target: readonly number[], concentration: number, random: Random): number[] {
  const total = target.reduce((a, b) => a + b, 0);
  const draws = target.map((share) =>
    share > 0 ? random.gamma(Math.max(1e-3, (share / total) * concentration)) : 0,
  );
  const sum = draws.reduce((a, b) => a + b, 0);
  return sum > 0 ? draws.map((d) => d / sum) : target.map((share) => share / total);
}

export interface PlannedBatch {
  /** Index into the shapes. */
  readonly shape: number;
  /** Indices into the rows; fewer than the shape's rows only where rows ran out. */
  readonly rows: readonly number[];
}

export interface EpochPlan {
  readonly batches: readonly PlannedBatch[];
  /** The Dirichlet draw, and what was realised, as shares of the batches. */
  readonly plannedMix: readonly number[];
  readonly realisedMix: readonly number[];
  /** 1 − (tokens of rows) / (tokens of batches). */
  readonly paddingWaste: number;
  /** Rows that fit no shape: left out, never cut. */
  readonly skipped: readonly number[];
}

/**
 * One epoch: every row that fits a shape exactly once, in batches of exactly one shape each. A pure function of its
 * arguments. Where the draw asks for more batches of a shape than it has rows, rows of the next smaller shapes fill.
 */
export function planEpoch(
  sizes: readonly RowSize[],
  shapes: readonly BatchShape[],
  settings: ShapeSettings,
  seed: number,
  epoch: number,
): EpochPlan {
  const random = createRandom(seed).fork(`epoch ${epoch}`);
  const lengths = shapes.map((s) => s.tokens);
  const buckets: number[][] = shapes.map(() => []);
  const skipped: number[] = [];
  sizes.forEach((size, i) => {
    const bucket = bucketOf(lengths, size.tokens);
    if (bucket < 0 || size.completions > (shapes[bucket]?.completions ?? 0)) skipped.push(i);
    else buckets[bucket]?.push(i);
  });
  const natural = buckets.map((b, s) => b.length / (shapes[s]?.rows ?? 1));
  const queues = buckets.map((b) => random.shuffle(b).reverse());
  const target = settings.mix ?? natural;
  const hasRows = queues.some((q) => q.length > 0);
  const plannedMix = hasRows ? drawDirichlet(target, settings.concentration, random) : target.map(() => 0);
  const rarest = target.reduce((best, share, s) => (share > 0 && share < (target[best] ?? 1) ? s : best), 0);
  const batches: PlannedBatch[] = [];
  let filledTokens = 0;
  let batchTokens = 0;

  for (let left = queues.reduce((a, q) => a + q.length, 0); left > 0; ) {
    const isRareTurn = settings.rareEvery > 0 && (batches.length + 1) % settings.rareEvery === 0;
    const weights = shapes.map((_, s) => {
      const own = queues[s]?.length ?? 0;
      const below = settings.mix ? queues.slice(0, s).some((q) => q.length > 0) : false;
      if (own === 0 && !below) return 0;
      return Math.max(plannedMix[s] ?? 0, 1e-9) * (isRareTurn && s === rarest ? 2 : 1);
    });
    const chosen = drawIndex(weights, random);
    const shape = shapes[chosen];
    invariant(shape, "a shape was drawn");
    const rows = fillBatch(queues, chosen, shape, sizes);
    left -= rows.length;
    for (const row of rows) filledTokens += sizes[row]?.tokens ?? 0;
    batchTokens += shape.rows * shape.tokens;
    batches.push({ shape: chosen, rows });
  }
  const realisedMix = shapes.map(
    (_, s) => batches.filter((b) => b.shape === s).length / Math.max(1, batches.length),
  );
  return {
    batches,
    plannedMix,
    realisedMix,
    paddingWaste: batchTokens > 0 ? 1 - filledTokens / batchTokens : 0,
    skipped,
  };
}

/** Index drawn with probability in proportion to its weight. */
function drawIndex(weights: readonly number[], random: Random): number {
  const total = weights.reduce((a, b) => a + b, 0);
  let at = random.next() * total;
  for (let i = 0; i < weights.length; i++) {
    at -= weights[i] ?? 0;
    if (at < 0 && (weights[i] ?? 0) > 0) return i;
  }
  return weights.findLastIndex((w) => w > 0);
}

/** Takes rows from the shape's own queue, then from the next smaller ones, as long as positions fit. */
function fillBatch(
  queues: readonly number[][],
  chosen: number,
  shape: BatchShape,
  sizes: readonly RowSize[],
): number[] {
  const rows: number[] = [];
  let completions = 0;
  for (let s = chosen; s >= 0 && rows.length < shape.rows; s--) {
    const queue = queues[s] ?? [];
    const postponed: number[] = [];
    for (let row = queue.pop(); row !== undefined; row = queue.pop()) {
      const size = sizes[row]?.completions ?? 0;
      if (completions + size <= shape.completions) {
        completions += size;
        rows.push(row);
        if (rows.length === shape.rows) break;
      } else {
        postponed.push(row);
        if (postponed.length >= 8) break;
      }
    }
    while (postponed.length > 0) queue.push(postponed.pop()!);
  }
  return rows;
}
