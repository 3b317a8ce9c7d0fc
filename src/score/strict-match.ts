import { isJsonObject, type Json } from "../base/json.ts";
import type { JsonObject, ToolCall, ToolDefinition } from "../tools/types.ts";
import { type AstType, type AstValue, astTypeOf, astValueOf } from "./ast-value.ts";
import { type AcceptedCall, type AstFunction, type AstParameter, checkCall } from "./bfcl-ast.ts";

/**
 * Strict match of our own examples: BFCL's rules with one accepted value for each expected argument. The text of
 * numbers is gone here, so `5.0` counts as the integer `5`, as JSON Schema has it too.
 */

/** JSON Schema's type names in BFCL's words. */
const astTypes: { readonly [type: string]: AstType } = {
  string: "string",
  integer: "integer",
  number: "float",
  boolean: "boolean",
  array: "array",
  object: "dict",
  null: "null",
};

/** The one of a schema's types that `expected` has; its own type where the schema names none. */
function typeFor(schema: JsonObject, expected: AstValue): AstType {
  const own = astTypeOf(expected);
  const { type } = schema;
  const names = typeof type === "string" ? [type] : Array.isArray(type) ? (type as readonly Json[]) : [];
  const known = names.flatMap((name) => (typeof name === "string" ? (astTypes[name] ?? []) : []));
  if (known.includes(own)) return own;
  if (own === "integer" && known.includes("float")) return "float";
  return known[0] ?? own;
}

function parameterFor(schema: JsonObject, expected: AstValue): AstParameter {
  const type = typeFor(schema, expected);
  if (type !== "array") return { type, itemType: null };
  const items = isJsonObject(schema["items"]) ? schema["items"] : {};
  const first = Array.isArray(expected) ? (expected[0] as AstValue | undefined) : undefined;
  return { type, itemType: first === undefined ? null : typeFor(items, first) };
}

/** BFCL's form of one accepted value: dictionaries hold lists of accepted values by key. */
function acceptOne(value: AstValue): AstValue {
  if (Array.isArray(value)) {
    return value.map((item) =>
      astTypeOf(item as AstValue) === "dict" ? acceptOne(item as AstValue) : (item as AstValue),
    );
  }
  if (astTypeOf(value) !== "dict") return value;
  return Object.fromEntries(
    Object.entries(value as { [key: string]: AstValue }).map(([key, item]) => [key, [item]]),
  );
}

/** An expected call in BFCL's terms: the function as far as the expectation needs it, and what is accepted. */
export interface StrictExpectation {
  readonly fn: AstFunction;
  readonly accepted: AcceptedCall;
}

export function strictExpectation(expected: ToolCall, tool: ToolDefinition | undefined): StrictExpectation {
  const schema = tool?.function.parameters ?? {};
  const properties = isJsonObject(schema["properties"]) ? schema["properties"] : {};
  const required = Array.isArray(schema["required"]) ? (schema["required"] as readonly Json[]) : [];
  const parameters: { [name: string]: AstParameter } = {};
  const accepted: { [name: string]: readonly AstValue[] } = {};
  for (const [name, json] of Object.entries(expected.arguments)) {
    const value = astValueOf(json);
    const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
    parameters[name] = parameterFor(isJsonObject(property) ? property : {}, value);
    accepted[name] = [acceptOne(value)];
  }
  return {
    fn: { name: expected.name, parameters, required: required.filter((name) => typeof name === "string") },
    accepted: { name: expected.name, arguments: accepted },
  };
}

/** Whether `call` is `expected` by the strict rules. */
export function matchesStrictly({ fn, accepted }: StrictExpectation, call: ToolCall): boolean {
  if (call.name !== fn.name) return false;
  const args = Object.entries(call.arguments).map(([name, value]) => [name, astValueOf(value)] as const);
  return checkCall(fn, { name: call.name, arguments: Object.fromEntries(args) }, accepted).valid;
}
