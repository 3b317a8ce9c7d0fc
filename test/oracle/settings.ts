import { referenceSetting, type StepSetting } from "../../bench/reference-step.ts";

/** The reference step with tiny sizes. */
export const tinySetting: StepSetting = {
  ...referenceSetting,
  config: {
    ...referenceSetting.config,
    vocabSize: 61,
    hiddenSize: 64,
    intermediateSize: 48,
    layers: 2,
    heads: 4,
    kvHeads: 4,
    headDim: 16,
    contextLength: 24,
  },
  rows: 3,
  tokens: 24,
  weightScale: 8,
};
