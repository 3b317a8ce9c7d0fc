import * as path from "node:path";
import * as z from "zod";
import { isJsonObject, type Json } from "../base/json.ts";
import type { ChatMessage, JsonObject, JsonSchema, ToolCall, ToolDefinition } from "../tools/types.ts";
import { datasetError, type ReadDataset, type ReadOptions, readJsonLines } from "./dataset.ts";
import { firstFault } from "./dataset-schema.ts";
import { readImported } from "./imported.ts";

/** The Berkeley Function Calling Leaderboard, version 4: a file of questions and, but for irrelevance, one of answers. */

const record = z.record(z.string(), z.json());
const questionLine = z.looseObject({
  id: z.string(),
  question: z
    .array(z.array(z.looseObject({ role: z.enum(["system", "user", "assistant"]), content: z.string() })))
    .min(1),
  function: z.array(
    z.looseObject({ name: z.string(), description: z.string().optional(), parameters: record }),
  ),
});
const answerLine = z.looseObject({
  id: z.string(),
  ground_truth: z.array(z.record(z.string(), z.record(z.string(), z.array(z.json())))),
});
type Answer = z.infer<typeof answerLine>["ground_truth"];

/** The leaderboard's types, which are Python's, as those of JSON Schema; "any" has no name there. */
const typeNames: Readonly<Record<string, string>> = {
  dict: "object",
  float: "number",
  tuple: "array",
  integer: "integer",
  string: "string",
  boolean: "boolean",
  array: "array",
  object: "object",
  number: "number",
};

function toSchema(schema: JsonObject): JsonSchema {
  const out: Record<string, Json> = {};
  for (const [key, value] of Object.entries(schema)) {
    if (key === "type") {
      const name = typeof value === "string" ? typeNames[value] : undefined;
      if (name !== undefined) out["type"] = name;
    } else if (key === "properties" && isJsonObject(value)) {
      out["properties"] = Object.fromEntries(
        Object.entries(value).map(([name, item]) => [name, isJsonObject(item) ? toSchema(item) : item]),
      );
    } else if (key === "items" && isJsonObject(value)) out["items"] = toSchema(value);
    else if (key === "required" || key === "enum" || key === "description") out[key] = value;
  }
  return out;
}

/** One accepted value out of a list of them; "" means that the argument may be left out. */
function chooseValue(accepted: readonly Json[]): Json | undefined {
  const chosen = accepted.find((value) => value !== "");
  return chosen === undefined ? undefined : settle(chosen);
}

/** Inside accepted objects each field lists its accepted values again. */
function settle(value: Json): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map(settle);
  if (!isJsonObject(value)) return value;
  const fields = Object.entries(value).map(([name, item]) => [
    name,
    Array.isArray(item) ? chooseValue(item as readonly Json[]) : item,
  ]);
  return Object.fromEntries(fields.filter(([, item]) => item !== undefined));
}

function toCall(answer: Answer[number]): ToolCall {
  const [name, accepted] = Object.entries(answer)[0] ?? ["", {}];
  const args: Record<string, Json> = {};
  for (const [parameter, values] of Object.entries(accepted)) {
    const value = chooseValue(values as readonly Json[]);
    if (value !== undefined) args[parameter] = value;
    // Only "" is accepted: empty text for what is required, nothing for what is not, which the schema tells later.
  }
  return { name, arguments: args };
}

function fillRequired(call: ToolCall, tools: readonly ToolDefinition[]): ToolCall {
  const tool = tools.find((one) => one.function.name === call.name);
  const required = (tool?.function.parameters["required"] ?? []) as readonly string[];
  const missing = required.filter((name) => call.arguments[name] === undefined);
  if (missing.length === 0) return call;
  return {
    name: call.name,
    arguments: { ...call.arguments, ...Object.fromEntries(missing.map((name) => [name, ""])) },
  };
}

function readAnswers(file: string): ReadonlyMap<string, Answer> {
  const answers = new Map<string, Answer>();
  readJsonLines(
    file,
    (value, line) => {
      const parsed = answerLine.safeParse(value);
      if (!parsed.success) {
        const { field, reason } = firstFault(parsed.error);
        throw datasetError(file, line, field, reason);
      }
      answers.set(parsed.data.id, parsed.data.ground_truth);
    },
    (line, reason) => {
      throw datasetError(file, line, "line", reason);
    },
  );
  return answers;
}

/**
 * Reads a file of questions with its answers; without answers every example is a control. Each expected call holds the
 * first accepted values, all of them are in `meta.accepted`.
 * Errors: `invalid_dataset` with file, line, field and reason; `file_not_found`.
 */
export function importBfcl(
  files: { readonly questions: string; readonly answers?: string },
  options: ReadOptions = {},
): ReadDataset {
  const file = files.questions;
  const answers = files.answers === undefined ? null : readAnswers(files.answers);
  const settings = {
    name: path.basename(file, ".json"),
    split: "test",
    what: "question",
    maxBad: options.maxBad ?? 0,
  } as const;
  return readImported(file, settings, (value, line, collector) => {
    const parsed = questionLine.safeParse(value);
    if (!parsed.success) return firstFault(parsed.error);
    const { id, question, function: functions } = parsed.data;
    const tools = functions.map(
      ({ name, description, parameters }): ToolDefinition => ({
        type: "function",
        function: {
          name,
          ...(description === undefined ? {} : { description }),
          parameters: toSchema(parameters as JsonObject),
        },
      }),
    );
    const truth = answers?.get(id);
    if (answers !== null && truth === undefined) {
      return { field: "id", reason: `expected an answer to ${id} in ${files.answers}, got none` };
    }
    const calls = (truth ?? []).map((answer) => fillRequired(toCall(answer), tools));
    return collector.take(
      {
        id,
        messages: question[0]!.map(({ role, content }): ChatMessage => ({ role, content })),
        tools,
        expect: { behaviour: calls.length > 0 ? "tool" : "no_tool", calls },
        ...(truth === undefined ? {} : { meta: { accepted: truth } }),
      },
      line,
    );
  });
}
