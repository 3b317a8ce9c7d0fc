import { LimbeckError } from "../base/errors.ts";

/** What went wrong as data, for `--json`. */
export interface ErrorDocument {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly cure: string | null;
    readonly fields: Readonly<Record<string, unknown>>;
  };
}

const bugCure = "This is a bug of Limbeck. Run the same command with DEBUG=1 and report what it prints.";

/** Any thrown value as our one error; what is not ours is our bug (exit status 70). */
export function asLimbeckError(thrown: unknown): LimbeckError {
  if (thrown instanceof LimbeckError) return thrown;
  const message = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  return new LimbeckError("internal", message, { cure: bugCure, cause: thrown });
}

/** Field values that JSON cannot hold (NaN, bigint, typed arrays) become text, so that an error always prints. */
function printable(value: unknown): unknown {
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  if (typeof value === "bigint" || typeof value === "symbol" || typeof value === "function")
    return String(value);
  if (ArrayBuffer.isView(value)) return `${value.constructor.name} of ${value.byteLength} bytes`;
  if (Array.isArray(value)) return value.map(printable);
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, printable(inner)]));
  }
  return value;
}

export function errorDocument(error: LimbeckError): ErrorDocument {
  return {
    error: {
      code: error.code,
      message: error.message,
      cure: error.cure ?? null,
      fields: printable(error.fields) as Readonly<Record<string, unknown>>,
    },
  };
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.stack ?? error.message;
  return error.cause === undefined ? own : `${own}\ncaused by: ${stackOf(error.cause)}`;
}

/** The message and the cure for a terminal; the stack with its causes only when `withStack`. */
export function renderError(error: LimbeckError, withStack: boolean): string {
  const lines = [`limbeck: ${error.message}`];
  if (error.cure !== undefined) lines.push(`  ${error.cure}`);
  if (withStack) lines.push(stackOf(error));
  return `${lines.join("\n")}\n`;
}
