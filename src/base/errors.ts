/** What one error code means to a process and to an HTTP client. */
interface CodeEffect {
  readonly exitStatus: 1 | 2 | 3 | 4 | 70;
  readonly httpStatus: number;
}

/** Every error code of Limbeck, with the exit status and the HTTP status that it leads to. */
export const errorCodes = {
  usage: { exitStatus: 2, httpStatus: 400 },
  invalid_config: { exitStatus: 2, httpStatus: 400 },
  invalid_dataset: { exitStatus: 2, httpStatus: 400 },
  invalid_checkpoint: { exitStatus: 2, httpStatus: 400 },
  invalid_safetensors: { exitStatus: 2, httpStatus: 400 },
  invalid_artefact: { exitStatus: 2, httpStatus: 400 },
  invalid_report: { exitStatus: 2, httpStatus: 400 },
  invalid_json: { exitStatus: 2, httpStatus: 400 },
  invalid_graph: { exitStatus: 2, httpStatus: 400 },
  invalid_tensor: { exitStatus: 2, httpStatus: 400 },
  invalid_request: { exitStatus: 2, httpStatus: 400 },
  context_length_exceeded: { exitStatus: 2, httpStatus: 400 },
  invalid_api_key: { exitStatus: 2, httpStatus: 401 },
  not_found: { exitStatus: 2, httpStatus: 404 },
  model_not_found: { exitStatus: 2, httpStatus: 404 },
  method_not_allowed: { exitStatus: 2, httpStatus: 405 },
  body_too_large: { exitStatus: 2, httpStatus: 413 },
  unsupported_media_type: { exitStatus: 2, httpStatus: 415 },
  queue_full: { exitStatus: 1, httpStatus: 429 },
  shutting_down: { exitStatus: 1, httpStatus: 503 },
  engine_unavailable: { exitStatus: 3, httpStatus: 503 },
  deadline_exceeded: { exitStatus: 1, httpStatus: 504 },
  address_unavailable: { exitStatus: 3, httpStatus: 500 },
  access_denied: { exitStatus: 2, httpStatus: 403 },
  unreachable: { exitStatus: 3, httpStatus: 502 },
  bad_download: { exitStatus: 3, httpStatus: 502 },
  file_not_found: { exitStatus: 2, httpStatus: 404 },
  not_writable: { exitStatus: 2, httpStatus: 500 },
  disk_full: { exitStatus: 3, httpStatus: 507 },
  missing_dependency: { exitStatus: 3, httpStatus: 500 },
  backend_unavailable: { exitStatus: 3, httpStatus: 500 },
  backend_failed: { exitStatus: 3, httpStatus: 500 },
  unsupported_op: { exitStatus: 3, httpStatus: 500 },
  vjp_missing: { exitStatus: 3, httpStatus: 500 },
  translation_failed: { exitStatus: 3, httpStatus: 500 },
  voice_failed: { exitStatus: 3, httpStatus: 500 },
  audio_unavailable: { exitStatus: 3, httpStatus: 500 },
  training_diverged: { exitStatus: 1, httpStatus: 500 },
  gate_failed: { exitStatus: 1, httpStatus: 500 },
  inconclusive: { exitStatus: 4, httpStatus: 500 },
  cancelled: { exitStatus: 1, httpStatus: 499 },
  internal: { exitStatus: 70, httpStatus: 500 },
} as const satisfies Record<string, CodeEffect>;

export type ErrorCode = keyof typeof errorCodes;

/** Data that travels with an error: shapes, op, path, line, field … */
export type ErrorFields = Readonly<Record<string, unknown>>;

/**
 * The one error class. `message` reads *what failed: expected X, got Y*, `cure` says what to do.
 * Messages of our own bugs (`code` "internal") start with `internal:`.
 */
export class LimbeckError extends Error {
  override readonly name = "LimbeckError";
  readonly code: ErrorCode;
  readonly cure: string | undefined;
  readonly fields: ErrorFields;

  constructor(
    code: ErrorCode,
    message: string,
    options: { cure?: string; fields?: ErrorFields; cause?: unknown } = {},
  ) {
    const text = code === "internal" && !message.startsWith("internal:") ? `internal: ${message}` : message;
    super(text, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.cure = options.cure;
    this.fields = options.fields ?? {};
  }

  get exitStatus(): number {
    return errorCodes[this.code].exitStatus;
  }

  get httpStatus(): number {
    return errorCodes[this.code].httpStatus;
  }
}

/** Returns `condition` narrowed, or throws our own bug. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new LimbeckError("internal", message);
}
