import { LimbeckError } from "../base/errors.ts";
import { clientGone } from "./request-scope.ts";
import { refuseField } from "./wire-error.ts";

/** Schemas and arguments of people stay far below; deeper values only serve to overflow a recursive reader. */
const mostDepth = 100;

/**
 * The body of a request as JSON, never holding more than `maxBytes` of it. Asking for JSON by its type keeps a web
 * page of another origin from posting here: a browser asks first, and is not answered.
 * Errors: `unsupported_media_type`, `body_too_large`, `invalid_request`, `cancelled` where the body breaks off.
 */
export async function readJsonBody(request: Request, maxBytes: number): Promise<unknown> {
  const type = request.headers.get("content-type") ?? "";
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    throw new LimbeckError(
      "unsupported_media_type",
      `content-type: expected application/json, got ${type === "" ? "none" : type.slice(0, 80)}`,
      { cure: "Send the header `Content-Type: application/json`.", fields: { param: "content-type" } },
    );
  }
  const bytes = await readBytes(request, maxBytes);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw refuseField("body", `expected UTF-8, ${(cause as Error).message}`);
  }
  return readJsonText(text, "body");
}

/** The value of a client's JSON text. Error: `invalid_request` naming `param`, also for one that is nested too deep. */
export function readJsonText(text: string, param: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw refuseField(param, `expected JSON, ${(cause as Error).message}`);
  }
  if (depthOf(text) > mostDepth) throw refuseField(param, `expected at most ${mostDepth} levels of nesting`);
  return value;
}

async function readBytes(request: Request, maxBytes: number): Promise<Buffer> {
  const refuse = (): LimbeckError =>
    new LimbeckError("body_too_large", `body: expected at most ${maxBytes} bytes, got more`, {
      cure: "Shorten the messages.",
    });
  // A false length is caught below; a true one saves reading what would be refused.
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw refuse();
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const part of request.body ?? []) {
      size += part.byteLength;
      if (size > maxBytes) throw refuse();
      parts.push(part);
    }
  } catch (cause) {
    throw cause instanceof LimbeckError ? cause : clientGone(cause);
  }
  return Buffer.concat(parts);
}

/** The deepest nesting of JSON text that is known to be right. */
function depthOf(json: string): number {
  let depth = 0;
  let deepest = 0;
  let isInString = false;
  for (let i = 0; i < json.length; i++) {
    const c = json.charCodeAt(i);
    if (isInString) {
      if (c === 0x5c) i++;
      else if (c === 0x22) isInString = false;
    } else if (c === 0x22) isInString = true;
    else if (c === 0x7b || c === 0x5b) deepest = Math.max(deepest, ++depth);
    else if (c === 0x7d || c === 0x5d) depth--;
  }
  return deepest;
}
