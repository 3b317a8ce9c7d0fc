import { gateReportFile } from "../flow/gate-report-file.ts";
import { defaultBaselineDir, resolveReport } from "../flow/run-folder.ts";
import { renderMarkdown, renderText } from "../gate/render.ts";
import type { CommandResult } from "./execute.ts";
import type { GateFlags } from "./flags.ts";

/** `limbeck gate`: exit status 0 pass, 1 a rule failed, 4 inconclusive. */
export async function gateCommand(reference: string | undefined, flags: GateFlags): Promise<CommandResult> {
  const { baselineDir = defaultBaselineDir, allowCrossHw = false, markdown = false } = flags;
  const file = resolveReport(reference);
  const result = gateReportFile(file, { baselineDir, allowCrossHw });
  const { exitStatus, ...document } = result;
  return {
    text: markdown ? renderMarkdown(result) : renderText(result),
    document: { ...document, report: file },
    exitStatus,
  };
}
