import { fingerprintNames } from "./report.ts";
import { type Finding, failed, isPositive, type Rule, undecided } from "./verdict.ts";

/** Rules about the report itself: is it whole, and is it about the bytes that it names? */

/** Every example of the dataset was scored, once. */
export const coverageRule: Rule = {
  title: "every example scored once",
  kind: "absolute",
  evaluate({ report: { quality } }): Finding {
    if (quality === null) return undecided("quality was not scored", null, 1);
    const { expected, missing, duplicates } = quality.coverage;
    if (!isPositive(expected)) return failed("the dataset holds no example", null, 1);
    const covered = (expected - missing) / expected;
    if (missing !== 0 || duplicates !== 0 || quality.examples !== expected) {
      const reason = `${quality.examples} of ${expected} examples scored, ${missing} missing, ${duplicates} twice`;
      return failed(reason, Number.isFinite(covered) ? covered : null, 1);
    }
    return { verdict: "pass", value: 1, limit: 1, reason: `${expected} of ${expected} examples scored` };
  },
};

const sha256Shape = /^[0-9a-f]{64}$/;

/** Every fingerprint is there, and report, score and artefact speak of the same bytes. */
export const fingerprintsRule: Rule = {
  title: "fingerprints present and equal",
  kind: "absolute",
  evaluate({ report, artefactFingerprint }): Finding {
    const faults: string[] = [];
    for (const name of fingerprintNames) {
      const value = report.fingerprints[name];
      if (value === null || value === undefined) faults.push(`${name} has none`);
      else if (!sha256Shape.test(value)) faults.push(`${name} is no sha-256`);
      else if (report.quality !== null && report.quality.fingerprints[name] !== value) {
        faults.push(`${name} is not the one that was scored`);
      }
    }
    if (report.artefact.fingerprint !== report.fingerprints.model)
      faults.push("the artefact is not the model that ran");
    if (artefactFingerprint !== null && artefactFingerprint !== report.artefact.fingerprint) {
      faults.push("the artefact has changed since the report was written");
    }
    const present = fingerprintNames.length;
    if (faults.length > 0) return failed(faults.join("; "), null, present);
    return {
      verdict: "pass",
      value: present,
      limit: present,
      reason: `all ${present} present and consistent`,
    };
  },
};
