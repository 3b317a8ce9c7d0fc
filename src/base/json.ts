import { LimbeckError } from "./errors.ts";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Whether a value is an object of JSON: no list, not null. */
export function isJsonObject(value: unknown): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function refuseNonFinite(key: string, value: unknown): unknown {
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new LimbeckError(
      "internal",
      `cannot write JSON: "${key}" is ${value}, expected a finite number or null`,
    );
  }
  return value;
}

/** JSON text of `value`. Throws `internal` where a number is NaN or infinite: missing is `null`. */
export function stringifyJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, refuseNonFinite, indent);
}

/** Parses JSON text; `source` names it in the error (`invalid_json`). */
export function parseJson(text: string, source: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (cause) {
    throw new LimbeckError("invalid_json", `${source}: expected JSON, ${(cause as Error).message}`, {
      cure: "Check that the file is whole and is JSON.",
      fields: { source },
      cause,
    });
  }
}

/** JSON with object keys sorted, for fingerprints. */
export function canonicalJson(value: unknown): string {
  const sort = (v: unknown): unknown =>
    Array.isArray(v)
      ? v.map(sort)
      : v !== null && typeof v === "object"
        ? Object.fromEntries(
            Object.keys(v)
              .sort()
              .map((k) => [k, sort((v as Record<string, unknown>)[k])]),
          )
        : v;
  return stringifyJson(sort(value));
}
