/** Entry point `limbeck/train`: recipes, distillation, and the parts of a training step for loops of one's own. */
export { readDataset, writeDataset } from "../data/dataset.ts";
export { type EncodedExample, type EncodeOptions, encodeExample } from "../data/encode.ts";
export { type ImportOptions, importChatJsonl } from "../data/import-chat.ts";
export { generateToolbox } from "../data/toolbox/generate.ts";
export type { Dataset, DatasetHeader, Example } from "../data/types.ts";
export { type Checkpoint, loadCheckpoint, saveCheckpoint } from "../model/checkpoint.ts";
export { type ModelConfig, parseModelConfig } from "../model/config.ts";
export { initialiseWeights, parameterCount, parameterShapes } from "../model/decoder.ts";
export { type DistilHooks, type DistilOptions, type DistilResult, distil } from "./distil.ts";
export type { LossPart } from "./losses.ts";
export {
  type AdamWSettings,
  adamWDefaults,
  buildAdamW,
  buildGradientNorm,
  createOptimiser,
  type Optimiser,
} from "./optimiser.ts";
export { type PreflightReport, preflight } from "./preflight.ts";
export type { LayerCosine } from "./qat.ts";
export { parseRecipe, type Recipe, readRecipe } from "./recipe.ts";
export type { ExampleSource } from "./row-source.ts";
export { learningRateAt, type ScheduleSettings } from "./schedule.ts";
export { type BatchShape, type EpochPlan, planEpoch, planShapes, type ShapeSettings } from "./shapes.ts";
export { buildStepGraph, type StepGraphOptions } from "./step-graph.ts";
export { readTopkFile, type TopkHeader, type TopkStore } from "./topk-file.ts";
export type { EventRecord, LogRecord, StepRecord } from "./train-log.ts";
export type { LoopHooks, LoopResult } from "./train-types.ts";
export type { ValidationReport } from "./validation.ts";
