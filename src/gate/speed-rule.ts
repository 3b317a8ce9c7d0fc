import { createRandom } from "../base/random.ts";
import {
  type BlockedSamples,
  quantileOfSorted,
  type RatioInterval,
  ratioInterval,
} from "../measure/statistics.ts";
import type { SpeedMetrics } from "./report.ts";
import { type Finding, failed, formatFigure, type Rule, type RuleContext, undecided } from "./verdict.ts";

/** Which figure of speed a rule watches. */
export interface SpeedFigure {
  readonly metric: "ttft_ms" | "tps";
  readonly percentile: "p50" | "p95";
}

/** Fewest runs that a percentile is judged on: below, the tail is one or two runs and no interval holds. */
const fewestSamples = { p50: 10, p95: 20 } as const;

const confidence = 0.95;
/** Two-sided 95 % point of the normal distribution. */
const z95 = 1.96;
/** Beyond this many times the present samples, more of them is no sensible advice. */
const mostSampleGrowth = 50;

/** TTFT's tail is its high end, the tail of TPS its low end. */
function quantileOf({ metric, percentile }: SpeedFigure): number {
  const q = percentile === "p50" ? 0.5 : 0.95;
  return metric === "tps" ? 1 - q : q;
}

function samplesOf(speed: SpeedMetrics, metric: SpeedFigure["metric"]): BlockedSamples {
  const { block } = speed.raw;
  return { values: speed.raw[metric], ...(block === undefined ? {} : { blocks: block }) };
}

/** Says why a report's figure cannot be used, or `null`. A figure that its own raw samples contradict is no figure. */
function findFault(speed: SpeedMetrics, figure: SpeedFigure): string | null {
  const values = speed.raw[figure.metric];
  const stated = speed[figure.metric][figure.percentile];
  const name = `${figure.metric}.${figure.percentile}`;
  if (values.length === 0) return `${figure.metric} has no raw samples`;
  if (values.some((value) => !(Number.isFinite(value) && value > 0))) {
    return `${figure.metric} has raw samples that are not positive numbers`;
  }
  const blocks = speed.raw.block;
  if (blocks !== undefined && blocks.length !== values.length) {
    return `raw.block has ${blocks.length} entries for ${values.length} runs`;
  }
  if (stated === null || !(Number.isFinite(stated) && stated > 0)) return `${name} is ${stated}`;
  const found = quantileOfSorted(Float64Array.from(values).sort(), quantileOf(figure));
  // Reports may round; half a percent is far below the limits that are decided here.
  if (Math.abs(stated / found - 1) > 0.005) {
    return `${name} is stated as ${formatFigure(stated)}, but its raw samples give ${formatFigure(found)}`;
  }
  return null;
}

/** How many samples decide, and whether the baseline needs as many or this report alone does. */
export interface SampleAdvice {
  readonly samples: number;
  readonly inBaselineToo: boolean;
}

/**
 * How many samples would move the interval off the limit at the present estimate: of the report alone where the
 * baseline's spread leaves room, else of both. `null` where the estimate is too near the limit for any sensible
 * number. `samples` is the smaller of the two present counts.
 */
export function samplesToDecide(
  interval: RatioInterval,
  limit: number,
  samples: number,
): SampleAdvice | null {
  const { estimate, numeratorError, denominatorError } = interval;
  const allowed = (Math.log(limit / estimate) / z95) ** 2;
  // Variances fall as 1/n; a tenth more than that asks, since the interval's ends are uncertain too.
  const scale = (variance: number, room: number): number =>
    room <= 0
      ? Number.POSITIVE_INFINITY
      : Math.max(samples + 1, Math.ceil(1.1 * samples * (variance / room)));
  const most = mostSampleGrowth * samples;
  const alone = scale(numeratorError ** 2, allowed - denominatorError ** 2);
  const together = scale(numeratorError ** 2 + denominatorError ** 2, allowed);
  // Blessing anew costs more than measuring longer, up to a point.
  if (alone <= Math.min(most, 4 * together)) return { samples: alone, inBaselineToo: false };
  return together <= most ? { samples: together, inBaselineToo: true } : null;
}

/**
 * Effect and certainty: `pass` when the whole 95 % interval of current/baseline is within the limit, `fail` when it
 * is wholly beyond, `inconclusive` between.
 */
