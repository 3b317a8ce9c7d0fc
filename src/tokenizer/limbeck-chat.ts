import { writeCalls } from "../tools/call-format.ts";
import type { JsonSchema, ToolDefinition } from "../tools/types.ts";
import type { ChatRequest } from "./chat-template.ts";

/**
 * Limbeck's own chat template in plain TypeScript: ten times faster than the interpreter, and equal to it by a test.
 * A dataset of thousands of examples is encoded before training begins, so this is worth having.
 */

const typeNames: Readonly<Record<string, string>> = {
  integer: "int",
  number: "num",
  boolean: "bool",
  array: "list",
  object: "obj",
};

function typeOf(schema: JsonSchema): string {
  const { enum: choices, type } = schema;
  if (Array.isArray(choices)) return choices.join("|");
  return (typeof type === "string" ? typeNames[type] : undefined) ?? "str";
}

const signatures = new WeakMap<ToolDefinition, string>();

/** `name(param:type,param?:type)` and a line break. */
function signatureOf(tool: ToolDefinition): string {
  const known = signatures.get(tool);
  if (known !== undefined) return known;
  const { name, parameters } = tool.function;
  const required = (parameters["required"] ?? []) as readonly string[];
  const properties = (parameters["properties"] ?? {}) as unknown as Readonly<Record<string, JsonSchema>>;
  const written = Object.entries(properties).map(
    ([key, schema]) => `${key}${required.includes(key) ? "" : "?"}:${typeOf(schema)}`,
  );
  const signature = `${name}(${written.join(",")})\n`;
  signatures.set(tool, signature);
  return signature;
}

/** The same text as `defaultChatTemplate` gives. */
export function renderLimbeckChat(request: ChatRequest): string {
  const { messages, tools = [], addGenerationPrompt = false } = request;
  let out = "";
  for (const { role, content } of messages) if (role === "system") out += `<|system|>${content ?? ""}`;
  if (tools.length > 0) out += `<|tools|>${tools.map(signatureOf).join("")}`;
  for (const { role, content, tool_calls } of messages) {
    if (role === "user") out += `<|user|>${content ?? ""}`;
    else if (role === "tool") out += `<|result|>${content ?? ""}`;
    else if (role === "assistant") {
      out += `<|assistant|>${content ?? ""}`;
      out += `${writeCalls(tool_calls ?? [], "limbeck")}<|end|>`;
    }
  }
  return addGenerationPrompt ? `${out}<|assistant|>` : out;
}
