import * as fs from "node:fs";
import * as path from "node:path";
import { LimbeckError } from "../base/errors.ts";
import { withFileErrors, writeFileAtomic, writeJsonAtomic } from "../base/files.ts";
import { type BlessedBaseline, loadBaseline } from "./baseline-file.ts";
import { compareConditions, isKnownProfile, isNamelessProfile } from "./comparability.ts";
import { parseRunReport, type RunReport } from "./report.ts";
import { type RuleName, ruleNames, rules } from "./rules.ts";
import { resolveThresholds, type ThresholdOverrides } from "./thresholds.ts";

/** The folder of blessed baselines: `<task>/<profile>/<backend>.json`, and under `history/` what they replaced. */

/** What one baseline stands for. */
export interface BaselineKey {
  readonly task: string;
  readonly profile: string;
  readonly backend: string;
}

export function baselineKeyOf(report: RunReport): BaselineKey {
  return { task: report.task, profile: report.hardware_profile_key, backend: report.backend };
}

const segmentShape = /^[A-Za-z0-9][A-Za-z0-9._+-]*$/;

function segment(value: string, what: string): string {
  // Names become folders; a slash or a leading dot would leave the baseline folder.
  if (segmentShape.test(value)) return value;
  throw new LimbeckError(
    "invalid_report",
    `baseline: expected a ${what} of letters, digits and ._+-, got "${value}"`,
    {
      cure: `Give the ${what} a plain name.`,
      fields: { [what]: value },
    },
  );
}

/** Path of the baseline of `key` below `dir`. Error: `invalid_report` for a name that is no file name. */
export function baselineFile(dir: string, { task, profile, backend }: BaselineKey): string {
  return path.join(
    dir,
    segment(task, "task"),
    segment(profile, "profile"),
    `${segment(backend, "backend")}.json`,
  );
}

/** The blessed baseline of `key`, or `null`. A file that is there but broken is an error, never "no baseline". */
export function findBaseline(dir: string, key: BaselineKey): BlessedBaseline | null {
  if (isNamelessProfile(key.profile)) return null;
  const file = baselineFile(dir, key);
  return fs.existsSync(file) ? loadBaseline(file) : null;
}

/** The baseline of the same task and backend on other hardware that was blessed last, or `null`. */
export function findForeignBaseline(
  dir: string,
  { task, profile, backend }: BaselineKey,
): BlessedBaseline | null {
  const folder = path.join(dir, segment(task, "task"));
  if (!fs.existsSync(folder)) return null;
  const name = `${segment(backend, "backend")}.json`;
  const profiles = withFileErrors("list", folder, () => fs.readdirSync(folder));
  return profiles
    .filter((other) => other !== profile)
    .map((other) => path.join(folder, other, name))
    .filter((file) => fs.existsSync(file))
    .map(loadBaseline)
    .reduce<BlessedBaseline | null>((a, b) => (a === null || b.blessed_at > a.blessed_at ? b : a), null);
}

export interface BlessOptions {
  readonly who: string;
  readonly why: string;
  /** Blesses over failing rules; what they said is recorded. Needs a reason in `why`. */
  readonly force?: boolean;
  readonly thresholds?: ThresholdOverrides;
  /** ISO time of the blessing; default now. */
  readonly at?: string;
}

export interface Blessing {
  readonly baseline: BlessedBaseline;
  readonly file: string;
  /** Where the baseline that it replaces was moved, if there was one. */
  readonly replaced: string | null;
  readonly warnings: readonly string[];
}

/** What stands against a report's becoming a baseline: failing absolute rules and invalid conditions. */
function findObjections(report: RunReport, overrides: ThresholdOverrides | undefined): string[] {
  const context = {
    report,
    baseline: null,
    comparability: compareConditions(report, null, false),
    thresholds: resolveThresholds(overrides),
    artefactFingerprint: null,
  };
  // Relative rules fail without a baseline only where the report's own figures are no figures.
  const failing = ruleNames
    .map((name: RuleName) => ({ name, outcome: rules[name].evaluate(context) }))
    .filter(({ outcome }) => outcome.verdict === "fail")
    .map(({ name, outcome }) => `${name}: ${outcome.reason}`);
  return [...failing, ...report.invalid_for_gate.map((reason) => `invalid for gating: ${reason}`)];
}

