import { writeJsonAtomic } from "../base/files.ts";
import { scoreArtefact } from "../flow/score-artefact.ts";
import { takeExamples } from "../flow/take-examples.ts";
import type { ScoreReport } from "../score/score-report.ts";
import { readDatasetFor } from "./dataset-input.ts";
import type { CliContext, CommandResult } from "./execute.ts";
import type { ScoreFlags } from "./flags.ts";

const share = (value: number | null): string => (value === null ? "–" : value.toFixed(3));
const count = (value: number | null): string => (value === null ? "–" : value.toFixed(0));

function renderScore(report: ScoreReport): string {
  const { ttfa_tokens: ttfa, tokens_out: tokens, fixture } = report;
  const rows: readonly (readonly [string, string])[] = [
    ["F1 lax", share(report.f1_lax)],
    ["F1 strict", share(report.f1_strict)],
    ["valid arguments", `${share(report.argument_valid_rate)} of ${report.calls_made} calls`],
    ["false calls", `${report.false_calls} on ${report.controls} controls`],
    ["privacy leaks", String(report.privacy_leaks)],
    [
      "TTFA tokens",
      `p50 ${count(ttfa.p50)}, p95 ${count(ttfa.p95)}, censored ${share(ttfa.censored_fraction)}`,
    ],
    ["tokens out", `median ${count(tokens.median)}, p95 ${count(tokens.p95)}`],
    ["fixtures", `${fixture.hits} hits, ${fixture.misses} misses`],
    ["grounding F1 lax", share(report.grounding.lax?.f1 ?? null)],
    ...(report.batch ? [["batch", `${report.batch.batch}: ${report.batch.reason}`] as const] : []),
  ];
  return [
    `${report.runner}: ${report.examples} examples, ${report.eligible} expect calls`,
    ...rows.map(([label, value]) => `  ${label.padEnd(18)}${value}`),
  ].join("\n");
}

/** `limbeck score`: the report goes to --out, without its examples to standard output. */
export async function scoreCommand(
  artefact: string,
  flags: ScoreFlags,
  context: CliContext,
): Promise<CommandResult> {
  const { progress, signal } = context;
  const { dataset: file, maxBad, limit, out, transcripts, resume, batch } = flags;
  const dataset = takeExamples(readDatasetFor(context, file, maxBad), limit);
  const report = await scoreArtefact(artefact, dataset, {
    signal,
    batch,
    onProgress: ({ done, total, resumed }) =>
      progress.update({
        label: "score",
        done,
        total,
        ...(resumed > 0 ? { detail: `${resumed} kept` } : {}),
      }),
    ...(transcripts === undefined ? {} : { transcriptPath: transcripts }),
    ...(resume === undefined ? {} : { resume }),
  });
  if (out !== undefined) writeJsonAtomic(out, report);
  const { examples_detail: _detail, ...document } = report;
  return { text: renderScore(report), document, exitStatus: 0 };
}
