import type { LossPart } from "./losses.ts";
import type { StepRecord } from "./train-log.ts";

/** What one step did, before it becomes a record. */
export interface StepOutcome {
  readonly step: number;
  readonly steps: number;
  readonly epoch: number;
  readonly shapes: readonly number[];
  readonly loss: number;
  readonly parts: Partial<Readonly<Record<LossPart, number>>>;
  readonly weights: Readonly<Record<LossPart, number>>;
  readonly learningRate: number;
  readonly gradientNorm: number;
  readonly isQuantised: boolean;
  readonly tokens: number;
  readonly flops: number;
  readonly stepMs: number;
  readonly runMs: number;
}

/** Sums over the steps of one call. */
export interface RunAccount {
  /** Counts a step and describes it for the log. */
  add(outcome: StepOutcome): StepRecord;
  readonly last: StepRecord | null;
  readonly tokensPerSecond: number | null;
  readonly ceilingFraction: number | null;
  readonly overheadMsMedian: number | null;
}

function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? null;
}

/** `ceilingGflops`: the machine's rate of pure matrix products, where it was measured. */
export function createRunAccount(ceilingGflops: number | undefined): RunAccount {
  const overheads: number[] = [];
  let seconds = 0;
  let tokens = 0;
  let flops = 0;
  let last: StepRecord | null = null;
  const fraction = (work: number, time: number): number | null =>
    ceilingGflops === undefined || time === 0 ? null : work / time / (ceilingGflops * 1e9);
  return {
    add(outcome) {
      const stepSeconds = outcome.stepMs / 1000;
      seconds += stepSeconds;
      tokens += outcome.tokens;
      flops += outcome.flops;
      overheads.push(outcome.stepMs - outcome.runMs);
      const shares: Partial<Record<LossPart, number>> = {};
      for (const [part, value] of Object.entries(outcome.parts) as [LossPart, number][]) {
        shares[part] = (outcome.weights[part] * value) / outcome.loss;
      }
      last = {
        kind: "step",
        step: outcome.step,
        steps: outcome.steps,
        epoch: outcome.epoch,
        shapes: outcome.shapes,
        loss: outcome.loss,
        parts: outcome.parts,
        shares,
        learning_rate: outcome.learningRate,
        gradient_norm: outcome.gradientNorm,
        is_quantised: outcome.isQuantised,
        tokens: outcome.tokens,
        tokens_per_second: outcome.tokens / stepSeconds,
        step_ms: outcome.stepMs,
        run_ms: outcome.runMs,
        overhead_ms: outcome.stepMs - outcome.runMs,
        ceiling_fraction: fraction(outcome.flops, stepSeconds),
      };
      return last;
    },
    get last() {
      return last;
    },
    get tokensPerSecond() {
      return seconds > 0 ? tokens / seconds : null;
    },
    get ceilingFraction() {
      return fraction(flops, seconds);
    },
    get overheadMsMedian() {
      return median(overheads);
    },
  };
}
