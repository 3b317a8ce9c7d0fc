import type { Json } from "../base/json.ts";

/** A JSON Schema (draft 2020-12) of one tool's arguments. */
export type JsonSchema = { readonly [keyword: string]: Json };

/** The schema of a tool that names no parameters: it takes none. */
const noParameters: JsonSchema = { type: "object", properties: {} };

/** A tool as the OpenAI chat format offers it. */
export interface ToolDefinition {
  readonly type: "function";
  readonly function: {
    readonly name: string;
    readonly description?: string;
    readonly parameters: JsonSchema;
    /** False: a call's arguments need not fit the schema while they are made, only be a JSON object. Default true. */
    readonly strict?: boolean;
  };
}

/** A tool's fields as OpenAI's requests and files have them, where null counts as absent. */
interface OpenAiFunction {
  readonly name: string;
  readonly description?: string | null | undefined;
  readonly parameters?: JsonSchema | null | undefined;
  readonly strict?: boolean | null | undefined;
}

export function toToolDefinition({ name, description, parameters, strict }: OpenAiFunction): ToolDefinition {
  return {
    type: "function",
    function: {
      name,
      ...(description == null ? {} : { description }),
      parameters: parameters ?? noParameters,
      ...(strict == null ? {} : { strict }),
    },
  };
}

export type JsonObject = { readonly [key: string]: Json };

/** One call: which tool, with which arguments. */
export interface ToolCall {
  readonly name: string;
  readonly arguments: JsonObject;
}

/** One message of a chat, in the words of the OpenAI format; `tool_calls` hold parsed arguments. */
export interface ChatMessage {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content: string | null;
  readonly tool_calls?: readonly ToolCall[];
  /** The tool that answers, for role "tool". */
  readonly name?: string;
}
