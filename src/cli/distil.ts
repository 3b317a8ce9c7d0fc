import { type DistilOptions, distil } from "../train/distil.ts";
import { type PreflightReport, preflight } from "../train/preflight.ts";
import { type Recipe, readRecipe } from "../train/recipe.ts";
import { readDatasetFor } from "./dataset-input.ts";
import type { CliContext, CommandResult } from "./execute.ts";
import type { DistilFlags } from "./flags.ts";
import { formatClock } from "./progress.ts";

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;

function renderPreflight(report: PreflightReport): string {
  const { rowTokens: tokens } = report;
  const shapes = report.shapes.map(
    ({ tokens: length, rows, share }) => `${rows} × ${length} (${(share * 100).toFixed(0)} %)`,
  );
  return [
    `this run can work: about ${formatClock(report.estimatedSeconds * 1000)} for ${report.steps} steps`,
    `  ${report.parameters.toLocaleString("en-US")} parameters, ${report.examples} examples, ${report.epochs.toFixed(1)} epochs`,
    `  rows of ${tokens.p50} tokens (median), ${tokens.p95} (p95), ${tokens.max} at most; ${report.skippedRows} fit no shape`,
    `  shapes ${shapes.join(", ")}; ${(report.paddingWaste * 100).toFixed(1)} % padding`,
    `  memory about ${megabytes(report.memoryBytes)}, disk about ${megabytes(report.diskBytes)}`,
  ].join("\n");
}

function optionsOf(flags: DistilFlags, context: CliContext): DistilOptions {
  const own = readRecipe(flags.recipe);
  const recipe: Recipe = { ...own, seed: flags.seed ?? own.seed, steps: flags.steps ?? own.steps };
  return {
    recipe,
    student: flags.student ?? null,
    teacher: flags.teacher ?? null,
    ...(flags.tokenizer === undefined ? {} : { tokenizer: flags.tokenizer }),
    train: readDatasetFor(context, flags.data, flags.maxBad).examples,
    validation:
      flags.validation === undefined ? [] : readDatasetFor(context, flags.validation, flags.maxBad).examples,
    outDir: flags.out,
    resume: flags.resume === true,
  };
}

/** `limbeck distil`: trains; an interruption leaves a state that --resume goes on from. */
export async function distilCommand(flags: DistilFlags, context: CliContext): Promise<CommandResult> {
  const { progress, signal, output, isQuiet } = context;
  const options = optionsOf(flags, context);
  const note = (text: string): void => (isQuiet ? undefined : output.note(text));
  if (flags.dryRun === true) {
    const report = await preflight(options);
    for (const warning of report.warnings) note(`warning: ${warning}`);
    return {
      text: renderPreflight(report),
      document: { schema_version: 1, kind: "preflight", ...report },
      exitStatus: 0,
    };
  }
  for (const warning of options.recipe.warnings) note(`warning: ${warning}`);
  const result = await distil(options, {
    signal,
    onTopk: (done, total) => progress.update({ label: "teach", done, total }),
    onStep: ({ step, steps, loss, tokens_per_second: rate }) =>
      progress.update({
        label: "distil",
        done: step,
        total: steps,
        detail: `loss ${loss.toFixed(3)}, ${rate.toFixed(0)} tokens/s`,
      }),
  });
  for (const action of result.actions) note(`note: ${action}`);
  const { config: _config, ...document } = result;
  return {
    text: [
      `trained ${result.steps} steps in ${result.seconds.toFixed(1)} s`,
      `  ${result.parameters.toLocaleString("en-US")} parameters, loss ${result.finalLoss?.toFixed(4) ?? "–"}, ${result.tokensPerSecond?.toFixed(0) ?? "–"} tokens/s`,
      `  ${result.checkpoint}`,
    ].join("\n"),
    document: { schema_version: 1, kind: "distil_result", ...document },
    exitStatus: 0,
  };
}
