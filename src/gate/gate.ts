import { LimbeckError } from "../base/errors.ts";
import { baselineKeyOf, findBaseline, findForeignBaseline } from "./baseline.ts";
import type { BlessedBaseline } from "./baseline-file.ts";
import { compareConditions } from "./comparability.ts";
import type { RunReport } from "./report.ts";
import { type RuleName, ruleNames, rules } from "./rules.ts";
import { resolveThresholds, type ThresholdOverrides, type Thresholds } from "./thresholds.ts";
import type { Finding, RuleContext, Verdict } from "./verdict.ts";

export interface RuleResult extends Finding {
  readonly name: RuleName;
  readonly kind: "absolute" | "relative";
}

export interface GateResult {
  readonly schema_version: 1;
  readonly kind: "gate_result";
  /** The worst of the rules' verdicts: fail, then inconclusive, then pass. */
  readonly verdict: Verdict;
  readonly rules: readonly RuleResult[];
  /** Rules that this report gives nothing to hold against. */
  readonly skipped: readonly { readonly name: RuleName; readonly reason: string }[];
  readonly thresholds: Thresholds;
  readonly baseline: {
    readonly hardware_profile_key: string;
    readonly profile_known: boolean;
    readonly blessed_at: string;
    readonly blessed_by: string;
    readonly why: string;
  } | null;
  readonly exitStatus: 0 | 1 | 4;
}

export interface GateOptions {
  /** Folder of blessed baselines; `null`: none. */
  readonly baselineDir: string | null;
  readonly thresholds?: ThresholdOverrides;
  /** Compares speed with another machine's baseline, for information: such a comparison never passes. */
  readonly allowCrossHw?: boolean;
  /** sha-256 recomputed from the artefact's bytes now; a report of other bytes is stale and fails. */
  readonly artefactFingerprint?: string;
}

const exitStatuses: { readonly [V in Verdict]: 0 | 1 | 4 } = { pass: 0, fail: 1, inconclusive: 4 };

function worstOf(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.includes("fail")) return "fail";
  return verdicts.length === 0 || verdicts.includes("inconclusive") ? "inconclusive" : "pass";
}

function evaluateAll(context: RuleContext): Pick<GateResult, "rules" | "skipped"> {
  const results: RuleResult[] = [];
  const skipped: { name: RuleName; reason: string }[] = [];
  for (const name of ruleNames) {
    const rule = rules[name];
    const outcome = rule.evaluate(context);
    if (outcome.verdict === "not_applicable") {
      skipped.push({ name, reason: outcome.reason });
      continue;
    }
    results.push({ name, kind: rule.kind, ...outcome });
  }
  return { rules: results, skipped };
}

/** Holds `report` against `baseline` (or none): every rule, and the worst of their verdicts. Pure. */
export function decide(
  report: RunReport,
  baseline: BlessedBaseline | null,
  options: Omit<GateOptions, "baselineDir"> = {},
): GateResult {
  const thresholds = resolveThresholds(options.thresholds);
  const { rules: results, skipped } = evaluateAll({
    report,
    baseline,
    comparability: compareConditions(report, baseline, options.allowCrossHw ?? false),
    thresholds,
    artefactFingerprint: options.artefactFingerprint ?? null,
  });
  if (results.length === 0) throw new LimbeckError("internal", "gate: no rule was evaluated");
  const verdict = worstOf(results.map((result) => result.verdict));
  return {
    schema_version: 1,
    kind: "gate_result",
    verdict,
    rules: results,
    skipped,
    thresholds,
    baseline:
      baseline === null
        ? null
        : {
            hardware_profile_key: baseline.hardware_profile_key,
            profile_known: baseline.profile_known,
            blessed_at: baseline.blessed_at,
            blessed_by: baseline.blessed_by,
            why: baseline.why,
          },
    exitStatus: exitStatuses[verdict],
  };
}

/**
 * Finds the blessed baseline of the report's task, profile and backend, and decides. Errors: `invalid_report` for a
 * broken baseline file or a name that is no file name, `invalid_config` for impossible thresholds.
 */
export function gateReport(report: RunReport, { baselineDir, ...options }: GateOptions): GateResult {
  const key = baselineKeyOf(report);
  let baseline = baselineDir === null ? null : findBaseline(baselineDir, key);
  if (baseline === null && baselineDir !== null && options.allowCrossHw === true) {
    baseline = findForeignBaseline(baselineDir, key);
  }
  return decide(report, baseline, options);
}
