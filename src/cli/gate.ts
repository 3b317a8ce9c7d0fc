import { defaultBaselineDir, resolveReport } from "../flow/run-folder.ts";
import { gateReport } from "../gate/gate.ts";
import { renderMarkdown, renderText } from "../gate/render.ts";
import { loadRunReport } from "../gate/report.ts";
import type { CommandResult } from "./execute.ts";
import type { GateFlags } from "./flags.ts";

/** `limbeck gate`: exit status 0 pass, 1 a rule failed, 4 inconclusive. */
export async function gateCommand(reference: string | undefined, flags: GateFlags): Promise<CommandResult> {
  const { baselineDir = defaultBaselineDir, allowCrossHw = false, markdown = false } = flags;
  const file = resolveReport(reference);
  const result = gateReport(loadRunReport(file), { baselineDir, allowCrossHw });
  const { exitStatus, ...document } = result;
  return {
    text: markdown ? renderMarkdown(result) : renderText(result),
    document: { ...document, report: file },
    exitStatus,
  };
}
