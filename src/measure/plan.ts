import { LimbeckError } from "../base/errors.ts";
import { createRandom } from "../base/random.ts";
import type { Example } from "../data/types.ts";

/** One request of a measurement. */
export interface PlannedRun {
  readonly example: Example;
  /** The enumerated prompt shape: the smallest that holds the prompt. */
  readonly shape: number;
  /** One pass over all chosen prompts; −1 for a warm-up. */
  readonly round: number;
  readonly isWarmUp: boolean;
}

export interface PlanOptions {
  /** Enumerated prompt lengths, in tokens. */
  readonly shapes: readonly number[];
  readonly promptTokens: (example: Example) => number;
  /** Prompts of each shape, fewer where the slice has fewer. Default 5. */
  readonly promptsPerShape?: number;
  /** Passes over the chosen prompts. Default 8: the gate's intervals draw whole passes, and want eight of them. */
  readonly rounds?: number;
  /** Dropped runs of each shape before the first round. Default: each prompt once, for what an engine does once for a set of tools. */
  readonly warmUpsPerShape?: number;
  /** Which prompts are chosen. Default 0. */
  readonly seed?: number;
}

/** What will be measured, in order. */
export interface MeasurePlan {
  readonly runs: readonly PlannedRun[];
  readonly rounds: number;
  readonly warmUps: number;
  /** Shapes that have prompts, ascending. */
  readonly shapes: readonly {
    readonly shape: number;
    readonly prompts: number;
    readonly available: number;
  }[];
  /** Examples whose prompt is longer than every shape. */
  readonly skippedTooLong: number;
  /** Enumerated shapes that no example of the slice has: not measured. */
  readonly emptyShapes: readonly number[];
}

function checkCount(name: string, value: number, least: number): number {
  if (Number.isInteger(value) && value >= least) return value;
  throw new LimbeckError(
    "invalid_config",
    `measure: ${name}: expected a whole number ≥ ${least}, got ${value}`,
    {
      fields: { option: name, value },
    },
  );
}

/**
 * Chooses prompts for each shape (seeded) and lays the runs out so that shapes alternate within a round and slow
 * drift of the machine falls on all of them alike: round by round, prompt by prompt, shape by shape.
 *
 * Errors: `invalid_config` for bad options; `invalid_dataset` where no example fits any shape.
 */
export function planMeasurement(examples: readonly Example[], options: PlanOptions): MeasurePlan {
  const promptsPerShape = checkCount("promptsPerShape", options.promptsPerShape ?? 5, 1);
  const rounds = checkCount("rounds", options.rounds ?? 8, 1);
  const warmUpsPerShape = checkCount("warmUpsPerShape", options.warmUpsPerShape ?? promptsPerShape, 0);
  const shapes = [...new Set(options.shapes)].sort((a, b) => a - b);
  for (const shape of shapes) checkCount("shapes", shape, 1);

  const byShape = new Map<number, Example[]>(shapes.map((shape) => [shape, []]));
  let skippedTooLong = 0;
  for (const example of examples) {
    const tokens = options.promptTokens(example);
    const shape = shapes.find((candidate) => tokens <= candidate);
    if (shape === undefined) skippedTooLong++;
    else byShape.get(shape)?.push(example);
  }

  const random = createRandom(options.seed ?? 0);
  const chosen = shapes
    .map((shape) => {
      const available = byShape.get(shape) ?? [];
      const prompts = random.fork(`shape ${shape}`).shuffle(available).slice(0, promptsPerShape);
      return { shape, prompts, available: available.length };
    })
    .filter(({ prompts }) => prompts.length > 0);
  if (chosen.length === 0) {
    throw new LimbeckError(
      "invalid_dataset",
      `measure: expected prompts of at most ${shapes.at(-1) ?? 0} tokens, got none among ${examples.length} examples`,
      { cure: "Give larger shapes, or a dataset with shorter prompts.", fields: { shapes, skippedTooLong } },
    );
  }

  const runs: PlannedRun[] = [];
  const layRound = (round: number, passes: number): void => {
    for (let i = 0; i < passes; i++) {
      for (const { shape, prompts } of chosen) {
        const example = round < 0 ? prompts[i % prompts.length] : prompts[i];
        if (example !== undefined) runs.push({ example, shape, round, isWarmUp: round < 0 });
      }
    }
  };
  layRound(-1, warmUpsPerShape);
  for (let round = 0; round < rounds; round++) layRound(round, promptsPerShape);
  return {
    runs,
    rounds,
    warmUps: chosen.length * warmUpsPerShape,
    shapes: chosen.map(({ shape, prompts, available }) => ({ shape, prompts: prompts.length, available })),
    skippedTooLong,
    emptyShapes: shapes.filter((shape) => (byShape.get(shape)?.length ?? 0) === 0),
  };
}
