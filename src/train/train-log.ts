import { appendFileSync, existsSync, mkdirSync, readFileSync, statSync, truncateSync } from "node:fs";
import * as path from "node:path";
import { withFileErrors } from "../base/files.ts";
import { stringifyJson } from "../base/json.ts";
import type { LossPart } from "./losses.ts";

/** One step in the log. */
export interface StepRecord {
  readonly kind: "step";
  readonly step: number;
  readonly steps: number;
  /** A fraction counts. */
  readonly epoch: number;
  /** Tokens of a row of each micro-batch. */
  readonly shapes: readonly number[];
  readonly loss: number;
  /** Each part's value, before its weight. */
  readonly parts: Partial<Readonly<Record<LossPart, number>>>;
  /** Each part's share of the loss; they sum to 1. */
  readonly shares: Partial<Readonly<Record<LossPart, number>>>;
  readonly learning_rate: number;
  readonly gradient_norm: number;
  readonly is_quantised: boolean;
  readonly tokens: number;
  readonly tokens_per_second: number;
  readonly step_ms: number;
  /** Inside native runs. */
  readonly run_ms: number;
  /** Our own time: the step without native runs. */
  readonly overhead_ms: number;
  /** Rate of the step against the machine's pure matmul rate; null where that was not measured. */
  readonly ceiling_fraction: number | null;
}

/** Anything else that is worth keeping. */
export interface EventRecord {
  readonly kind: "event";
  readonly event:
    | "start"
    | "resume"
    | "compile"
    | "epoch"
    | "rollouts"
    | "validation"
    | "early_weight_halved"
    | "quantisation"
    | "norms_frozen"
    | "probe"
    | "checkpoint"
    | "teacher_topk"
    | "end";
  readonly step: number;
  readonly data: Readonly<Record<string, unknown>>;
}

export type LogRecord = StepRecord | EventRecord;

/** Appends records to a JSONL file, each one a whole line. Errors: `disk_full`, `not_writable`. */
export interface TrainLog {
  write(record: LogRecord): void;
}

/** Takes away a last line that a full disk or a sudden end left without its newline. */
function dropUnfinishedLine(file: string): void {
  if (!existsSync(file) || !statSync(file).isFile()) return;
  const bytes = readFileSync(file);
  const end = bytes.lastIndexOf("\n") + 1;
  if (end < bytes.length) truncateSync(file, end);
}

export function openTrainLog(file: string): TrainLog {
  withFileErrors("create", path.dirname(file), () => mkdirSync(path.dirname(file), { recursive: true }));
  withFileErrors("open", file, () => dropUnfinishedLine(file));
  return {
    write: (record) =>
      withFileErrors("write", file, () => appendFileSync(file, `${stringifyJson(record)}\n`)),
  };
}
