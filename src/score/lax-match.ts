import { canonicalJson } from "../base/json.ts";
import { normaliseArguments } from "../tools/normalise.ts";
import type { ToolCall, ToolDefinition } from "../tools/types.ts";

/**
 * Lax match: the right tool, and every required argument equal under normalisation (case, space, number and date
 * formats). Optional arguments may be left out or added; where both sides give one, they must agree. What
 * "equal" means is decided in tools/normalise.ts, for the fixtures and for the score alike.
 */

function requiredOf(expected: ToolCall, tool: ToolDefinition | undefined): readonly string[] {
  const required = tool?.function.parameters["required"];
  // A tool without a schema gives no leave to omit anything.
  if (tool === undefined) return Object.keys(expected.arguments);
  return Array.isArray(required) ? (required as readonly string[]) : [];
}

/** Whether `call` is `expected` by the lax rule; `tool` is the expected call's definition. */
export function matchesLaxly(expected: ToolCall, call: ToolCall, tool: ToolDefinition | undefined): boolean {
  if (call.name !== expected.name) return false;
  // Arguments that are null are as if not given.
  const want = normaliseArguments(expected.arguments);
  const got = normaliseArguments(call.arguments);
  const isMissing = requiredOf(expected, tool).some(
    (name) => Object.hasOwn(want, name) && !Object.hasOwn(got, name),
  );
  if (isMissing) return false;
  return Object.keys(want).every(
    (name) => !Object.hasOwn(got, name) || canonicalJson(want[name]) === canonicalJson(got[name]),
  );
}
