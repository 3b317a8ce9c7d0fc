import { parameterCount, parameterShapes } from "../model/decoder.ts";
import { createArena, fillArena, layOutParameters } from "./arena.ts";
import { countRows, emptyTotals } from "./batch.ts";
import { type DistilOptions, prepareDistil } from "./distil.ts";
import { createEpochCursor, shapesFor } from "./epoch-cursor.ts";
import { createRunnerPool, partsOf } from "./runner-pool.ts";
import { recordBytes } from "./topk-file.ts";

/** What a run will be like, before hours are spent on it. */
export interface PreflightReport {
  readonly parameters: number;
  readonly examples: number;
  readonly steps: number;
  /** Tokens that are no padding. */
  readonly plannedTokens: number;
  readonly epochs: number;
  readonly rowTokens: { readonly p50: number; readonly p95: number; readonly max: number };
  readonly shapes: readonly { readonly tokens: number; readonly rows: number; readonly share: number }[];
  readonly paddingWaste: number;
  /** Rows that fit no shape. */
  readonly skippedRows: number;
  /** Weights, gradients, moments and the largest activations, estimated. */
  readonly memoryBytes: number;
  /** State, best and final weights, and the top-k side file. */
  readonly diskBytes: number;
  readonly secondsPerStep: number;
  /** Of all steps, without validation and the teacher's top-k. */
  readonly estimatedSeconds: number;
  readonly warnings: readonly string[];
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;
}

/**
 * Loads, encodes and plans the first epoch, then times `probeSteps` forward and backward passes of its commonest
 * shape without a teacher. Nothing is written. Errors: those of `prepareDistil`, `invalid_dataset`.
 */
export async function preflight(options: DistilOptions, probeSteps = 3): Promise<PreflightReport> {
  const { recipe } = options;
  const { backend, config, weights, source, specials, teacher } = prepareDistil(options);
  const shapes = shapesFor(source, recipe);
  const cursor = createEpochCursor(source, shapes, recipe, { epoch: 0, batch: 0 }, () => undefined);
  const { plan, rows, examples } = cursor.current;
  const lengths = rows.map((row) => row.ids.length).sort((a, b) => a - b);
  const used = plan.batches.flatMap((batch) => batch.rows);
  const epochTokens = used.reduce((sum, r) => sum + rows[r]!.ids.length, 0);
  const micro = recipe.steps * recipe.optimiser.accumulation;
  const epochs = micro / plan.batches.length;

  const layout = layOutParameters(parameterShapes(config));
  const arena = createArena(layout);
  fillArena(arena, weights);
  const gradients = createArena(layout);
  const parts = partsOf(recipe, false);
  const pool = createRunnerPool(
    backend,
    config,
    recipe,
    { shapes, parts, specials, hasGradients: true },
    arena,
    gradients,
  );
  const commonest = plan.realisedMix.indexOf(Math.max(...plan.realisedMix));
  const batch = plan.batches.find((b) => b.shape === commonest)!;
  const probeRows = batch.rows.map((r) => rows[r]!);
  const totals = emptyTotals();
  countRows(totals, probeRows, { priorOn: recipe.loss.early_tool_prior_on }, null);
  const ones = { ce: 1, kl: 1, tail: 1, early_ce: 1, early_prior: 1, length: 1 };
  const times: number[] = [];
  try {
    const runner = await pool.get(commonest);
    for (let i = 0; i <= probeSteps; i++) {
      const { runMs } = await runner.run(probeRows, totals, ones, null);
      // The first run allocates.
      if (i > 0) times.push(runMs);
    }
  } finally {
    pool.close();
  }
  times.sort((a, b) => a - b);
  const secondsPerStep = ((times[times.length >> 1] ?? 0) / 1000) * recipe.optimiser.accumulation;
  const { hiddenSize: C, intermediateSize: F, layers, heads, vocabSize } = config;
  const activationFloats = Math.max(
    ...shapes.map(
      ({ rows: B, tokens: T, completions: M }) =>
        layers * B * (T * (8 * C + 4 * F) + 2 * heads * T * T) + 4 * M * vocabSize,
    ),
  );
  const positions =
    teacher && source.isFixed ? source.all().reduce((n, row) => n + row.positions.length, 0) : 0;
  return {
    parameters: parameterCount(config),
    examples: examples.length,
    steps: recipe.steps,
    plannedTokens: Math.round(epochTokens * epochs),
    epochs,
    rowTokens: { p50: quantile(lengths, 0.5), p95: quantile(lengths, 0.95), max: lengths.at(-1) ?? 0 },
    shapes: shapes.map(({ tokens, rows: count }, s) => ({
      tokens,
      rows: count,
      share: plan.realisedMix[s] ?? 0,
    })),
    paddingWaste: plan.paddingWaste,
    skippedRows: plan.skipped.length,
    memoryBytes: 4 * (layout.count * 5 + activationFloats),
    diskBytes:
      4 * layout.count * (recipe.optimiser.ema === null ? 5 : 6) +
      positions * recordBytes(Math.min(recipe.loss.k, vocabSize), vocabSize),
    secondsPerStep,
    estimatedSeconds: secondsPerStep * recipe.steps,
    warnings: [
      ...recipe.warnings,
      ...(plan.skipped.length > 0
        ? [
            `${plan.skipped.length} of ${rows.length} rows are longer than ${shapes.at(-1)?.tokens} tokens and are left out.`,
          ]
        : []),
    ],
  };
}
