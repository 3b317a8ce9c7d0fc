import * as os from "node:os";
import { LimbeckError } from "../base/errors.ts";
import { defaultBaselineDir, resolveReport } from "../flow/run-folder.ts";
import { bless } from "../gate/baseline.ts";
import { loadRunReport } from "../gate/report.ts";
import type { CliContext, CommandResult } from "./execute.ts";
import type { BlessFlags } from "./flags.ts";

/** The user's name on this machine. Error: `usage` where the machine has none for this user id. */
function userName(): string {
  try {
    return os.userInfo().username;
  } catch (cause) {
    throw new LimbeckError("usage", "bless: expected a user name, this machine has none for this user", {
      cure: "Add --who NAME.",
      cause,
    });
  }
}

/** `limbeck bless`: makes a report the baseline of its task, hardware profile and backend. */
export async function blessCommand(
  reference: string | undefined,
  flags: BlessFlags,
  { output, isQuiet }: CliContext,
): Promise<CommandResult> {
  const { baselineDir = defaultBaselineDir, who = userName(), why = "", force = false } = flags;
  const report = resolveReport(reference);
  const { baseline, file, replaced, warnings } = bless(loadRunReport(report), baselineDir, {
    who,
    why,
    force,
  });
  if (!isQuiet) for (const warning of warnings) output.note(`warning: ${warning}`);
  return {
    text: [
      `blessed ${report}`,
      `  ${file}`,
      ...(replaced === null ? [] : [`  the one before is kept in ${replaced}`]),
    ].join("\n"),
    document: {
      schema_version: 1,
      kind: "blessing",
      report,
      file,
      replaced,
      blessed_by: baseline.blessed_by,
      blessed_at: baseline.blessed_at,
      why: baseline.why,
      warnings,
    },
    exitStatus: 0,
  };
}
