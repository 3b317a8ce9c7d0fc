import * as fs from "node:fs";
import * as path from "node:path";
import { type GateOptions, type GateResult, gateReport } from "../gate/gate.ts";
import { loadRunReport, type RunReport } from "../gate/report.ts";
import { verifyArtefact } from "../model/artefact.ts";

/** The artefact that a report speaks of, where it still lies beside the report. */
function artefactBeside(reportFile: string, report: RunReport): string | null {
  const { path: relative } = report.artefact as { readonly path?: unknown };
  if (typeof relative !== "string") return null;
  const folder = path.resolve(path.dirname(reportFile), relative);
  return fs.existsSync(folder) ? folder : null;
}

/**
 * Gates a report file. Where the artefact lies beside it, its bytes are hashed again: a report of other bytes is stale
 * and fails. Errors: `file_not_found`, `invalid_json`, `invalid_report`, `invalid_artefact` (its files were changed).
 */
export function gateReportFile(
  reportFile: string,
  options: Omit<GateOptions, "artefactFingerprint">,
): GateResult {
  const report = loadRunReport(reportFile);
  const artefact = artefactBeside(reportFile, report);
  return gateReport(report, {
    ...options,
    ...(artefact === null
      ? {}
      : { artefactFingerprint: verifyArtefact(artefact).manifest.fingerprints.model }),
  });
}
