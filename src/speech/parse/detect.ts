import type { JsonObject } from "../../tools/types.ts";
import { stringOf } from "./fields.ts";

/** The formats whose values are JSON. */
export type JsonFormat = "claude" | "codex" | "openai";

const claudeTypes =
  /^(?:system|assistant|user|result|stream_event|control_\w+|rate_limit_event|init|ping|message|message_\w+|content_block_\w+)$/;

/** The format that has such a value; undefined where it does not tell. */
export function detectFormat(value: JsonObject): JsonFormat | undefined {
  const type = stringOf(value["type"]) ?? "";
  const object = stringOf(value["object"]) ?? "";
  if (/^(?:thread|turn|item)\./.test(type)) return "codex";
  if (/^response\./.test(type) || /^(?:chat\.completion|text_completion|response)/.test(object))
    return "openai";
  if (Array.isArray(value["choices"])) return "openai";
  if (claudeTypes.test(type)) return "claude";
  if (type === "error") return value["error"] === undefined ? "codex" : "claude";
  if (type !== "") return undefined;
  if (value["error"] !== undefined || value["role"] !== undefined) return "openai";
  return value["content"] === undefined ? undefined : "claude";
}

const sseFields = ["data:", "event:", "id:", "retry:", ":"];

/**
 * Whether a stream that begins like this is made of JSON (lines or server-sent events) or is plain text; undefined
 * while more bytes are needed.
 */
export function detectKind(head: string): "json" | "plain" | undefined {
  const start = head.trimStart();
  if (start === "") return undefined;
  if (start.startsWith("{") || start.startsWith("[")) return "json";
  if (sseFields.some((field) => start.startsWith(field))) return "json";
  return sseFields.some((field) => field.startsWith(start)) ? undefined : "plain";
}
