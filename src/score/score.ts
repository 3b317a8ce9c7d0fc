import * as fs from "node:fs";
import type { Json } from "../base/json.ts";
import { fingerprintExamples, fingerprintTools } from "../data/fingerprints.ts";
import type { Dataset, Example } from "../data/types.ts";
import type { ChatRunner } from "../runtime/types.ts";
import type { BatchReport } from "./batch-report.ts";
import { type CollectOptions, collectTranscripts } from "./collect-transcripts.ts";
import type { AllowList } from "./privacy.ts";
import { type ExampleScore, scoreExample } from "./score-example.ts";
import { type ScoreFingerprints, type ScoreReport, summarizeScores } from "./score-report.ts";
import { mostTurns } from "./tool-loop.ts";
import type { ExampleTranscript } from "./transcript.ts";
import { openTranscripts, readTranscripts, type TranscriptHeader } from "./transcript-file.ts";

export interface ScoreProgress {
  readonly done: number;
  readonly total: number;
  /** Examples taken from the transcript file, not run again. */
  readonly resumed: number;
}

export interface ScoreOptions extends CollectOptions {
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

function settingsOf(options: Pick<ScoreOptions, "generate">): { [key: string]: Json } {
  const { temperature = 0, maxTokens, seed } = options.generate ?? {};
  return {
    temperature,
    max_tokens: maxTokens ?? null,
    seed: seed ?? null,
    most_turns: mostTurns,
  };
}

/** Scores stored transcripts of `dataset` again, without a model. Pure but for hashing. */
export function scoreTranscripts(
  dataset: Dataset,
  transcripts: readonly ExampleTranscript[],
  options: Pick<ScoreOptions, "allow" | "fingerprints" | "generate"> & {
    readonly runner: string;
    readonly batch?: BatchReport | null;
  },
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
    batch: options.batch ?? null,
  });
}

/**
 * Scores `runner` on `dataset` through the tool loop, one example after the other or, where `options.batch` says so, in
 * rows that give the same answers. With `transcriptPath` every
 * finished example is on disk, and `resume` goes on after an interruption. Errors: `cancelled`, `not_writable`,
 * `disk_full`, `invalid_report` (transcripts of another model or dataset); what the runner throws.
 */
export async function scoreDataset(
  runner: ChatRunner,
  dataset: Dataset,
  options: ScoreOptions = {},
): Promise<ScoreReport> {
  const { examples } = dataset;
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
    let done = kept.length;
    const tell = (): void => options.onProgress?.({ done, total: examples.length, resumed: kept.length });
    if (done > 0) tell();
    const { transcripts, batch } = await collectTranscripts(runner, examples, kept, options, (transcript) => {
      writer?.append(transcript);
      done += 1;
      tell();
    });
    return scoreTranscripts(dataset, transcripts, { ...options, runner: runner.name, batch });
  } finally {
    writer?.close();
  }
}
