import { type ErrorCode, type ErrorFields, errorCodes, LimbeckError } from "../base/errors.ts";
import type { EngineInfo, OpenOptions } from "./engine-contract.ts";
import type { EngineAnswers, EngineTasks, TaskKind } from "./engine-tasks.ts";
import type { TokenEvent } from "./types.ts";

/** What the worker is started with. */
export interface WorkerStart {
  readonly artefactDir: string;
  readonly options: OpenOptions;
}

/** One task on its way into the worker. */
export interface TaskOrder<K extends TaskKind = TaskKind> {
  readonly kind: K;
  readonly id: number;
  readonly task: EngineTasks[K];
  /** When the caller asked, on the monotonic clock. */
  readonly requestedAt: number;
  /** Whether tokens are wanted as they are made: otherwise they come with the result, which costs less. */
  readonly isStreamed: boolean;
  /** One int32; not 0 once the caller cancels. The worker reads it between steps, messages only between requests. */
  readonly cancelFlag: Int32Array<SharedArrayBuffer>;
}

export type ToWorker = TaskOrder | { readonly kind: "close" };

export type FromWorker =
  | { readonly kind: "opened"; readonly info: EngineInfo }
  | { readonly kind: "openFailed"; readonly error: CarriedError }
  | { readonly kind: "token"; readonly id: number; readonly event: TokenEvent }
  | { readonly kind: "done"; readonly id: number; readonly answer: EngineAnswers[TaskKind] }
  | { readonly kind: "failed"; readonly id: number; readonly error: CarriedError }
  | { readonly kind: "closed" };

/** An error as it crosses threads: class and methods do not, data does. */
export interface CarriedError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly cure: string | null;
  readonly fields: ErrorFields;
  readonly stack: string;
}

function cloneableFields(fields: ErrorFields): ErrorFields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) =>
      typeof value === "function" || typeof value === "symbol" ? [name, String(value)] : [name, value],
    ),
  );
}

/** What is not ours is our bug: it becomes `internal`. */
export function carryError(error: unknown): CarriedError {
  const known = error instanceof LimbeckError;
  const message = error instanceof Error ? error.message : String(error);
  return {
    code: known ? error.code : "internal",
    message,
    cure: (known ? error.cure : undefined) ?? null,
    fields: known ? cloneableFields(error.fields) : {},
    stack: error instanceof Error ? (error.stack ?? message) : message,
  };
}

/** The error that was carried, with the worker's stack. */
export function reviveError(carried: CarriedError): LimbeckError {
  const { code, message, cure, fields, stack } = carried;
  const known = code in errorCodes ? code : "internal";
  const error = new LimbeckError(known, message, { fields, ...(cure === null ? {} : { cure }) });
  error.stack = stack;
  return error;
}
