import { type Json, stringifyJson } from "../base/json.ts";
import type { JsonObject, ToolCall } from "./types.ts";

/** How a model writes calls into its text: JSON between two marks. */
export const callFormats = {
  limbeck: { open: "<|call|>", close: "<|/call|>" },
  hermes: { open: "<tool_call>", close: "</tool_call>" },
} as const satisfies Record<string, { readonly open: string; readonly close: string }>;

export type CallFormat = keyof typeof callFormats;

/** A call as the text between the marks, compact, keys in the order given. */
export function writeCallBody(call: ToolCall): string {
  return stringifyJson({ name: call.name, arguments: call.arguments });
}

/** Calls with their marks, one after the other. */
export function writeCalls(calls: readonly ToolCall[], format: CallFormat = "limbeck"): string {
  const { open, close } = callFormats[format];
  return calls.map((call) => `${open}${writeCallBody(call)}${close}`).join("");
}

export type CallReading =
  | { readonly ok: true; readonly call: ToolCall }
  | { readonly ok: false; readonly reason: string };

function isObject(value: Json | undefined): value is JsonObject {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** Reads the text between the marks. What is wrong is an answer here, not an error: models write such things. */
export function readCallBody(body: string): CallReading {
  let value: Json;
  try {
    value = JSON.parse(body) as Json;
  } catch (cause) {
    return { ok: false, reason: `not JSON: ${(cause as Error).message}` };
  }
  if (!isObject(value)) return { ok: false, reason: "expected an object with name and arguments" };
  const { name, arguments: args } = value;
  if (typeof name !== "string" || name.length === 0)
    return { ok: false, reason: "name: expected the name of a tool" };
  if (!isObject(args)) return { ok: false, reason: "arguments: expected an object" };
  const unknown = Object.keys(value).filter((key) => key !== "name" && key !== "arguments");
  if (unknown.length > 0) return { ok: false, reason: `unknown field ${unknown.join(", ")}` };
  return { ok: true, call: { name, arguments: args } };
}
