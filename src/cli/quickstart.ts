import pc from "picocolors";
import { runQuickstart } from "../flow/quickstart.ts";
import { renderSummary } from "../flow/summary.ts";
import type { CliContext, CommandResult } from "./execute.ts";
import type { QuickstartFlags } from "./flags.ts";

/** `limbeck quickstart`: exit status 1 only where a rule fails; a first verdict without a baseline ends 0. */
export async function quickstartCommand(flags: QuickstartFlags, context: CliContext): Promise<CommandResult> {
  const { progress, signal, isColourful } = context;
  const { seed, out, baselineDir, recipe, steps, examples, trainExamples, rounds } = flags;
  const result = await runQuickstart(
    {
      seed,
      ...(out === undefined ? {} : { out }),
      ...(baselineDir === undefined ? {} : { baselineDir }),
      ...(recipe === undefined ? {} : { recipe }),
      ...(steps === undefined ? {} : { steps }),
      ...(examples === undefined ? {} : { testExamples: examples }),
      ...(trainExamples === undefined ? {} : { trainExamples }),
      ...(rounds === undefined ? {} : { measureRounds: rounds }),
    },
    {
      signal,
      onProgress: ({ stage, done, total, detail, remainingMs }) =>
        progress.update({
          label: stage,
          done,
          total,
          ...(detail === undefined ? {} : { detail }),
          ...(remainingMs === null ? {} : { remainingMs }),
        }),
      onStageEnd: (stage, sentence, seconds) =>
        progress.note(`✓ ${stage.padEnd(8)} ${`${seconds.toFixed(1)} s`.padStart(8)}  ${sentence}`),
    },
  );
  return {
    text: renderSummary(result, pc.createColors(isColourful)),
    document: result,
    exitStatus: result.verdict === "fail" ? 1 : 0,
  };
}
