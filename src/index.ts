/** The verbs of Limbeck and their types: what the command line calls, with nothing printed. */
export { type ErrorCode, type ErrorFields, errorCodes, LimbeckError } from "./base/errors.ts";
export type { Json } from "./base/json.ts";
export { type ReadOptions, readDataset, writeDataset } from "./data/dataset.ts";
export { generateToolbox } from "./data/toolbox/generate.ts";
export type { Dataset, DatasetHeader, Example, Expectation, Fixture, TeacherOutput } from "./data/types.ts";
export {
  type Answer,
  type AnswerHooks,
  type AnswerOptions,
  answerPrompt,
  type ChatAnswer,
  continueChat,
  demoTools,
  type RunTool,
  runDemoTool,
} from "./flow/answer.ts";
export { type ChatFigures, type ChatSession, chatFigures, createChatSession } from "./flow/chat-session.ts";
export { type BackendCheck, type DoctorProblem, type DoctorReport, runDoctor } from "./flow/doctor.ts";
export { gateReportFile } from "./flow/gate-report-file.ts";
export { type IdentifiedMachine, identifyMachine } from "./flow/identify-machine.ts";
export {
  type MeasureArtefactHooks,
  type MeasureArtefactOptions,
  measureArtefact,
  measureEngine,
} from "./flow/measure-artefact.ts";
export { packagePath, packageVersion } from "./flow/package-files.ts";
export {
  type PullHooks,
  type PullOptions,
  type PullProgress,
  type PullResult,
  pullModel,
} from "./flow/pull.ts";
export { runQuickstart } from "./flow/quickstart.ts";
export type { ModelFigures, QuickstartResult, RuleFigures } from "./flow/quickstart-result.ts";
export type { QuickstartOptions, QuickstartStage } from "./flow/quickstart-settings.ts";
export type { QuickstartHooks, QuickstartProgress } from "./flow/quickstart-stages.ts";
export { buildRunReport, type RunReportParts } from "./flow/run-report.ts";
export { type ScoreArtefactOptions, scoreArtefact, scoreEngine } from "./flow/score-artefact.ts";
export { type Blessing, type BlessOptions, bless } from "./gate/baseline.ts";
export type { BlessedBaseline } from "./gate/baseline-file.ts";
export { type GateOptions, type GateResult, gateReport, type RuleResult } from "./gate/gate.ts";
export { renderMarkdown, renderText } from "./gate/render.ts";
export { loadRunReport, parseRunReport, type RunReport } from "./gate/report.ts";
export { defaultThresholds, type ThresholdOverrides, type Thresholds } from "./gate/thresholds.ts";
export type { Verdict } from "./gate/verdict.ts";
export type { Machine } from "./hardware/machine.ts";
export type { SpeedReport, SpeedSummary } from "./measure/speed.ts";
export {
  type ExportOptions,
  exportArtefact,
  type Manifest,
  readManifest,
  verifyArtefact,
} from "./model/artefact.ts";
export {
  type Checkpoint,
  loadCheckpoint,
  type OpenCheckpoint,
  openCheckpoint,
  saveCheckpoint,
} from "./model/checkpoint.ts";
export type { ModelConfig } from "./model/config.ts";
export { type EngineOptions, openEngine } from "./runtime/engine.ts";
export type { Engine, EngineInfo } from "./runtime/engine-contract.ts";
export type {
  ChatResult,
  ChatRunner,
  FinishReason,
  GenerateOptions,
  SamplingOptions,
  TokenEvent,
} from "./runtime/types.ts";
export type { BatchReport, BatchRequest } from "./score/batch-report.ts";
export { type ScoreOptions, scoreDataset, scoreTranscripts } from "./score/score.ts";
export type { ScoreReport } from "./score/score-report.ts";
export { openSpeaker } from "./speech/speak.ts";
export type { Speaker, SpeakerEvent, SpeakerOptions, SpeakerStats } from "./speech/speaker-types.ts";
export { loadTokenizer, type Tokenizer } from "./tokenizer/tokenizer.ts";
export type { ChatMessage, JsonSchema, ToolCall, ToolDefinition } from "./tools/types.ts";
export { createCallValidator } from "./tools/validator.ts";
export { type DistilHooks, type DistilOptions, type DistilResult, distil } from "./train/distil.ts";
export { type PreflightReport, preflight } from "./train/preflight.ts";
export { parseRecipe, type Recipe, readRecipe } from "./train/recipe.ts";
