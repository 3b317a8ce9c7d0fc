import { LimbeckError } from "../base/errors.ts";
import { createRandom } from "../base/random.ts";
import type { Example } from "../data/types.ts";
import type { ChatRunner } from "../runtime/types.ts";
import { type PlannedRun, planMeasurement } from "./plan.ts";
import { recordRun, type SpeedRun } from "./run-record.ts";
import type { MeasureHooks, MeasureOptions } from "./speed.ts";
import { median, percentileInterval } from "./statistics.ts";

/** B over A of one figure, median over median. */
export interface RatioSummary {
  readonly ratio: number | null;
  readonly interval: readonly [number, number] | null;
  /** Pairs: both runners answered the same prompt in the same round. */
  readonly n: number;
  readonly a: number | null;
  readonly b: number | null;
}

/** Two runners on the same prompts in one session, turn by turn. */
export interface Comparison {
  readonly a: string;
  readonly b: string;
  readonly ttft_ms: RatioSummary;
  readonly tps: RatioSummary;
  readonly total_ms: RatioSummary;
  readonly output_tokens: RatioSummary;
  readonly raw: { readonly a: readonly SpeedRun[]; readonly b: readonly SpeedRun[] };
}

const resamples = 1000;

/**
 * The ratio of medians with a 95 % interval: pairs are drawn together, so that what both felt of the machine's drift
 * cancels out.
 */
export function pairedRatio(pairs: readonly (readonly [number, number])[], seed: number): RatioSummary {
  if (pairs.length === 0) return { ratio: null, interval: null, n: 0, a: null, b: null };
  const random = createRandom(seed);
  const ratioOf = (chosen: readonly (readonly [number, number])[]): number =>
    median(chosen.map(([, b]) => b)) / median(chosen.map(([a]) => a));
  const drawn = new Float64Array(resamples);
  for (let r = 0; r < resamples; r++) drawn[r] = ratioOf(pairs.map(() => random.pick(pairs)));
  const ratio = ratioOf(pairs);
  const { low, high } = percentileInterval(drawn, ratio);
  return {
    ratio,
    interval: [low, high],
    n: pairs.length,
    a: median(pairs.map(([a]) => a)),
    b: median(pairs.map(([, b]) => b)),
  };
}

/**
 * Measures two runners A-B-A-B: each prompt is answered by both before the next, and who begins alternates with
 * every prompt, so that neither always runs on the warmer machine.
 *
 * Errors: those of the plan and the runners; `cancelled`.
 */
export async function compareSpeed(
  a: ChatRunner,
  b: ChatRunner,
  examples: readonly Example[],
  options: MeasureOptions,
  hooks: Pick<MeasureHooks, "onProgress" | "signal"> = {},
): Promise<Comparison> {
  const { maxTokens = 96 } = options;
  const { signal, onProgress } = hooks;
  const plan = planMeasurement(examples, options);
  const runsOfA: SpeedRun[] = [];
  const runsOfB: SpeedRun[] = [];
  const answer = async (runner: ChatRunner, planned: PlannedRun, into: SpeedRun[]): Promise<void> => {
    const { messages, tools } = planned.example;
    const request = { maxTokens, temperature: 0, ...(signal === undefined ? {} : { signal }) };
    const result = await runner.chat(messages, tools, request);
    if (signal?.aborted || result.finishReason === "cancelled") {
      throw new LimbeckError("cancelled", "measure: the comparison was cancelled");
    }
    if (!planned.isWarmUp) into.push(recordRun(planned, result, options.callFormat));
  };
  for (const [i, planned] of plan.runs.entries()) {
    const turns = [() => answer(a, planned, runsOfA), () => answer(b, planned, runsOfB)];
    if (i % 2 === 1) turns.reverse();
    for (const turn of turns) await turn();
    onProgress?.(i + 1, plan.runs.length);
  }
  const ratio = (figure: (run: SpeedRun) => number | null): RatioSummary => {
    const pairs: (readonly [number, number])[] = [];
    for (const [i, runOfA] of runsOfA.entries()) {
      const runOfB = runsOfB[i];
      const x = figure(runOfA);
      const y = runOfB === undefined ? null : figure(runOfB);
      if (x !== null && y !== null) pairs.push([x, y]);
    }
    return pairedRatio(pairs, options.seed ?? 0);
  };
  return {
    a: a.name,
    b: b.name,
    ttft_ms: ratio((run) => run.ttft_ms),
    tps: ratio((run) => run.tps),
    total_ms: ratio((run) => run.total_ms),
    output_tokens: ratio((run) => run.output_tokens),
    raw: { a: runsOfA, b: runsOfB },
  };
}
