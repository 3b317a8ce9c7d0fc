/** Entry point `limbeck/runtime`: open an artefact, stream tokens and calls, and the pieces that generation is made of. */
export {
  type ExportOptions,
  exportArtefact,
  type Manifest,
  readManifest,
  verifyArtefact,
} from "../model/artefact.ts";
export { loadTokenizer, type Tokenizer } from "../tokenizer/tokenizer.ts";
export { type CallFormat, writeCalls } from "../tools/call-format.ts";
export {
  type CallEvent,
  type CallStream,
  createCallStream,
  parseCalls,
  type ReadCalls,
  readCalls,
} from "../tools/call-stream.ts";
export { createFixtureBroker, type FixtureBroker, type RecordedResult } from "../tools/fixtures.ts";
export type { ChatMessage, JsonSchema, ToolCall, ToolDefinition } from "../tools/types.ts";
export { type CallValidator, type CallVerdict, createCallValidator } from "../tools/validator.ts";
export type { BatchRunner, BatchStats } from "./batch/types.ts";
export type { ChatStream, TokenStream } from "./chat-stream.ts";
export { type EngineOptions, openEngine } from "./engine.ts";
export type { Engine, EngineInfo, OpenOptions } from "./engine-contract.ts";
export { generateStep, type StepOptions } from "./generate-step.ts";
export type {
  DiskFault,
  PromptCacheOptions,
  PromptCacheStats,
  VolatileHeader,
} from "./prompt-cache/types.ts";
export { createSampler, resolveSampling, type Sampler, type SamplingSettings } from "./sampling.ts";
export { createStepRunner, type StepRunner, type StepRunnerOptions, type StepShape } from "./step-runner.ts";
export { type Generator, type RequestMarks, type StreamHooks, streamGenerate } from "./stream-generate.ts";
export type {
  ChatResult,
  ChatRunner,
  FinishReason,
  GenerateOptions,
  GenerateResult,
  GenerateTiming,
  SamplingOptions,
  TokenEvent,
} from "./types.ts";
