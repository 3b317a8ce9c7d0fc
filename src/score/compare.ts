import { LimbeckError } from "../base/errors.ts";
import { createRandom } from "../base/random.ts";
import { bootstrapInterval, type Interval, mcnemarExact, mean } from "../measure/statistics.ts";
import type { ExampleScore } from "./score-example.ts";
import type { ScoreReport } from "./score-report.ts";

/** Two scored runs over the same examples, example by example. */
export interface ScoreComparison {
  readonly examples: number;
  readonly eligible: number;
  /** Mean over eligible examples of the second run's F1 minus the first's, with its bootstrap interval. */
  readonly delta_f1_lax: Interval | null;
  readonly delta_f1_strict: Interval | null;
  /** An example passes when its F1 lax is 1, or, for a control, when no call was made. */
  readonly mcnemar: { readonly only_first: number; readonly only_second: number; readonly p: number };
  readonly lost: readonly string[];
  readonly won: readonly string[];
}

export interface CompareOptions {
  readonly seed?: number;
  readonly resamples?: number;
}

function isPassed(score: ExampleScore): boolean {
  return score.eligible ? score.f1_lax === 1 : score.false_calls === 0;
}

function pairById(first: ScoreReport, second: ScoreReport): [ExampleScore, ExampleScore][] {
  const others = new Map(second.examples_detail.map((score) => [score.id, score]));
  const pairs = first.examples_detail.flatMap((score): [ExampleScore, ExampleScore][] => {
    const other = others.get(score.id);
    return other === undefined ? [] : [[score, other]];
  });
  const isSameData =
    first.fingerprints.dataset !== null && first.fingerprints.dataset === second.fingerprints.dataset;
  if (!isSameData || pairs.length !== first.examples || pairs.length !== second.examples) {
    throw new LimbeckError(
      "invalid_report",
      `compare: expected two scores of the same examples, got ${pairs.length} common of ${first.examples} and ${second.examples}`,
      { cure: "Score both models on the same dataset, all of it." },
    );
  }
  return pairs;
}

function deltaOf(
  pairs: readonly (readonly [ExampleScore, ExampleScore])[],
  field: "f1_lax" | "f1_strict",
  { seed = 1, resamples = 2000 }: CompareOptions,
): Interval | null {
  const deltas = pairs
    .filter(([score]) => score.eligible)
    .map(([before, after]) => (after[field] as number) - (before[field] as number));
  if (deltas.length === 0) return null;
  return bootstrapInterval(deltas, mean, { random: createRandom(seed).fork(field), resamples });
}

/** Paired comparison: McNemar's exact test on passes, bootstrap of per-example ΔF1. Error: `invalid_report`. */
export function compareScores(
  first: ScoreReport,
  second: ScoreReport,
  options: CompareOptions = {},
): ScoreComparison {
  const pairs = pairById(first, second);
  const idsWhere = (fits: (before: boolean, after: boolean) => boolean): string[] =>
    pairs.filter(([before, after]) => fits(isPassed(before), isPassed(after))).map(([score]) => score.id);
  const lost = idsWhere((before, after) => before && !after);
  const won = idsWhere((before, after) => !before && after);
  return {
    examples: pairs.length,
    eligible: pairs.filter(([score]) => score.eligible).length,
    delta_f1_lax: deltaOf(pairs, "f1_lax", options),
    delta_f1_strict: deltaOf(pairs, "f1_strict", options),
    mcnemar: { only_first: lost.length, only_second: won.length, p: mcnemarExact(lost.length, won.length) },
    lost,
    won,
  };
}
