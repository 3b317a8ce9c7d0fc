import type { Interval } from "../measure/statistics.ts";
import type { BlessedBaseline } from "./baseline-file.ts";
import type { Comparability } from "./comparability.ts";
import type { RunReport } from "./report.ts";
import type { Thresholds } from "./thresholds.ts";

export type Verdict = "pass" | "fail" | "inconclusive";

/** What a rule found: the figure, the limit that it was held against, and why the verdict is what it is. */
export interface Finding {
  readonly verdict: Verdict;
  readonly value: number | null;
  readonly limit: number | null;
  readonly reason: string;
  readonly interval?: Interval;
  /** How many samples of this report would decide, where more samples can. */
  readonly samplesNeeded?: number | null;
}

/** A rule that this report gives nothing to hold against, and nothing calls for. */
export interface NotApplicable {
  readonly verdict: "not_applicable";
  readonly reason: string;
}

export interface RuleContext {
  readonly report: RunReport;
  readonly baseline: BlessedBaseline | null;
  readonly comparability: Comparability;
  readonly thresholds: Thresholds;
  /** sha-256 recomputed from the artefact's bytes, when the caller has them. */
  readonly artefactFingerprint: string | null;
}

export interface Rule {
  readonly title: string;
  /** Absolute rules need no baseline; relative ones compare with it. */
  readonly kind: "absolute" | "relative";
  evaluate(context: RuleContext): Finding | NotApplicable;
}

export function failed(reason: string, value: number | null = null, limit: number | null = null): Finding {
  return { verdict: "fail", value, limit, reason };
}

export function undecided(reason: string, value: number | null = null, limit: number | null = null): Finding {
  return { verdict: "inconclusive", value, limit, reason };
}

// Differences such as 0.95 − 0.96 miss −0.01 by a rounding error; limits are read with this slack.
const slack = 1e-9;

/** At most four significant digits, as reasons print figures. */
export function formatFigure(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}

/** What values a figure can have at all: a share lies in 0 to 1, an amount is not negative. */
export type Domain = "share" | "amount" | "any";

/** Whether `value` is a figure of `domain`: NaN, infinity, null and values that cannot be are none. */
export function isFigure(value: number | null | undefined, domain: Domain): value is number {
  if (typeof value !== "number" || !Number.isFinite(value)) return false;
  return domain === "any" || (value >= 0 && (domain === "amount" || value <= 1));
}

/** Whether there is at least one of what is counted. */
export function isPositive(value: number | null | undefined): value is number {
  return isFigure(value, "amount") && value > 0;
}

/** Judges a measured `value`; what is no figure of `domain` fails, for a figure was due. */
export function judge(
  value: number | null,
  domain: Domain,
  relation: "at least" | "at most",
  limit: number,
  what: string,
): Finding {
  if (!isFigure(value, domain)) return failed(`${what} is ${value}, which cannot be`, null, limit);
  const holds = relation === "at least" ? value >= limit - slack : value <= limit + slack;
  const figure = `${what} is ${formatFigure(value)}, ${relation} ${formatFigure(limit)} is asked`;
  return { verdict: holds ? "pass" : "fail", value, limit, reason: figure };
}
