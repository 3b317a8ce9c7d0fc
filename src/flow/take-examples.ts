import { LimbeckError } from "../base/errors.ts";
import { fingerprintDataset } from "../data/fingerprints.ts";
import type { Dataset } from "../data/types.ts";

/** The first `limit` examples of a dataset as one of its own, or all of them. Error: `usage` for a limit below 1. */
export function takeExamples(dataset: Dataset, limit: number | undefined): Dataset {
  if (limit === undefined || limit >= dataset.examples.length) return dataset;
  if (!(limit >= 1))
    throw new LimbeckError("usage", `examples: expected a limit of at least 1, got ${limit}`);
  const examples = dataset.examples.slice(0, limit);
  const { tokenizer, prompt_wrapper } = dataset.header.fingerprints;
  return {
    header: {
      ...dataset.header,
      examples: examples.length,
      fingerprints: fingerprintDataset(examples, { tokenizer, prompt_wrapper }),
    },
    examples,
  };
}