/**
 * Makes `report` the blessed baseline of its task, profile and backend in `dir`; the one before moves to `history/`.
 * Errors: `usage` without a name (or without a reason when forced), `invalid_report` for a nameless profile,
 * `gate_failed` when an absolute rule fails or the run's conditions were invalid and `force` is not set.
 */
export function bless(unchecked: RunReport, dir: string, options: BlessOptions): Blessing {
  const report = parseRunReport(unchecked, "bless");
  const { who, why, force = false } = options;
  if (who.trim() === "") {
    throw new LimbeckError("usage", "bless: expected the name of a person, got none", {
      cure: "Add --who NAME.",
    });
  }
  if (force && why.trim() === "") {
    throw new LimbeckError("usage", "bless: expected a reason to force the blessing, got none", {
      cure: "Add --why TEXT; it is kept with the baseline.",
    });
  }
  const key = baselineKeyOf(report);
  if (isNamelessProfile(key.profile)) {
    throw new LimbeckError(
      "invalid_report",
      `bless: expected a hardware profile, got "${key.profile || "none"}"`,
      {
        cure: "Measure on a machine that Limbeck can describe, or add its profile to hardware_profiles.yaml.",
      },
    );
  }
  const objections = findObjections(report, options.thresholds);
  if (objections.length > 0 && !force) {
    throw new LimbeckError(
      "gate_failed",
      `bless: expected a report that passes, got ${objections.join("; ")}`,
      {
        cure: "Repair what fails, or bless with --force --why TEXT.",
        fields: { objections },
      },
    );
  }

  const file = baselineFile(dir, key);
  const previous = findBaseline(dir, key);
  const baseline: BlessedBaseline = {
    schema_version: 1,
    kind: "blessed_baseline",
    task: key.task,
    hardware_profile_key: key.profile,
    backend: key.backend,
    profile_known: isKnownProfile(key.profile),
    blessed_at: options.at ?? new Date().toISOString(),
    blessed_by: who,
    why,
    forced_over: objections.length > 0 ? objections : null,
    report: withoutTokenTimes(report),
  };
  const replaced = previous === null ? null : keepInHistory(dir, key, file, previous);
  writeJsonAtomic(file, baseline);
  return { baseline, file, replaced, warnings: warningsOf(baseline) };
}

/** The report without the times of every single token: a baseline is kept in git, and no rule reads them. */
function withoutTokenTimes(report: RunReport): RunReport {
  if (report.speed_metrics === null) return report;
  const { runs: _runs, ...raw } = report.speed_metrics.raw as typeof report.speed_metrics.raw & {
    runs?: unknown;
  };
  return { ...report, speed_metrics: { ...report.speed_metrics, raw } };
}

/** Copies the file of `previous` byte for byte; the baseline itself is replaced only afterwards. */
function keepInHistory(dir: string, key: BaselineKey, file: string, previous: BlessedBaseline): string {
  const folder = path.join(dir, "history", key.task, key.profile, key.backend);
  const time = previous.blessed_at.replace(/[^0-9A-Za-z]+/g, "-");
  let kept = path.join(folder, `${time}.json`);
  for (let copy = 2; fs.existsSync(kept); copy++) kept = path.join(folder, `${time}-${copy}.json`);
  writeFileAtomic(
    kept,
    withFileErrors("read", file, () => fs.readFileSync(file)),
  );
  return kept;
}

function warningsOf(baseline: BlessedBaseline): string[] {
  const warnings: string[] = [];
  if (!baseline.profile_known) {
    warnings.push(
      `no hardware profile names this machine; only runs with the very same key ${baseline.hardware_profile_key} will be compared`,
    );
  }
  if (baseline.forced_over !== null)
    warnings.push(`blessed by force over: ${baseline.forced_over.join("; ")}`);
  return warnings;
}
