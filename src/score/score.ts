import * as fs from "node:fs";
import type { Json } from "../base/json.ts";
import { fingerprintExamples, fingerprintTools } from "../data/fingerprints.ts";
import type { Dataset, Example } from "../data/types.ts";
import type { ChatRunner } from "../runtime/types.ts";
import type { AllowList } from "./privacy.ts";
import { type ExampleScore, scoreExample } from "./score-example.ts";
import { type ScoreFingerprints, type ScoreReport, summarizeScores } from "./score-report.ts";
import { mostTurns, runToolLoop, type ToolLoopOptions } from "./tool-loop.ts";
import type { ExampleTranscript } from "./transcript.ts";
import { openTranscripts, readTranscripts, type TranscriptHeader } from "./transcript-file.ts";

export interface ScoreProgress {
  readonly done: number;
  readonly total: number;
  /** Examples taken from the transcript file, not run again. */
  readonly resumed: number;
}

export interface ScoreOptions extends ToolLoopOptions {
  readonly onProgress?: (progress: ScoreProgress) => void;
  /** JSONL of what was said, written as examples finish. */
  readonly transcriptPath?: string;
  /** Keeps the transcripts that the file holds already; otherwise the file begins anew. */
  readonly resume?: boolean;
  /** Of the bytes in use; those of the examples and tools are computed here. */
  readonly fingerprints?: Partial<Omit<ScoreFingerprints, "dataset" | "tools">>;
  readonly allow?: AllowList;
}

/** Fingerprints of what is scored: examples and tools are hashed as they are here, never taken from the header. */
function fingerprintsOf(
  examples: readonly Example[],
  given: ScoreOptions["fingerprints"] = {},
): ScoreFingerprints {
  return {
    dataset: fingerprintExamples(examples),
    tools: fingerprintTools(examples),
    tokenizer: given.tokenizer ?? null,
    prompt_wrapper: given.prompt_wrapper ?? null,
    runner: given.runner ?? null,
    model: given.model ?? null,
  };
}

function settingsOf(options: ScoreOptions): { [key: string]: Json } {
  const { temperature = 0, maxTokens, seed } = options.generate ?? {};
  return {
    temperature,
    max_tokens: maxTokens ?? null,
    seed: seed ?? null,
    most_turns: mostTurns,
  };
}

/** Runs every example of `dataset` that `kept` does not hold, in order. */
async function collectTranscripts(
  runner: ChatRunner,
  examples: readonly Example[],
  kept: readonly ExampleTranscript[],
  options: ScoreOptions,
  onTranscript: (transcript: ExampleTranscript) => void,
): Promise<ExampleTranscript[]> {
  const known = new Map(kept.map((transcript) => [transcript.id, transcript]));
  const transcripts: ExampleTranscript[] = [];
  for (const example of examples) {
    let transcript = known.get(example.id);
    if (transcript === undefined) {
      transcript = await runToolLoop(runner, example, options);
      onTranscript(transcript);
    }
    transcripts.push(transcript);
    options.onProgress?.({ done: transcripts.length, total: examples.length, resumed: kept.length });
  }
  return transcripts;
}

/** Scores stored transcripts of `dataset` again, without a model. Pure but for hashing. */
export function scoreTranscripts(
  dataset: Dataset,
  transcripts: readonly ExampleTranscript[],
  options: Pick<ScoreOptions, "allow" | "fingerprints" | "generate"> & { readonly runner: string },
): ScoreReport {
  const { examples } = dataset;
  const byId = new Map(examples.map((example) => [example.id, example]));
  const scores = transcripts.flatMap((transcript): ExampleScore[] => {
    const example = byId.get(transcript.id);
    return example === undefined ? [] : [scoreExample(example, transcript, options.allow)];
  });
  return summarizeScores(scores, {
    runner: options.runner,
    ids: examples.map((example) => example.id),
    fingerprints: fingerprintsOf(examples, options.fingerprints),
    settings: settingsOf(options),
  });
}

/**
 * Scores `runner` on `dataset`, one example after the other, through the tool loop. With `transcriptPath` every
 * finished example is on disk, and `resume` goes on after an interruption. Errors: `cancelled`, `not_writable`,
 * `disk_full`, `invalid_report` (transcripts of another model or dataset); what the runner throws.
 */
export async function scoreDataset(
  runner: ChatRunner,
  dataset: Dataset,
  options: ScoreOptions = {},
): Promise<ScoreReport> {
  const { transcriptPath, resume = false } = options;
  const header: TranscriptHeader = {
    schema_version: 1,
    kind: "transcript_header",
    runner: runner.name,
    fingerprints: fingerprintsOf(dataset.examples, options.fingerprints),
  };
  const isResumed = resume && transcriptPath !== undefined && fs.existsSync(transcriptPath);
  const kept = isResumed ? readTranscripts(transcriptPath, header) : [];
  const writer = transcriptPath === undefined ? null : openTranscripts(transcriptPath, header, kept);
  try {
    const transcripts = await collectTranscripts(runner, dataset.examples, kept, options, (transcript) =>
      writer?.append(transcript),
    );
    return scoreTranscripts(dataset, transcripts, { ...options, runner: runner.name });
  } finally {
    writer?.close();
  }
}
