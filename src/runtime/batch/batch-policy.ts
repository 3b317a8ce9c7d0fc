import { percentile } from "../../measure/statistics.ts";

/** The same requests at one number of rows: one round of a measurement. */
export interface BatchSample {
  /** Rows that were used: 1 is one request after the other. */
  readonly batch: number;
  readonly tokens: number;
  /** From the start of the first request to the end of the last one. */
  readonly wallMs: number;
  /** From start to end of each request. */
  readonly latenciesMs: readonly number[];
}

/** What was measured at one number of rows; null: not measured. */
export interface BatchFigures {
  readonly batch: number;
  readonly requests: number;
  /** Output tokens a second, over all rounds. */
  readonly tps: number | null;
  readonly p95LatencyMs: number | null;
}

export interface BatchCandidate extends BatchFigures {
  /** Over the figures of one request after the other; null where either is missing. */
  readonly tpsRatio: number | null;
  readonly p95LatencyRatio: number | null;
  readonly passes: boolean;
  readonly reason: string;
}

export interface BatchDecision {
  /** 1: one request after the other. */
  readonly batch: number;
  readonly reason: string;
  readonly candidates: readonly BatchCandidate[];
}

/** Throughput must rise by at least one part in so many, and p95 latency by less than that: 10 %. */
const parts = 10;

const isMeasured = (value: number | null): value is number =>
  value !== null && value > 0 && Number.isFinite(value);

/** The figures over all rounds at `batch` rows. */
export function summarizeBatch(batch: number, samples: readonly BatchSample[]): BatchFigures {
  const own = samples.filter((sample) => sample.batch === batch);
  const latencies = own.flatMap(({ latenciesMs }) => latenciesMs);
  const wallMs = own.reduce((sum, sample) => sum + sample.wallMs, 0);
  const tps = (own.reduce((sum, { tokens }) => sum + tokens, 0) / wallMs) * 1000;
  const p95 = latencies.length === 0 ? null : percentile(latencies, 95);
  return {
    batch,
    requests: latencies.length,
    tps: isMeasured(tps) ? tps : null,
    p95LatencyMs: isMeasured(p95) ? p95 : null,
  };
}

/** Differences are compared, not products: 1.1 · 100 is more than 110 in binary. */
function judge(alone: BatchFigures, figures: BatchFigures): BatchCandidate {
  const { tps, p95LatencyMs: p95 } = figures;
  const [ownTps, ownP95] = [alone.tps, alone.p95LatencyMs];
  if (!isMeasured(tps) || !isMeasured(p95) || !isMeasured(ownTps) || !isMeasured(ownP95)) {
    const nothing = { tpsRatio: null, p95LatencyRatio: null, passes: false };
    return { ...figures, ...nothing, reason: "not measured: what is missing does not pass" };
  }
  const isFaster = (tps - ownTps) * parts >= ownTps;
  const isPrompt = (p95 - ownP95) * parts < ownP95;
  const [tpsRatio, p95LatencyRatio] = [tps / ownTps, p95 / ownP95];
  const reasons = [
    `${isFaster ? "" : "only "}${tpsRatio.toFixed(3)} times the tokens a second`,
    `${p95LatencyRatio.toFixed(3)} times the p95 latency${isPrompt ? "" : ", which must rise by less than 10 %"}`,
  ];
  return {
    ...figures,
    tpsRatio,
    p95LatencyRatio,
    passes: isFaster && isPrompt,
    reason: reasons.join("; "),
  };
}

/**
 * How many offline requests to run side by side: of the candidates whose throughput is at least 10 % above that of one
 * request after the other and whose p95 latency is less than 10 % above it, the one with most throughput (of equals the
 * smaller one). Nothing is rounded; what is missing or no finite number above 0 never passes. Pure.
 */
export function decideBatch(alone: BatchFigures, figures: readonly BatchFigures[]): BatchDecision {
  const candidates = figures.map((one) => judge(alone, one));
  const [best] = candidates
    .filter(({ passes }) => passes)
    .sort((a, b) => (b.tps as number) - (a.tps as number) || a.batch - b.batch);
  if (best) return { batch: best.batch, reason: best.reason, candidates };
  const reason =
    candidates.length === 0
      ? "no batch was measured"
      : "no batch gives at least 10 % more tokens a second with less than 10 % more p95 latency";
  return { batch: 1, reason, candidates };
}
