import type { BlessedBaseline } from "./baseline-file.ts";
import type { fingerprintNames, RunReport } from "./report.ts";

/** Why figures of a report and a baseline must not be held against each other; empty lists: they may. */
export interface Comparability {
  readonly quality: readonly string[];
  readonly speed: readonly string[];
  /** The profiles differ and the caller asked to compare all the same: for information, never a verdict. */
  readonly isCrossHardware: boolean;
}

/** A machine without a name never gates: its key says nothing about what it is. */
export function isNamelessProfile(key: string): boolean {
  return key === "" || key === "unknown";
}

/** Whether a hardware profile names this machine; `unknown-…` keys describe a machine that none names. */
export function isKnownProfile(key: string): boolean {
  return !isNamelessProfile(key) && !key.startsWith("unknown-");
}

type FingerprintName = (typeof fingerprintNames)[number];

// The model's fingerprint differs by nature; the tokenizer may too, without touching what quality means.
const qualityFingerprints: readonly FingerprintName[] = ["dataset", "tools", "runner"];
const speedFingerprints: readonly FingerprintName[] = [...qualityFingerprints, "tokenizer", "prompt_wrapper"];

function differingFingerprints(
  report: RunReport,
  baseline: BlessedBaseline,
  names: readonly FingerprintName[],
): string[] {
  return names
    .filter((name) => {
      const now = report.fingerprints[name];
      return now === null || now !== baseline.report.fingerprints[name];
    })
    .map((name) => `the ${name} fingerprint differs from the baseline's`);
}

/** Decides what of `report` may be compared with `baseline`. */
export function compareConditions(
  report: RunReport,
  baseline: BlessedBaseline | null,
  allowCrossHw: boolean,
): Comparability {
  if (baseline === null) {
    const none = [
      `no blessed baseline for ${report.task} on ${report.hardware_profile_key || "unknown"} with ${report.backend}`,
    ];
    return { quality: none, speed: none, isCrossHardware: false };
  }
  const blessed = baseline.report;
  const quality: string[] = [];
  if (blessed.task !== report.task) quality.push(`the baseline's task is ${blessed.task}`);
  const speed = [...quality];
  quality.push(...differingFingerprints(report, baseline, qualityFingerprints));
  speed.push(...differingFingerprints(report, baseline, speedFingerprints));

  const isSameProfile = blessed.hardware_profile_key === report.hardware_profile_key;
  if (isNamelessProfile(report.hardware_profile_key)) speed.push("the hardware profile is unknown");
  if (!isSameProfile && !allowCrossHw)
    speed.push(`the baseline's profile is ${blessed.hardware_profile_key}`);
  if (blessed.backend !== report.backend) speed.push(`the baseline's backend is ${blessed.backend}`);
  if (blessed.artefact.kind !== report.artefact.kind)
    speed.push(`the baseline's artefact is ${blessed.artefact.kind}`);
  for (const reason of report.invalid_for_gate) speed.push(`the run is not valid for gating: ${reason}`);
  for (const reason of blessed.invalid_for_gate)
    speed.push(`the baseline's run was not valid for gating: ${reason}`);
  return { quality, speed, isCrossHardware: !isSameProfile };
}