export function judgeRatio(
  current: BlockedSamples,
  baseline: BlockedSamples,
  figure: SpeedFigure,
  regressionMax: number,
  resamples?: number,
): Finding {
  const q = quantileOf(figure);
  const isSpeed = figure.metric === "tps";
  const limit = isSpeed ? 1 - regressionMax : 1 + regressionMax;
  const n = Math.max(current.values.length, baseline.values.length);
  const interval = ratioInterval(current, baseline, (sorted) => quantileOfSorted(sorted, q), {
    // A fixed seed: the same two reports always get the same verdict.
    random: createRandom(95),
    // A bounded number of draws, so that long sample lists are judged in time too.
    resamples: resamples ?? Math.max(500, Math.min(2000, Math.floor(1_000_000 / n))),
    confidence,
  });
  const isWithin = isSpeed ? interval.low >= limit : interval.high <= limit;
  const isBeyond = isSpeed ? interval.high < limit : interval.low > limit;
  const name = `${figure.metric} ${figure.percentile}`;
  const range = `${formatFigure(interval.low)} to ${formatFigure(interval.high)}`;
  const found = `${name} is ${formatFigure(interval.estimate)} × the baseline's (95 % interval ${range}, n ${current.values.length} and ${baseline.values.length})`;
  const common = { value: interval.estimate, limit, interval };
  if (isWithin)
    return { ...common, verdict: "pass", reason: `${found}, wholly within ${formatFigure(limit)}` };
  if (isBeyond)
    return { ...common, verdict: "fail", reason: `${found}, wholly beyond ${formatFigure(limit)}` };
  const fewer = Math.min(current.values.length, baseline.values.length);
  const advice = samplesToDecide(interval, limit, fewer);
  return {
    ...common,
    verdict: "inconclusive",
    reason: `${found}, which straddles ${formatFigure(limit)}; ${describeAdvice(advice)}`,
    samplesNeeded: advice?.samples ?? null,
  };
}

function describeAdvice(advice: SampleAdvice | null): string {
  if (advice === null) return "so near the limit that no sensible number of samples decides";
  const where = advice.inBaselineToo ? " in the baseline too" : "";
  return `about ${advice.samples} samples${where} would decide`;
}

function evaluateSpeed(figure: SpeedFigure, context: RuleContext): Finding {
  const { report, baseline, comparability, thresholds } = context;
  const { metric, percentile } = figure;
  const limit = metric === "tps" ? 1 - thresholds.speed_regression_max : 1 + thresholds.speed_regression_max;
  if (report.speed_metrics === null) return undecided("speed was not measured", null, limit);
  const fault = findFault(report.speed_metrics, figure);
  if (fault !== null) return failed(fault, null, limit);
  if (baseline === null || comparability.speed.length > 0) {
    return undecided(comparability.speed.join("; "), null, limit);
  }
  const blessed = baseline.report.speed_metrics;
  if (blessed === null) return undecided("the baseline has no measure of speed", null, limit);
  const blessedFault = findFault(blessed, figure);
  if (blessedFault !== null) return undecided(`in the baseline, ${blessedFault}`, null, limit);
  const fewest = fewestSamples[percentile];
  const n = Math.min(report.speed_metrics.raw[metric].length, blessed.raw[metric].length);
  if (n < fewest) {
    const reason = `${metric} ${percentile} needs ${fewest} runs in the report and in the baseline, got ${n}`;
    return { ...undecided(reason, null, limit), samplesNeeded: fewest };
  }
  const finding = judgeRatio(
    samplesOf(report.speed_metrics, metric),
    samplesOf(blessed, metric),
    figure,
    thresholds.speed_regression_max,
  );
  if (!comparability.isCrossHardware) return finding;
  const { samplesNeeded: _dropped, ...information } = finding;
  return {
    ...information,
    verdict: "inconclusive",
    reason: `for information only, the baseline is of ${baseline.hardware_profile_key}: ${finding.reason}`,
  };
}

/** The rule that holds one figure of speed against the blessed baseline. */
export function speedRule(title: string, figure: SpeedFigure): Rule {
  return { title, kind: "relative", evaluate: (context) => evaluateSpeed(figure, context) };
}
