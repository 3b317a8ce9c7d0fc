import { LimbeckError } from "../base/errors.ts";
import type { Example } from "../data/types.ts";
import type { Recipe } from "./recipe.ts";
import type { RowSource } from "./row-source.ts";
import type { TrainingRow } from "./rows.ts";
import { type BatchShape, type EpochPlan, planEpoch, planShapes, type ShapeSettings } from "./shapes.ts";

export function shapeSettings(recipe: Recipe): ShapeSettings {
  const {
    lengths,
    tokens_per_batch: tokensPerBatch,
    mix,
    concentration,
    rare_every: rareEvery,
  } = recipe.shapes;
  return { lengths, tokensPerBatch, mix, concentration, rareEvery };
}

const sizesOf = (rows: readonly TrainingRow[]): { tokens: number; completions: number }[] =>
  rows.map((row) => ({ tokens: row.ids.length, completions: row.positions.length }));

/** Shapes that the rows of every epoch will use: from all rows where they are known, else from the first epoch's. */
export function shapesFor(source: RowSource, recipe: Recipe): BatchShape[] {
  const rows = source.isFixed ? source.all() : source.epoch(0).rows;
  return planShapes(sizesOf(rows), shapeSettings(recipe));
}

export interface MicroBatch {
  readonly shape: number;
  readonly rows: readonly TrainingRow[];
}

export interface LoadedEpoch {
  readonly epoch: number;
  readonly plan: EpochPlan;
  readonly examples: readonly Example[];
  readonly rows: readonly TrainingRow[];
  readonly prepareMs: number;
}

/** Walks batch after batch, epoch after epoch; its place is two numbers. */
export interface EpochCursor {
  readonly epoch: number;
  readonly batch: number;
  /** Epochs done, as a fraction. */
  readonly progress: number;
  readonly current: LoadedEpoch;
  next(): MicroBatch;
}

/** A cursor at batch `batch` of epoch `epoch`. Error: `invalid_dataset` where no row fits any shape. */
export function createEpochCursor(
  source: RowSource,
  shapes: readonly BatchShape[],
  recipe: Recipe,
  start: { epoch: number; batch: number },
  onEpoch: (loaded: LoadedEpoch) => void,
): EpochCursor {
  const load = (epoch: number): LoadedEpoch => {
    const before = performance.now();
    const { rows, examples } = source.epoch(epoch);
    const plan = planEpoch(sizesOf(rows), shapes, shapeSettings(recipe), recipe.seed, epoch);
    if (plan.batches.length === 0) {
      const shortest = Math.min(...rows.map((row) => row.ids.length));
      throw new LimbeckError(
        "invalid_dataset",
        `training data: expected rows of at most ${shapes.at(-1)?.tokens} tokens, the shortest has ${shortest}`,
        { cure: "Add a longer length to shapes.lengths." },
      );
    }
    const loaded = { epoch, plan, examples, rows, prepareMs: performance.now() - before };
    onEpoch(loaded);
    return loaded;
  };
  let { epoch, batch } = start;
  let current = load(epoch);
  return {
    get epoch() {
      return epoch;
    },
    get batch() {
      return batch;
    },
    get progress() {
      return epoch + batch / current.plan.batches.length;
    },
    get current() {
      return current;
    },
    next() {
      if (batch >= current.plan.batches.length) {
        epoch++;
        batch = 0;
        current = load(epoch);
      }
      const planned = current.plan.batches[batch++]!;
      return { shape: planned.shape, rows: planned.rows.map((r) => current.rows[r]!) };
    },
  };
}
