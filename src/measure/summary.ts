import type { Random } from "../base/random.ts";
import {
  blockBootstrap,
  bootstrap,
  fewestBlocks,
  quantileOfSorted,
  type SortedStatistic,
  sortAscending,
} from "./statistics.ts";

/** [low, high] of a 95 % interval; an end is null where it lies among censored runs. */
export type Bounds = readonly [number | null, number | null];

/** Percentiles of one quantity with bootstrap intervals. Every null is "not measured". */
export interface MetricSummary {
  readonly n: number;
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p95: number | null;
  readonly intervals: {
    readonly p50: Bounds | null;
    readonly p90: Bounds | null;
    readonly p95: Bounds | null;
  };
}

/** One run's value and the round that it was taken in; null is right-censored. */
export interface Sample {
  readonly value: number | null;
  readonly round: number;
}

export interface SummaryOptions {
  /** "high": more is worse (a latency). "low": less is worse (a speed), so that p95 is what 95 % of runs reach. */
  readonly tail: "high" | "low";
  readonly random: Random;
  readonly resamples?: number;
}

const percentiles = [50, 90, 95] as const;
const confidence = 0.95;

const finiteOrNull = (value: number): number | null => (Number.isFinite(value) ? value : null);

function groupByRound(samples: readonly Sample[]): number[][] {
  const rounds = new Map<number, number[]>();
  for (const { value, round } of samples) {
    const members = rounds.get(round) ?? [];
    members.push(value ?? Number.POSITIVE_INFINITY);
    rounds.set(round, members);
  }
  return [...rounds.values()];
}

/**
 * Percentiles p50, p90, p95 with 95 % bootstrap intervals. Whole rounds are drawn where there are enough of them, so
 * that drift between rounds widens the interval as it must; otherwise single runs. A percentile that lies among
 * censored runs is null.
 */
export function summarise(
  samples: readonly Sample[],
  { tail, random, resamples = 1000 }: SummaryOptions,
): MetricSummary {
  if (samples.length === 0) {
    return { n: 0, p50: null, p90: null, p95: null, intervals: { p50: null, p90: null, p95: null } };
  }
  const values = samples.map(({ value }) => value ?? Number.POSITIVE_INFINITY);
  const sorted = sortAscending(values);
  const rounds = groupByRound(samples);
  const statistics = percentiles.map<SortedStatistic>((p) => {
    const q = tail === "high" ? p / 100 : 1 - p / 100;
    return (ascending) => quantileOfSorted(ascending, q);
  });
  const [p50, p90, p95] = statistics.map((statistic) => finiteOrNull(statistic(sorted)));
  const [i50, i90, i95] = statistics.map((statistic): Bounds => {
    const drawn = sortAscending(
      rounds.length >= fewestBlocks
        ? blockBootstrap(rounds, statistic, { random, resamples })
        : bootstrap(values, statistic, { random, resamples }),
    );
    const edge = (1 - confidence) / 2;
    return [finiteOrNull(quantileOfSorted(drawn, edge)), finiteOrNull(quantileOfSorted(drawn, 1 - edge))];
  });
  return {
    n: samples.length,
    p50: p50 ?? null,
    p90: p90 ?? null,
    p95: p95 ?? null,
    intervals: { p50: i50 ?? null, p90: i90 ?? null, p95: i95 ?? null },
  };
}

/** `summarise` over the runs that have the figure. */
export function summarisePresent<T extends { readonly round: number }>(
  runs: readonly T[],
  figure: (run: T) => number | null,
  options: SummaryOptions,
): MetricSummary {
  const samples: Sample[] = [];
  for (const run of runs) {
    const value = figure(run);
    if (value !== null) samples.push({ value, round: run.round });
  }
  return summarise(samples, options);
}
