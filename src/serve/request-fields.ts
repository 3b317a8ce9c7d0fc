import { closest } from "fastest-levenshtein";
import type { z } from "zod";
import type { LimbeckError } from "../base/errors.ts";
import { refuseField } from "./wire-error.ts";

/** A field of the OpenAI API that is not served: taken where its value changes nothing, refused otherwise. */
export interface Unserved {
  readonly isHarmless: (value: unknown) => boolean;
  readonly expected: string;
  readonly cure?: string;
}

const isEmpty = (value: unknown): boolean =>
  typeof value === "object" && value !== null && Object.keys(value).length === 0;

/** Fields that both kinds of request may carry and whose other values would change the answer. */
export const unservedFields: Readonly<Record<string, Unserved>> = {
  n: { isHarmless: (n) => n === 1, expected: "expected 1", cure: "Send one request for each answer." },
  logit_bias: { isHarmless: isEmpty, expected: "expected none: biases of single tokens are not served" },
  presence_penalty: {
    isHarmless: (p) => p === 0,
    expected: "expected 0",
    cure: "Use repetition_penalty, which multiplies.",
  },
  frequency_penalty: {
    isHarmless: (p) => p === 0,
    expected: "expected 0",
    cure: "Use repetition_penalty, which multiplies.",
  },
};

/** Fields that say nothing about the answer: who asks, what to keep, how to bill, how to be fast. */
export const ignoredFields: readonly string[] = [
  "metadata",
  "prediction",
  "prompt_cache_key",
  "prompt_cache_options",
  "prompt_cache_retention",
  "reasoning_effort",
  "safety_identifier",
  "service_tier",
  "store",
  "user",
  "verbosity",
];

/**
 * Reads a request body field by field: null counts as absent, ignored fields go, an unserved or unknown one is refused
 * by name, the rest is checked by `schema`. Error: `invalid_request` with `param`.
 */
export function readFields<Shape extends z.ZodRawShape>(
  body: unknown,
  schema: z.ZodObject<Shape>,
  unserved: Readonly<Record<string, Unserved>>,
): z.output<z.ZodObject<Shape>> {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw refuseField(
      "body",
      `expected a JSON object, got ${body === null ? "null" : Array.isArray(body) ? "an array" : typeof body}`,
    );
  }
  const served: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(body)) {
    if (Object.hasOwn(schema.shape, name)) {
      if (value !== null) served[name] = value;
      continue;
    }
    if (ignoredFields.includes(name)) continue;
    if (!Object.hasOwn(unserved, name)) {
      const known = [...Object.keys(schema.shape), ...Object.keys(unserved), ...ignoredFields];
      throw refuseField(show(name), `unknown field, nearest is ${closest(name.slice(0, 100), known)}`);
    }
    const { isHarmless, expected, cure } = unserved[name] as Unserved;
    if (value !== null && !isHarmless(value))
      throw refuseField(name, `${expected}, got ${show(value)}`, cure);
  }
  const parsed = schema.safeParse(served);
  if (!parsed.success) throw refuseIssue(parsed.error.issues[0] as z.core.$ZodIssue);
  return parsed.data;
}

/** A value, short enough for a message. */
export function show(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? String(value));
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function refuseIssue({ path, message }: z.core.$ZodIssue): LimbeckError {
  const place = path
    .map((part, i) => (typeof part === "number" ? `[${part}]` : `${i === 0 ? "" : "."}${String(part)}`))
    .join("");
  const said = message.replace(/^Invalid input: /, "").replace(", received ", ", got ");
  return refuseField(place || "body", said);
}

/** `fields` without the undefined ones. */
export function given<T extends object>(fields: { readonly [K in keyof T]: T[K] | undefined }): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>;
}
