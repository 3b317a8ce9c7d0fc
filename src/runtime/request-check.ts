import { inspect } from "node:util";
import { LimbeckError } from "../base/errors.ts";
import { isJsonObject } from "../base/json.ts";
import type { ChatMessage, ToolDefinition } from "../tools/types.ts";
import type { TaskOptions } from "./engine-tasks.ts";

/** Of whatever a caller gave: also what JSON cannot say. */
const show = (value: unknown): string =>
  inspect(value, { depth: 3, breakLength: Number.POSITIVE_INFINITY }).slice(0, 200);

function refuse(option: string, expected: string, value: unknown, cure?: string): LimbeckError {
  return new LimbeckError("invalid_request", `${option}: expected ${expected}, got ${show(value)}`, {
    fields: { option, value },
    ...(cure === undefined ? {} : { cure }),
  });
}

type Fields = Readonly<Record<string, unknown>>;

const roles: readonly string[] = ["system", "user", "assistant", "tool"] satisfies ChatMessage["role"][];

const isCall = (call: unknown): boolean =>
  isJsonObject(call) && typeof call["name"] === "string" && isJsonObject(call["arguments"]);

/** The messages themselves. Error: `invalid_request` naming the first that is none. */
export function checkMessages(messages: unknown): readonly ChatMessage[] {
  const cure = "Send messages of the chat format.";
  if (!Array.isArray(messages)) throw refuse("messages", "an array", messages, cure);
  if (messages.length === 0) {
    throw new LimbeckError("invalid_request", "messages: expected at least one, got none", { cure });
  }
  for (const [m, message] of (messages as readonly unknown[]).entries()) {
    const place = `messages[${m}]`;
    if (!isJsonObject(message)) throw refuse(place, "a message", message, cure);
    const { role, content, tool_calls: calls } = message;
    if (!roles.includes(role as string) || (content !== null && typeof content !== "string")) {
      throw refuse(place, `a role of ${roles.join(", ")} and content of text or null`, message, cure);
    }
    if (calls !== undefined && !(Array.isArray(calls) && calls.every(isCall))) {
      throw refuse(`${place}.tool_calls`, "an array of {name, arguments}", calls, "Parse the arguments.");
    }
  }
  return messages as readonly ChatMessage[];
}

/** The tools themselves. Error: `invalid_request` naming the first that is none, and what is wrong with it. */
export function checkTools(tools: unknown): readonly ToolDefinition[] {
  const cure = 'Each tool is {"type": "function", "function": {"name", "description", "parameters"}}.';
  if (!Array.isArray(tools)) throw refuse("tools", "an array", tools, cure);
  for (const [t, tool] of (tools as readonly unknown[]).entries()) {
    const own = isJsonObject(tool) ? tool["function"] : undefined;
    if (!isJsonObject(own)) throw refuse(`tools[${t}]`, "a tool", tool, cure);
    const place = `tools[${t}].function`;
    const { name, description, parameters, strict } = own;
    if (typeof name !== "string" || name === "") throw refuse(`${place}.name`, "text", name, cure);
    if (description !== undefined && typeof description !== "string") {
      throw refuse(`${place}.description`, "text", description, cure);
    }
    if (!isJsonObject(parameters)) throw refuse(`${place}.parameters`, "a JSON schema", parameters, cure);
    const { properties = {}, required = [] } = parameters;
    if (!isJsonObject(properties)) {
      throw refuse(`${place}.parameters.properties`, "an object of schemas", properties);
    }
    if (!Array.isArray(required)) throw refuse(`${place}.parameters.required`, "an array of names", required);
    if (strict !== undefined && typeof strict !== "boolean") {
      throw refuse(`${place}.strict`, "true or false", strict);
    }
  }
  return tools as readonly ToolDefinition[];
}

const numbers = [
  "temperature",
  "topK",
  "topP",
  "minP",
  "repetitionPenalty",
  "seed",
  "maxTokens",
  "topLogprobs",
] as const satisfies readonly (keyof TaskOptions)[];

const isTokenId = (id: unknown): boolean => Number.isInteger(id) && (id as number) >= 0;

/** Kinds of values; ranges are checked where the values are used. Error: `invalid_request` naming the option. */
export function checkOptions(options: TaskOptions): void {
  for (const option of numbers) {
    const value: unknown = options[option];
    if (value !== undefined && typeof value !== "number") throw refuse(option, "a number", value);
  }
  const { stop, stopTokens, toolChoice, responseFormat } = options as Fields;
  if (stop !== undefined && !(Array.isArray(stop) && stop.every((text) => typeof text === "string"))) {
    throw refuse("stop", "an array of texts", stop, "Put a single stop text into an array.");
  }
  if (stopTokens !== undefined && !(Array.isArray(stopTokens) && stopTokens.every(isTokenId))) {
    throw refuse("stopTokens", "an array of token ids", stopTokens);
  }
  const choices: readonly unknown[] = [undefined, "auto", "none", "required"];
  if (
    !choices.includes(toolChoice) &&
    !(isJsonObject(toolChoice) && typeof toolChoice["name"] === "string")
  ) {
    throw refuse("toolChoice", '"auto", "none", "required" or {"name"}', toolChoice);
  }
  if (responseFormat === undefined) return;
  const { type, schema } = isJsonObject(responseFormat) ? responseFormat : {};
  const isFormat =
    type === "text" || type === "json_object" || (type === "json_schema" && isJsonObject(schema));
  if (isFormat) return;
  throw refuse(
    "responseFormat",
    '{"type": "text"}, {"type": "json_object"} or {"type": "json_schema", "schema"}',
    responseFormat,
  );
}
