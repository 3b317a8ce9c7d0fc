import * as z from "zod";
import { createCallValidator } from "../tools/validator.ts";
import { behaviours, type Example } from "./types.ts";

/** The shape of each line of a dataset file. Unknown fields are refused: a misspelt one would be silently without effect. */

const jsonObject = z.record(z.string(), z.json());
const fingerprint = z.string().regex(/^[0-9a-f]{64}$/, "expected a lower-case hexadecimal sha-256");
const toolName = z.string().min(1);

const tool = z.strictObject({
  type: z.literal("function"),
  function: z.strictObject({
    name: toolName,
    description: z.string().optional(),
    parameters: jsonObject,
  }),
});

const call = z.strictObject({ name: toolName, arguments: jsonObject });

const message = z.strictObject({
  role: z.enum(["system", "user", "assistant", "tool"]),
  content: z.string().nullable(),
  tool_calls: z.array(call).optional(),
  name: z.string().optional(),
});

export const headerSchema = z.strictObject({
  schema_version: z.literal(1),
  kind: z.literal("limbeck_dataset"),
  name: z.string().min(1),
  split: z.enum(["train", "validation", "test"]),
  seed: z.number().int().nullable(),
  examples: z.number().int().nonnegative(),
  fingerprints: z.strictObject({
    dataset: fingerprint,
    tools: fingerprint,
    tokenizer: fingerprint.nullable(),
    prompt_wrapper: fingerprint.nullable(),
  }),
});

const exampleSchema = z.strictObject({
  id: z.string().min(1),
  messages: z.array(message).min(1),
  tools: z.array(tool),
  expect: z.strictObject({ behaviour: z.enum(behaviours), calls: z.array(call) }),
  teacher: z
    .strictObject({
      text: z.string(),
      answer: z.string().optional(),
      tokens: z.number().int().nonnegative().optional(),
      topk: z
        .strictObject({
          file: z.string().min(1),
          offset: z.number().int().nonnegative(),
          k: z.number().int().positive(),
        })
        .optional(),
      model: z.string().min(1),
    })
    .optional(),
  fixtures: z.array(z.strictObject({ name: toolName, arguments: jsonObject, result: z.json() })).optional(),
  meta: jsonObject.optional(),
});

/** What is wrong with a line, and in which field. */
export interface Fault {
  readonly field: string;
  readonly reason: string;
}

const pathText = (path: readonly PropertyKey[]): string =>
  path
    .map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`))
    .join("")
    .replace(/^\./, "");

export function firstFault(error: z.ZodError): Fault {
  const issue = error.issues[0];
  return { field: pathText(issue?.path ?? []) || "line", reason: issue?.message ?? "is not as expected" };
}

/** What a schema cannot say: the calls that are expected must be calls that can be made. */
function findContradiction(example: Example): Fault | null {
  const { expect, messages, tools } = example;
  const isCalling = expect.behaviour === "tool" || expect.behaviour === "retry";
  if (isCalling !== expect.calls.length > 0) {
    const wanted = isCalling ? "at least one call" : "no call";
    return {
      field: "expect.calls",
      reason: `expected ${wanted} for behaviour ${expect.behaviour}, got ${expect.calls.length}`,
    };
  }
  const last = messages.at(-1);
  if (last?.role !== "user" && last?.role !== "tool") {
    return {
      field: "messages",
      reason: `expected a user's or a tool's message at the end, got ${last?.role ?? "none"}`,
    };
  }
  const validator = createCallValidator(tools);
  for (const [i, expected] of expect.calls.entries()) {
    const verdict = validator.validate(expected);
    if (verdict.valid) continue;
    const error = verdict.errors[0]!;
    const field = error.rule === "unknown_tool" ? "name" : `arguments${error.path.replaceAll("/", ".")}`;
    return { field: `expect.calls[${i}].${field}`, reason: error.message };
  }
  return null;
}

/** Whether `value` is an example; the value itself is not changed. */
export function checkExample(value: unknown): { readonly example: Example } | { readonly fault: Fault } {
  const parsed = exampleSchema.safeParse(value);
  if (!parsed.success) return { fault: firstFault(parsed.error) };
  const example = value as Example;
  try {
    const fault = findContradiction(example);
    return fault === null ? { example } : { fault };
  } catch (cause) {
    // A tool's schema that is none.
    return { fault: { field: "tools", reason: (cause as Error).message } };
  }
}
