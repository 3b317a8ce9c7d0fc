import { LimbeckError } from "../base/errors.ts";
import { stringifyJson } from "../base/json.ts";

/** An error as OpenAI's clients read it. */
export interface WireError {
  readonly error: {
    readonly message: string;
    readonly type: string;
    /** The field that is wrong, as `messages[0].role`; null where no field is. */
    readonly param: string | null;
    readonly code: string;
  };
}

const types: Readonly<Record<number, string>> = {
  401: "authentication_error",
  429: "rate_limit_error",
  499: "cancelled",
};

/** A bad request that names its field. */
export function refuseField(param: string, expected: string, cure?: string): LimbeckError {
  return new LimbeckError("invalid_request", `${param}: ${expected}`, {
    fields: { param },
    ...(cure === undefined ? {} : { cure }),
  });
}

/** Any thrown value as our one error; what is not ours is our bug. */
export function asServeError(thrown: unknown): LimbeckError {
  if (thrown instanceof LimbeckError) return thrown;
  const message = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  return new LimbeckError("internal", message, { cause: thrown });
}

/** What a client may know of faults on our side: their messages name files and addresses of this machine. */
const publicFaults: readonly string[] = ["deadline_exceeded", "engine_unavailable", "shutting_down"];

/** The body that answers with `error`. */
export function wireError(error: LimbeckError, requestId: string): WireError {
  const { code, httpStatus, cure, fields } = error;
  const isHidden = httpStatus >= 500 && !publicFaults.includes(code);
  const message = isHidden
    ? `${code}: the server failed on this request; its log has the cause under ${requestId}`
    : [error.message, cure].filter((part) => part !== undefined).join(". ");
  const param = fields["param"];
  return {
    error: {
      message,
      type: types[httpStatus] ?? (httpStatus >= 500 ? "server_error" : "invalid_request_error"),
      param: typeof param === "string" ? param : null,
      code,
    },
  };
}

/** The HTTP answer to `error`; `retry_after_seconds` and `allow` among its fields become headers. */
export function errorResponse(error: LimbeckError, requestId: string): Response {
  const headers: Record<string, string> = {
    "content-type": "application/json",
  };
  const { retry_after_seconds: seconds, allow } = error.fields;
  if (typeof seconds === "number") headers["retry-after"] = String(seconds);
  if (typeof allow === "string") headers["allow"] = allow;
  if (error.code === "invalid_api_key") headers["www-authenticate"] = "Bearer";
  return new Response(stringifyJson(wireError(error, requestId)), { status: error.httpStatus, headers });
}
