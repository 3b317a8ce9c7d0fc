import { LimbeckError } from "../base/errors.ts";
import { createRandom, type Random } from "../base/random.ts";
import type { Example } from "../data/types.ts";
import type { ChatRunner } from "../runtime/types.ts";
import type { CallFormat } from "../tools/call-format.ts";
import type { ConditionSample, Conditions } from "./conditions.ts";
import { judgeConditions } from "./conditions.ts";
import { type MeasurePlan, type PlanOptions, planMeasurement } from "./plan.ts";
import { recordRun, type SpeedRun } from "./run-record.ts";
import { type MetricSummary, summarise, summarisePresent } from "./summary.ts";

export interface MeasureOptions extends PlanOptions {
  /** Most output tokens of a run. Default 96. */
  readonly maxTokens?: number;
  /** How the model writes calls; default ours. */
  readonly callFormat?: CallFormat;
  /** Bytes of the runner's key/value cache, if it has one; null: not known. */
  readonly kvBytes?: number | null;
}

export interface MeasureHooks {
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
  /** Resident memory of the process now. Default: this process, which an engine's worker belongs to. */
  readonly readRssBytes?: () => number;
  /** Taken before the first and after the last counted run; without it the conditions are not judged. */
  readonly sampleConditions?: () => ConditionSample;
}

export interface TtfaSummary extends MetricSummary {
  /** Share of the runs that should call and did not; null where no run should. */
  readonly censored_fraction: number | null;
}

/** Speed of one shape, or of all runs. */
export interface SpeedSummary {
  readonly runs: number;
  readonly ttft_ms: MetricSummary;
  /** Medians of the two parts of TTFT. */
  readonly ttft_split: { readonly tokenizer_ms: number | null; readonly first_step_ms: number | null };
  readonly tps: MetricSummary;
  readonly tpot_ms: MetricSummary;
  readonly ttfa_tokens: TtfaSummary;
  readonly ttfa_ms: TtfaSummary;
  readonly prefill_tps: MetricSummary;
  readonly own_overhead_ms_per_token: MetricSummary;
  readonly output_tokens: MetricSummary;
}

/** Raw samples in the order in which they were taken, warm-ups dropped. */
export interface RawSamples {
  readonly ttft_ms: readonly number[];
  readonly tps: readonly number[];
  /** The round of each run of `ttft_ms`, and of `tps`: left out where a run has no TPS and the two differ. */
  readonly block?: readonly number[];
  readonly runs: readonly SpeedRun[];
}

/** What one measurement found: the `speed_metrics` of a run report. */
export interface SpeedReport extends SpeedSummary {
  readonly runner: string;
  readonly plan: Omit<MeasurePlan, "runs">;
  readonly max_tokens: number;
  /** Warm-up runs, dropped. */
  readonly warm_ups_dropped: number;
  /** Runs of one output token: they have no TPS. */
  readonly one_token_runs: number;
  readonly per_shape: readonly ({ readonly shape: number } & SpeedSummary)[];
  /** The most that resident memory was after any run. */
  readonly peak_rss_bytes: number | null;
  readonly kv_bytes: number | null;
  readonly conditions: Conditions | null;
  readonly raw: RawSamples;
}

