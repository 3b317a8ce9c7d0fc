import { quantileOfSorted, sortAscending } from "../../measure/statistics.ts";

/** What is kept of a quantity in milliseconds; null where nothing was measured. */
export interface Summary {
  readonly count: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

export interface Samples {
  add(ms: number): void;
  summary(): Summary | null;
}

/** The last samples that percentiles are of: a session of days must not grow. */
const mostSamples = 4096;

export function createSamples(): Samples {
  const kept: number[] = [];
  let count = 0;
  let max = 0;
  return {
    add: (ms) => {
      kept[count % mostSamples] = ms;
      max = count === 0 ? ms : Math.max(max, ms);
      count++;
    },
    summary: () => {
      if (count === 0) return null;
      const sorted = sortAscending(kept);
      return {
        count,
        p50: quantileOfSorted(sorted, 0.5),
        p95: quantileOfSorted(sorted, 0.95),
        p99: quantileOfSorted(sorted, 0.99),
        max,
      };
    },
  };
}

/** Why a segment was not said. */
export const dropReasons = ["stale", "urgent", "full", "skipped", "interrupted", "hot"] as const;
export type DropReason = (typeof dropReasons)[number];

/** What a schedule did so far. Times in milliseconds. */
export interface ScheduleFigures {
  readonly said: number;
  readonly failed: number;
  readonly untranslated: number;
  readonly dropped: Readonly<Record<DropReason, number>>;
  readonly waiting: number;
  readonly translate: Summary | null;
  readonly voice: Summary | null;
  /** From a segment's last character to its first sample, of segments that found everything silent and empty. */
  readonly response: Summary | null;
  /** The same of every segment: how far speech is behind the text. */
  readonly lag: Summary | null;
  /** Silence between two sounds where the second segment was there before the first sound ended. */
  readonly gap: Summary | null;
  /** When the first sample of all was played, on the schedule's clock. */
  readonly firstSoundAtMs: number | null;
  readonly spokenMs: number;
}
