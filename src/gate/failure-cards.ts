import type { RuleName } from "./rules.ts";

/** What to think of first when a rule fails, and what to run next. */
export interface FailureCard {
  readonly causes: readonly string[];
  /** A command line; words in capitals are to be filled in. */
  readonly next: string;
}

const slower: readonly string[] = [
  "other work on the machine, heat or a low battery during the run: see invalid_for_gate and the load in the report",
  "a larger artefact, a weight or activation that is no longer int8, an operation that left its fast kernel",
  "a longer prompt: other tools offered, another chat template",
];

export const failureCards: { readonly [R in RuleName]: FailureCard } = {
  fingerprints: {
    causes: [
      "the artefact was exported again after the report was written",
      "the score and the speed were taken from different artefacts or datasets",
      "a step did not record what it used",
    ],
    next: "limbeck measure ARTEFACT --dataset DATASET",
  },
  coverage: {
    causes: [
      "the scoring was interrupted and its part was gated",
      "two transcripts of the same example were merged",
    ],
    next: "limbeck score ARTEFACT --dataset DATASET --transcripts TRANSCRIPTS --resume",
  },
  f1_lax: {
    causes: [
      "too few training steps, or a learning rate that is too high: look at the loss parts of the run",
      "paraphrases or values in the test set that the training set has nothing like",
      "a chat template or tokenizer that differs between training and use",
    ],
    next: "limbeck score ARTEFACT --dataset DATASET --json",
  },
  arguments: {
    causes: [
      "values copied wrongly or in another type than the schema asks",
      "calls that are cut off: compare finish reasons with the token limit",
      "no call at all: the model answers in words",
    ],
    next: "limbeck score ARTEFACT --dataset DATASET --json",
  },
  privacy: {
    causes: [
      "personal data in the training set that the model repeats",
      "a made-up address or number in an answer: the leak list of the score report quotes it",
      "a host that belongs on the allow-list",
    ],
    next: "limbeck score ARTEFACT --dataset DATASET --json",
  },
  controls: {
    causes: [
      "too few controls in the training set",
      "a latency loss so strong that calling early beats answering",
    ],
    next: "limbeck distil --recipe RECIPE --out FOLDER",
  },
  no_tool_calls: {
    causes: [
      "the early-call loss acts on examples without a tool",
      "the no-tool share of the training set is too small",
    ],
    next: "limbeck distil --recipe RECIPE --out FOLDER",
  },
  ttfa_p95: {
    causes: [
      "the model talks before it calls: the early-call loss is off or too weak",
      "tool names or arguments take many tokens in this tokenizer",
      "more than 5 % of the runs that should call never do",
    ],
    next: "limbeck score ARTEFACT --dataset DATASET --json",
  },
  tokens_vs_teacher: {
    causes: ["the length loss is off or too weak", "the model repeats itself until the token limit"],
    next: "limbeck distil --recipe RECIPE --out FOLDER",
  },
  fixtures: {
    causes: [
      "fixtures recorded with other arguments than the examples expect",
      "right calls that leave out an optional argument",
    ],
    next: "limbeck score ARTEFACT --dataset DATASET --json",
  },
  shape_drift: {
    causes: ["one enumerated shape was rarely trained", "padding or positions that differ between shapes"],
    next: "limbeck score ARTEFACT --dataset DATASET --json",
  },
  qat_cosine: {
    causes: [
      "a layer with outliers: leave it in higher precision",
      "quantisation switched on too late or with stale ranges",
    ],
    next: "limbeck distil --recipe RECIPE --out FOLDER",
  },
  f1_lax_drop: {
    causes: ["changed data, recipe or seed", "an export or quantisation step that loses precision"],
    next: "limbeck score ARTEFACT --dataset DATASET --json",
  },
  f1_strict_drop: {
    causes: [
      "right tools with inexact values: case, number format, an optional argument",
      "changed data, recipe or seed",
    ],
    next: "limbeck score ARTEFACT --dataset DATASET --json",
  },
  ttft_p50: { causes: slower, next: "limbeck measure ARTEFACT --dataset DATASET" },
  ttft_p95: { causes: slower, next: "limbeck measure ARTEFACT --dataset DATASET" },
  tps_p50: { causes: slower, next: "limbeck measure ARTEFACT --dataset DATASET" },
  tps_p95: { causes: slower, next: "limbeck measure ARTEFACT --dataset DATASET" },
};