/** The figures of some runs. TPS and prefill speed have their slow tail at the low end. */
export function summariseRuns(runs: readonly SpeedRun[], random: Random): SpeedSummary {
  const high = { tail: "high", random } as const;
  const low = { tail: "low", random } as const;
  const calling = runs.filter(({ should_call }) => should_call);
  const ttfa = (figure: (run: SpeedRun) => number | null): TtfaSummary => {
    const samples = calling.map((run) => ({ value: figure(run), round: run.round }));
    const censored = samples.filter(({ value }) => value === null).length;
    return {
      ...summarise(samples, high),
      censored_fraction: samples.length === 0 ? null : censored / samples.length,
    };
  };
  return {
    runs: runs.length,
    ttft_ms: summarisePresent(runs, (run) => run.ttft_ms, high),
    ttft_split: {
      tokenizer_ms: summarisePresent(runs, (run) => run.tokenizer_ms, high).p50,
      first_step_ms: summarisePresent(runs, (run) => run.first_step_ms, high).p50,
    },
    tps: summarisePresent(runs, (run) => run.tps, low),
    tpot_ms: summarisePresent(runs, (run) => run.tpot_ms, high),
    ttfa_tokens: ttfa((run) => run.ttfa_tokens),
    ttfa_ms: ttfa((run) => run.ttfa_ms),
    prefill_tps: summarisePresent(runs, (run) => run.prefill_tps, low),
    own_overhead_ms_per_token: summarisePresent(runs, (run) => run.own_overhead_ms_per_token, high),
    output_tokens: summarisePresent(runs, (run) => run.output_tokens, high),
  };
}

function rawSamples(runs: readonly SpeedRun[]): RawSamples {
  const tps = runs.map((run) => run.tps).filter((value) => value !== null);
  return {
    ttft_ms: runs.map((run) => run.ttft_ms),
    tps,
    ...(tps.length === runs.length ? { block: runs.map((run) => run.round) } : {}),
    runs,
  };
}

/**
 * Measures a runner on a slice of a dataset: greedy, one request at a time, first assistant turn only.
 *
 * Errors: those of the plan and of the runner; `cancelled` where the signal aborts; `backend_failed` where a run
 * gives no token.
 */
export async function measureSpeed(
  runner: ChatRunner,
  examples: readonly Example[],
  options: MeasureOptions,
  hooks: MeasureHooks = {},
): Promise<SpeedReport> {
  const { maxTokens = 96, kvBytes = null } = options;
  const { signal, onProgress, readRssBytes = () => process.memoryUsage.rss() } = hooks;
  const plan = planMeasurement(examples, options);
  const runs: SpeedRun[] = [];
  let peakRssBytes: number | null = null;
  let before: ConditionSample | undefined;
  for (const [i, planned] of plan.runs.entries()) {
    if (!planned.isWarmUp) before ??= hooks.sampleConditions?.();
    const { messages, tools } = planned.example;
    const request = { maxTokens, temperature: 0, ...(signal === undefined ? {} : { signal }) };
    const result = await runner.chat(messages, tools, request);
    if (signal?.aborted || result.finishReason === "cancelled") {
      throw new LimbeckError("cancelled", `measure: cancelled after ${i} of ${plan.runs.length} runs`);
    }
    if (result.tokens.length === 0) {
      throw new LimbeckError(
        "backend_failed",
        `measure: expected output tokens from ${runner.name}, got none`,
        {
          fields: { example: planned.example.id },
        },
      );
    }
    if (!planned.isWarmUp) {
      runs.push(recordRun(planned, result, options.callFormat));
      peakRssBytes = Math.max(peakRssBytes ?? 0, readRssBytes());
    }
    onProgress?.(i + 1, plan.runs.length);
  }
  const after = before === undefined ? undefined : hooks.sampleConditions?.();
  const random = createRandom(options.seed ?? 0);
  const { runs: _planned, ...planned } = plan;
  return {
    ...summariseRuns(runs, random.fork("all")),
    runner: runner.name,
    plan: planned,
    max_tokens: maxTokens,
    warm_ups_dropped: plan.warmUps,
    one_token_runs: runs.filter((run) => run.output_tokens === 1).length,
    per_shape: plan.shapes.map(({ shape }) => ({
      shape,
      ...summariseRuns(
        runs.filter((run) => run.shape === shape),
        random.fork(`shape ${shape}`),
      ),
    })),
    peak_rss_bytes: peakRssBytes,
    kv_bytes: kvBytes,
    conditions: before && after ? judgeConditions(before, after) : null,
    raw: rawSamples(runs),
  };
}
