import { z } from "zod";
import { mayCall } from "../runtime/chat.ts";
import type { GenerateOptions, ResponseFormat, ToolChoice } from "../runtime/types.ts";
import { type ChatMessage, type JsonSchema, type ToolDefinition, toToolDefinition } from "../tools/types.ts";
import { messagesSchema, readMessages } from "./chat-messages.ts";
import { type CommonAsk, commonShape, type RequestLimits, readCommon } from "./common-request.ts";
import { given, readFields, type Unserved, unservedFields } from "./request-fields.ts";
import { refuseField } from "./wire-error.ts";

/** One chat request, read and checked. */
export interface ChatAsk extends CommonAsk {
  readonly messages: readonly ChatMessage[];
  /** Those that may be called. */
  readonly tools: readonly ToolDefinition[];
  /** Of every tool in the request, in its order. */
  readonly toolNames: readonly string[];
  readonly wantsLogprobs: boolean;
  /** False: all of the answer is text. */
  readonly mayCall: boolean;
  /** How many calls an answer may show; what comes after them is dropped. */
  readonly mostCalls: number;
}

const name = z.string().regex(/^[a-zA-Z0-9_.-]{1,64}$/, "expected 1 to 64 letters, digits, _, - or .");
const jsonObject = z.record(z.string(), z.json());

/** Null is as absent: a call that was begun is brought to an end that its schema allows. */
const toolSchema = z.object({
  type: z.literal("function"),
  function: z.object({
    name,
    description: z.string().nullish(),
    parameters: jsonObject.nullish(),
    strict: z.boolean().nullish(),
  }),
});

/** A tool, by its name. */
const toolName = z.object({ type: z.literal("function"), function: z.object({ name: z.string() }) });

const chatSchema = z.object({
  ...commonShape,
  messages: messagesSchema,
  max_completion_tokens: z.int().min(1).optional(),
  tools: z.array(toolSchema).max(128).default([]),
  tool_choice: z
    .union(
      [
        z.enum(["none", "auto", "required"]),
        toolName,
        z.object({
          type: z.literal("allowed_tools"),
          allowed_tools: z.object({ mode: z.enum(["auto", "required"]), tools: z.array(toolName).min(1) }),
        }),
      ],
      {
        error:
          'expected "none", "auto", "required", {"type": "function", "function": {"name"}} or {"type": "allowed_tools", "allowed_tools": {"mode", "tools"}}',
      },
    )
    .optional(),
  parallel_tool_calls: z.boolean().default(true),
  response_format: z
    .discriminatedUnion("type", [
      z.object({ type: z.literal("text") }),
      z.object({ type: z.literal("json_object") }),
      z.object({
        type: z.literal("json_schema"),
        json_schema: z.object({
          name,
          description: z.string().nullish(),
          schema: jsonObject,
          strict: z.boolean().nullish(),
        }),
      }),
    ])
    .optional(),
  logprobs: z.boolean().default(false),
  top_logprobs: z.int().min(0).max(20).optional(),
});

type ChatFields = z.output<typeof chatSchema>;

const unserved: Readonly<Record<string, Unserved>> = {
  ...unservedFields,
  modalities: {
    isHarmless: (value) => Array.isArray(value) && value.every((modality) => modality === "text"),
    expected: 'expected ["text"]',
  },
  audio: { isHarmless: () => false, expected: "expected none: audio is not served" },
  web_search_options: { isHarmless: () => false, expected: "expected none: web search is not served" },
  moderation: { isHarmless: () => false, expected: "expected none: moderation is not served" },
  functions: { isHarmless: () => false, expected: "expected none", cure: "Use tools, which replaced it." },
  function_call: {
    isHarmless: () => false,
    expected: "expected none",
    cure: "Use tool_choice, which replaced it.",
  },
};

/**
 * Reads the body of `POST /v1/chat/completions`. Errors: `invalid_request` with the field in `param`,
 * `model_not_found`.
 */
export function readChatRequest(body: unknown, limits: RequestLimits): ChatAsk {
  const fields = readFields(body, chatSchema, unserved);
  const common = readCommon(fields, limits);
  if (fields.top_logprobs !== undefined && !fields.logprobs) {
    throw refuseField("top_logprobs", "expected logprobs to be true beside it");
  }
  const offered = readTools(fields);
  const tools = allowedTools(fields, offered);
  const toolChoice = readToolChoice(fields, tools);
  return {
    ...common,
    messages: readMessages(fields.messages),
    tools,
    toolNames: offered.map((tool) => tool.function.name),
    wantsLogprobs: fields.logprobs,
    mayCall: mayCall(tools, toolChoice),
    mostCalls: fields.parallel_tool_calls ? Number.POSITIVE_INFINITY : 1,
    options: {
      ...common.options,
      ...given<GenerateOptions>({
        toolChoice,
        responseFormat: readResponseFormat(fields),
        topLogprobs: fields.logprobs ? (fields.top_logprobs ?? 0) : undefined,
      }),
    },
  };
}

function readTools({ tools }: ChatFields): ToolDefinition[] {
  const seen = new Set<string>();
  return tools.map((tool, t) => {
    const { name } = tool.function;
    if (seen.has(name)) {
      throw refuseField(`tools[${t}].function.name`, `expected names that differ, got ${name} twice`);
    }
    seen.add(name);
    return toToolDefinition(tool.function);
  });
}

function checkName(name: string, tools: readonly ToolDefinition[], param: string): void {
  const names = tools.map((tool) => tool.function.name);
  if (!names.includes(name)) {
    throw refuseField(param, `expected one of ${names.join(", ")}, got ${name.slice(0, 80)}`);
  }
}

/** Tools outside of `allowed_tools` are not shown to the model: what it does not see it does not call. */
function allowedTools(
  { tool_choice: choice }: ChatFields,
  tools: readonly ToolDefinition[],
): readonly ToolDefinition[] {
  if (typeof choice !== "object" || choice.type !== "allowed_tools") return tools;
  if (tools.length === 0) throw refuseField("tool_choice", "expected tools beside it");
  const allowed = choice.allowed_tools.tools.map((tool) => tool.function.name);
  for (const [t, name] of allowed.entries()) {
    checkName(name, tools, `tool_choice.allowed_tools.tools[${t}].function.name`);
  }
  return tools.filter((tool) => allowed.includes(tool.function.name));
}

function readToolChoice(
  { tool_choice: choice }: ChatFields,
  tools: readonly ToolDefinition[],
): ToolChoice | undefined {
  if (choice === undefined || choice === "none") return choice;
  if (tools.length === 0 && choice !== "auto") throw refuseField("tool_choice", "expected tools beside it");
  if (typeof choice === "string") return choice;
  if (choice.type === "allowed_tools") return choice.allowed_tools.mode;
  const { name } = choice.function;
  checkName(name, tools, "tool_choice.function.name");
  return { name };
}

function readResponseFormat({ response_format: format }: ChatFields): ResponseFormat | undefined {
  if (format?.type !== "json_schema") return format;
  const { schema, strict } = format.json_schema;
  return {
    type: "json_schema",
    schema: schema as JsonSchema,
    ...(strict == null ? {} : { strict }),
  };
}
