import { type Example, shouldUseTool } from "../data/types.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { CallFormat } from "../tools/call-format.ts";
import { parseCalls } from "../tools/call-stream.ts";
import { callKey, isSameValue } from "../tools/normalise.ts";
import type { ToolCall, ToolDefinition } from "../tools/types.ts";
import { createCallValidator } from "../tools/validator.ts";
import type { Judge } from "./validation.ts";

/** The fields that a schema requires. */
function requiredFields(tools: readonly ToolDefinition[], call: ToolCall): readonly string[] {
  const tool = tools.find((t) => t.function.name === call.name);
  const required = tool?.function.parameters["required"];
  return Array.isArray(required) ? required.filter((name): name is string => typeof name === "string") : [];
}

/** Whether one of `made` has the name and, with equal normalised values, every required field of `expected`. */
function isCallCovered(example: Example, expected: ToolCall, made: readonly ToolCall[]): boolean {
  const fields = requiredFields(example.tools, expected).filter((name) => name in expected.arguments);
  return made.some(
    (call) =>
      call.name === expected.name &&
      fields.every((name) => {
        const value = call.arguments[name];
        return value !== undefined && isSameValue(value, expected.arguments[name]!);
      }),
  );
}

/**
 * Judges a first assistant turn by the one validator: only calls that are complete and valid under their tool's schema
 * count. An example that expects no call is covered when none is made.
 */
export function judgeText(example: Example, text: string, format?: CallFormat): ReturnType<Judge["judge"]> {
  const events = parseCalls(text, format);
  const calls = events.flatMap((event) => (event.kind === "call" ? [event.call] : []));
  const validator = createCallValidator(example.tools);
  const valid = calls.filter((call) => validator.validate(call).valid);
  const expected = shouldUseTool(example) ? example.expect.calls : [];
  const keys = (list: readonly ToolCall[]): string => list.map(callKey).sort().join("\n");
  return {
    isCovered:
      expected.length === 0
        ? calls.length === 0
        : expected.every((call) => isCallCovered(example, call, valid)),
    isExact: valid.length === calls.length && keys(valid) === keys(expected),
    hasCall: calls.length > 0 || events.some((event) => event.kind === "malformed_call"),
  };
}

/** A judge of token ids. */
export function createJudge(tokenizer: Tokenizer): Judge {
  return {
    judge: (example, tokens) =>
      judgeText(
        example,
        tokenizer.decode(tokens.filter((id) => id !== tokenizer.eosId)),
        tokenizer.callFormat,
      ),
  };
}
