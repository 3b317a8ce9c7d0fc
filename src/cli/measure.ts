import { writeJsonAtomic } from "../base/files.ts";
import { measureArtefact } from "../flow/measure-artefact.ts";
import { takeExamples } from "../flow/take-examples.ts";
import type { SpeedReport, SpeedSummary } from "../measure/speed.ts";
import { readDatasetFor } from "./dataset-input.ts";
import type { CliContext, CommandResult } from "./execute.ts";
import type { MeasureFlags } from "./flags.ts";

type Metric = SpeedSummary["ttft_ms"];

/** "4.1 [3.9, 4.4]": the figure and its 95 % interval. */
function withInterval(metric: Metric, p: "p50" | "p95", digits: number): string {
  const value = metric[p];
  if (value === null) return "–";
  const [low, high] = metric.intervals[p] ?? [null, null];
  const bounds = low === null || high === null ? "" : ` [${low.toFixed(digits)}, ${high.toFixed(digits)}]`;
  return `${value.toFixed(digits)}${bounds}`;
}

function renderSummary(label: string, summary: SpeedSummary): string[] {
  const { ttft_ms, ttft_split, tps, tpot_ms, ttfa_tokens, prefill_tps } = summary;
  const split = (value: number | null): string => (value === null ? "–" : value.toFixed(1));
  return [
    `${label}: ${summary.runs} runs`,
    `  TTFT ms       p50 ${withInterval(ttft_ms, "p50", 1)}, p95 ${withInterval(ttft_ms, "p95", 1)}; tokenizer ${split(ttft_split.tokenizer_ms)} + first step ${split(ttft_split.first_step_ms)}`,
    `  TPS           p50 ${withInterval(tps, "p50", 0)}, p95 ${withInterval(tps, "p95", 0)}`,
    `  TPOT ms       p50 ${withInterval(tpot_ms, "p50", 2)}`,
    `  TTFA tokens   p50 ${withInterval(ttfa_tokens, "p50", 0)}, p95 ${withInterval(ttfa_tokens, "p95", 0)}, censored ${ttfa_tokens.censored_fraction?.toFixed(3) ?? "–"}`,
    `  prefill tok/s p50 ${withInterval(prefill_tps, "p50", 0)}`,
  ];
}

function renderSpeed(report: SpeedReport): string {
  return [
    ...renderSummary(report.runner, report),
    ...report.per_shape.flatMap((summary) => renderSummary(`shape ${summary.shape}`, summary)),
  ].join("\n");
}

/** `limbeck measure`: the report with its raw samples goes to --out, without the single runs to standard output. */
export async function measureCommand(
  artefact: string,
  flags: MeasureFlags,
  context: CliContext,
): Promise<CommandResult> {
  const { progress, signal, output, isQuiet } = context;
  const { dataset: file, maxBad, shapes, prompts, rounds, warmups, limit, out } = flags;
  const { examples } = takeExamples(readDatasetFor(context, file, maxBad), limit);
  const report = await measureArtefact(
    artefact,
    examples,
    {
      ...(shapes === undefined ? {} : { shapes }),
      ...(prompts === undefined ? {} : { promptsPerShape: prompts }),
      ...(rounds === undefined ? {} : { rounds }),
      ...(warmups === undefined ? {} : { warmUpsPerShape: warmups }),
    },
    { signal, onProgress: (done, total) => progress.update({ label: "measure", done, total }) },
  );
  if (out !== undefined) writeJsonAtomic(out, report);
  const { conditions } = report;
  if (!isQuiet) {
    for (const warning of new Set([
      ...(conditions?.warnings ?? []),
      ...(conditions?.invalid_for_gate ?? []),
    ])) {
      output.note(`warning: ${warning}`);
    }
  }
  const { runs: _runs, ...raw } = report.raw;
  return { text: renderSpeed(report), document: { ...report, raw }, exitStatus: 0 };
}
