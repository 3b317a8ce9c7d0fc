import type { LimbeckError } from "../base/errors.ts";
import type { TokenText } from "./logprobs.ts";

/** How a server answers; every field has a default. */
export interface ServeOptions {
  /** The name under which clients ask for the model (default: the engine's). */
  readonly model?: string;
  /** Asked of every request but those to `/health`; default: none is asked. */
  readonly apiKey?: string;
  /** Most requests that are open beside the one that runs (default 64); others are told to come back. */
  readonly maxQueue?: number;
  /** From a request's arrival to its last byte (default 120,000). */
  readonly deadlineMs?: number;
  /**
   * An engine that is still at a cancelled request after this long counts as stuck (default 30,000): `/health` and
   * requests are answered with 503 until it ends.
   */
  readonly stuckAfterMs?: number;
  /** Default 1 MiB. */
  readonly maxBodyBytes?: number;
  /** Most output tokens of one request (default: what the context leaves). */
  readonly maxTokens?: number;
  /** Default: the tokenizer of the engine's artefact. */
  readonly tokenText?: TokenText;
  /** Hears of every request when it has ended. */
  readonly onAccess?: (entry: AccessEntry) => void;
  /** Hears of what goes wrong, or is of no use, without failing a request: a line, and each only once. */
  readonly onWarning?: (text: string) => void;
  /** Hears the whole of errors of which a client is told only that they happened. */
  readonly onFault?: (error: LimbeckError, requestId: string) => void;
}

/** One line of an access log. Nothing of what was said is in it. */
export interface AccessEntry {
  /** ISO 8601. */
  readonly time: string;
  readonly request_id: string;
  readonly method: string;
  readonly path: string;
  /** As it was sent, or as it would have been: 499 where the client left, 504 where a stream met its deadline. */
  readonly status: number;
  readonly duration_ms: number;
  /** Null where everything went well. */
  readonly error_code: string | null;
  readonly prompt_tokens: number | null;
  readonly cached_tokens: number | null;
  readonly output_tokens: number | null;
}
