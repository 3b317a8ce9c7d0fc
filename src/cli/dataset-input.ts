import { readDataset } from "../data/dataset.ts";
import type { Dataset } from "../data/types.ts";
import type { CliContext } from "./execute.ts";

/** Reads a dataset; every line that was skipped is named on standard error. Errors: those of `readDataset`. */
export function readDatasetFor({ output }: CliContext, file: string, maxBad: number): Dataset {
  const { skipped, ...dataset } = readDataset(file, { maxBad });
  // Also with --quiet: what is left out of a result is no progress message.
  for (const { line, field, reason } of skipped) output.note(`skipped ${file}:${line}: ${field}: ${reason}`);
  return dataset;
}
