import type { Json } from "../base/json.ts";
import type { ChatMessage, JsonObject, ToolCall, ToolDefinition } from "../tools/types.ts";

/** What the assistant should do: call tools, answer in words, refuse or ask back, or try again after an error. */
export const behaviours = ["tool", "no_tool", "decline", "retry"] as const;
export type Behaviour = (typeof behaviours)[number];

export interface Expectation {
  readonly behaviour: Behaviour;
  readonly calls: readonly ToolCall[];
}

/** What the teacher said. `text` is the first assistant turn as the model writes it, calls included. */
export interface TeacherOutput {
  readonly text: string;
  /** The final answer after the tool results, when there were calls. */
  readonly answer?: string;
  readonly tokens?: number;
  readonly topk?: { readonly file: string; readonly offset: number; readonly k: number };
  readonly model: string;
}

/** A recorded tool result: the broker answers a call whose name and normalised arguments are equal with `result`. */
export interface Fixture {
  readonly name: string;
  readonly arguments: JsonObject;
  readonly result: Json;
}

/** One line of a dataset. */
export interface Example {
  readonly id: string;
  readonly messages: readonly ChatMessage[];
  readonly tools: readonly ToolDefinition[];
  readonly expect: Expectation;
  readonly teacher?: TeacherOutput;
  readonly fixtures?: readonly Fixture[];
  readonly meta?: { readonly [key: string]: Json };
}

/** First line of a dataset file. Every fingerprint is a lower-case hexadecimal sha-256. */
export interface DatasetHeader {
  readonly schema_version: 1;
  readonly kind: "limbeck_dataset";
  readonly name: string;
  readonly split: "train" | "validation" | "test";
  readonly seed: number | null;
  readonly examples: number;
  readonly fingerprints: {
    /** Over the canonical JSON of every example, in order. */
    readonly dataset: string;
    /** Over the tools that occur, sorted by name. */
    readonly tools: string;
    readonly tokenizer: string | null;
    readonly prompt_wrapper: string | null;
  };
}

export interface Dataset {
  readonly header: DatasetHeader;
  readonly examples: readonly Example[];
}

/** An example where no tool may be called. */
export function isControl(example: Example): boolean {
  return example.expect.behaviour === "no_tool" || example.expect.behaviour === "decline";
}

/** Derived, never trusted from a file. */
export function shouldUseTool(example: Example): boolean {
  return example.expect.behaviour === "tool" || example.expect.behaviour === "retry";
}
