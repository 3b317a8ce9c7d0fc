import type { BatchDecision, BatchFigures } from "../runtime/batch/batch-policy.ts";
import type { RowCheck } from "../runtime/batch/row-check.ts";

/** How many rows were asked for: as measurement says, or so many. */
export type BatchRequest = "auto" | number;

interface Figures {
  readonly batch: number;
  readonly requests: number;
  readonly tps: number | null;
  readonly p95_latency_ms: number | null;
}

/**
 * How many offline requests ran side by side, and why. Whatever the number, the answers are those of one request after
 * the other: rows that do not keep their bits, or that gave another answer while measured, are not used. So reports with
 * different batches may be compared, and the runner's fingerprint does not hold it.
 */
export interface BatchReport {
  readonly schema_version: 1;
  readonly asked: BatchRequest;
  /** What was used; 1: one request after the other. */
  readonly batch: number;
  /** `refused`: rows would have changed answers; `too_little_work`: measuring would have been too large a part of it. */
  readonly decided_by: "option" | "measurement" | "too_little_work" | "refused";
  readonly reason: string;
  /** What was measured; null: nothing was. */
  readonly measured: {
    readonly examples: number;
    readonly rounds: number;
    /** Examples that were run again only to measure, over all that were to be run. */
    readonly extra_share: number;
    readonly alone: Figures;
    readonly candidates: readonly (Figures & {
      readonly tps_ratio: number | null;
      readonly p95_latency_ratio: number | null;
      readonly passes: boolean;
      readonly reason: string;
    })[];
    /** Answers that rows gave while measured, and those of them that differ from what was said alone. */
    readonly answers_compared: number;
    readonly answers_differing: number;
  } | null;
  /** The comparison of rows' bits when they were opened; null: none was opened. */
  readonly check: {
    readonly logits_compared: number;
    readonly logits_differing: number;
    readonly refusal: string | null;
  } | null;
  /** Decode runs with 1, 2, … rows in them, those of the measurement too; null: no rows were used. */
  readonly runs_by_rows: readonly number[] | null;
}

export function toFigures({ batch, requests, tps, p95LatencyMs }: BatchFigures): Figures {
  return { batch, requests, tps, p95_latency_ms: p95LatencyMs };
}

export function toCandidates(decision: BatchDecision): NonNullable<BatchReport["measured"]>["candidates"] {
  return decision.candidates.map((candidate) => ({
    ...toFigures(candidate),
    tps_ratio: candidate.tpsRatio,
    p95_latency_ratio: candidate.p95LatencyRatio,
    passes: candidate.passes,
    reason: candidate.reason,
  }));
}

export function toCheck({ compared, differing, refusal }: RowCheck): NonNullable<BatchReport["check"]> {
  return { logits_compared: compared, logits_differing: differing, refusal };
}
