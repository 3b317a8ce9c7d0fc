import { isJsonObject, type Json } from "../base/json.ts";
import { pythonJson } from "./python-json.ts";
import type { ToolCall } from "./types.ts";

/** How a model writes a call: JSON between two marks, or as the whole answer where there are none. */
export interface CallMarks {
  /** Where a call begins; empty: an answer that begins with the JSON of a call is one. */
  readonly open: string;
  /** Where it ends; empty: with the closing brace. */
  readonly close: string;
  /** Stands before and after the JSON, inside the marks. */
  readonly gap: string;
  /** Stands between two calls. */
  readonly between: string;
  /** Other ways in which models begin a call; after a fence (```json) what follows must read as one, else it is text. */
  readonly alsoOpen: readonly string[];
  /** Under which keys the arguments may stand; the first is what is written. */
  readonly argumentsKeys: readonly ("arguments" | "parameters")[];
  /** Between items and between key and value of the JSON. */
  readonly separators: readonly [item: string, key: string];
  /** Whether white space around calls is layout and no content. */
  readonly isSpaced: boolean;
}

/**
 * limbeck: our own students. hermes: Qwen 2.5 and 3, and models without marks of their own. llama3: the JSON that the
 * Llama 3 template asks for, bare or after `<|python_tag|>`. gemma: Gemma 3 has no official template for tools; Google's
 * guide (ai.google.dev, "Function calling with Gemma") asks for this JSON, which we fence, so that a brace in an answer is a brace.
 */
export const callFormats = {
  limbeck: {
    open: "<|call|>",
    close: "<|/call|>",
    gap: "",
    between: "",
    alsoOpen: [],
    argumentsKeys: ["arguments"],
    separators: [",", ":"],
    isSpaced: false,
  },
  hermes: {
    open: "<tool_call>",
    close: "</tool_call>",
    gap: "\n",
    between: "\n",
    alsoOpen: [],
    argumentsKeys: ["arguments"],
    separators: [", ", ": "],
    isSpaced: true,
  },
  llama3: {
    open: "",
    close: "",
    gap: "",
    between: "; ",
    alsoOpen: ["<|python_tag|>"],
    argumentsKeys: ["parameters", "arguments"],
    separators: [", ", ": "],
    isSpaced: true,
  },
  gemma: {
    open: "```tool_code",
    close: "```",
    gap: "\n",
    between: "\n",
    alsoOpen: ["```json"],
    argumentsKeys: ["parameters", "arguments"],
    separators: [", ", ": "],
    isSpaced: true,
  },
} as const satisfies Record<string, CallMarks>;

export type CallFormat = keyof typeof callFormats;

/** A call as the JSON between the marks, keys in the order given. */
export function writeCallBody(call: ToolCall, format: CallFormat = "limbeck"): string {
  const { argumentsKeys, separators } = callFormats[format];
  return pythonJson({ name: call.name, [argumentsKeys[0]]: call.arguments }, { separators });
}

/** Calls with their marks, one after the other. */
export function writeCalls(calls: readonly ToolCall[], format: CallFormat = "limbeck"): string {
  const { open, close, gap, between } = callFormats[format];
  return calls.map((call) => `${open}${gap}${writeCallBody(call, format)}${gap}${close}`).join(between);
}

export type CallReading =
  | { readonly ok: true; readonly call: ToolCall }
  | { readonly ok: false; readonly reason: string };

/** Reads the text between the marks. What is wrong is an answer here, not an error: models write such things. */
export function readCallBody(body: string, format: CallFormat = "limbeck"): CallReading {
  let value: Json;
  try {
    value = JSON.parse(body) as Json;
  } catch (cause) {
    return { ok: false, reason: `not JSON: ${(cause as Error).message}` };
  }
  const keys: readonly string[] = callFormats[format].argumentsKeys;
  if (!isJsonObject(value)) return { ok: false, reason: `expected an object with name and ${keys[0]}` };
  const { name } = value;
  if (typeof name !== "string" || name.length === 0)
    return { ok: false, reason: "name: expected the name of a tool" };
  const key = keys.find((each) => value[each] !== undefined) ?? keys[0]!;
  const args = value[key];
  if (!isJsonObject(args)) return { ok: false, reason: `${key}: expected an object` };
  // Llama 3 repeats the type of the tool that it was offered.
  const isKnown = (each: string): boolean =>
    each === "name" || each === key || (format === "llama3" && each === "type" && value[each] === "function");
  const unknown = Object.keys(value).filter((each) => !isKnown(each));
  if (unknown.length > 0) return { ok: false, reason: `unknown field ${unknown.join(", ")}` };
  return { ok: true, call: { name, arguments: args } };
}

const beginnings = ['{"name":"', '{"type":"function","name":"'];

/** Whether text that began without a certain mark may still become the JSON of a call. */
export function mayBecomeCall(body: string): boolean {
  const longest = beginnings[1]!.length;
  const begun = body
    .slice(0, 4 * longest)
    .replace(/\s+/g, "")
    .slice(0, longest);
  return beginnings.some((beginning) => beginning.startsWith(begun) || begun.startsWith(beginning));
}

/** Whether JSON that is no call, or is cut off, was meant as one: it names a tool and begins its arguments. */
export function isMeantAsCall(body: string): boolean {
  return /^\s*\{\s*("type"\s*:\s*"function"\s*,\s*)?"name"\s*:\s*"[^"]*"\s*,\s*"(arguments|parameters)"\s*:/.test(
    body,
  );
}
