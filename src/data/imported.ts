import { BadLines, datasetError, ExampleCollector, type ReadDataset, readJsonLines } from "./dataset.ts";
import type { Fault } from "./dataset-schema.ts";
import { fingerprintDataset } from "./fingerprints.ts";
import type { DatasetHeader } from "./types.ts";

/** What a foreign file becomes: the header's facts, and the word for one of its lines in messages. */
export interface ImportSettings {
  readonly name: string;
  readonly split: DatasetHeader["split"];
  readonly what: string;
  /** Lines that may be bad. */
  readonly maxBad: number;
}

/**
 * Reads a JSONL file of another tool as a dataset: `take` turns a line into an example for the collector and says what
 * is wrong with it, or null. Errors: `invalid_dataset` with file, line, field and reason; `file_not_found`.
 */
export function readImported(
  file: string,
  { name, split, what, maxBad }: ImportSettings,
  take: (value: unknown, line: number, collector: ExampleCollector) => Fault | null,
): ReadDataset {
  const bad = new BadLines(maxBad);
  const collector = new ExampleCollector();
  readJsonLines(
    file,
    (value, line) => {
      const fault = take(value, line, collector);
      if (fault !== null) bad.add({ file, line, ...fault });
    },
    (line, reason) => bad.add({ file, line, field: "line", reason }),
  );
  const { examples } = collector;
  if (examples.length === 0)
    throw datasetError(file, 1, "file", `expected at least one usable ${what}, got none`);
  const header: DatasetHeader = {
    schema_version: 1,
    kind: "limbeck_dataset",
    name,
    split,
    seed: null,
    examples: examples.length,
    fingerprints: fingerprintDataset(examples),
  };
  return { header, examples, skipped: bad.lines };
}
