// node score-stored.js DATASET TRANSCRIPTS HEADER: scores stored transcripts in a process of their own, for its memory.
import { readJson } from "#limbeck/base/files.js";
import { stringifyJson } from "#limbeck/base/json.js";
import { readDataset } from "#limbeck/data/dataset.js";
import { scoreTranscripts } from "#limbeck/score/score.js";
import { readTranscripts, type TranscriptHeader } from "#limbeck/score/transcript-file.js";
import { peakRssMb } from "./benchmark.ts";

/** Seconds by what took them, and what was found. */
export interface StoredScore {
  readonly examples: number;
  readonly f1_lax: number | null;
  readonly read_dataset_s: number;
  readonly read_transcripts_s: number;
  readonly score_s: number;
  readonly peak_rss_mb: number;
}

const [datasetFile, transcriptFile, headerFile] = process.argv.slice(2) as [string, string, string];
const times: number[] = [];
const timed = <T>(action: () => T): T => {
  const start = performance.now();
  const result = action();
  times.push((performance.now() - start) / 1000);
  return result;
};
const header = readJson(headerFile) as unknown as TranscriptHeader;
const dataset = timed(() => readDataset(datasetFile));
const transcripts = timed(() => readTranscripts(transcriptFile, header));
const report = timed(() => scoreTranscripts(dataset, transcripts, { runner: header.runner }));
const [readDatasetS = 0, readTranscriptsS = 0, scoreS = 0] = times;
const found: StoredScore = {
  examples: report.examples,
  f1_lax: report.f1_lax,
  read_dataset_s: readDatasetS,
  read_transcripts_s: readTranscriptsS,
  score_s: scoreS,
  peak_rss_mb: peakRssMb(),
};
process.stdout.write(`${stringifyJson(found)}\n`);
