import { type Json, parseJson } from "../base/json.ts";

/**
 * A number that was written as a float (`5.0`, `1e3`). BFCL tells it from the integer `5`; JSON.parse cannot,
 * so values that come from text keep the difference in their type.
 */
export class FloatValue {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/** A JSON value in which integers are `number` and floats are `FloatValue`. */
export type AstValue =
  | null
  | boolean
  | number
  | string
  | FloatValue
  | readonly AstValue[]
  | { readonly [key: string]: AstValue };

/** The types that BFCL's rules tell apart. */
export type AstType = "string" | "integer" | "float" | "boolean" | "array" | "dict" | "null";

/** The type of `value`; unlike in Python's `isinstance`, a boolean is no integer. */
export function astTypeOf(value: AstValue): AstType {
  if (value === null) return "null";
  if (value instanceof FloatValue) return "float";
  if (Array.isArray(value)) return "array";
  switch (typeof value) {
    case "string":
      return "string";
    case "boolean":
      return "boolean";
    case "number":
      return "integer";
    default:
      return "dict";
  }
}

function numberOf(value: AstValue): number | null {
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value === "number") return value;
  return value instanceof FloatValue ? value.value : null;
}

/** Equality as Python's `==` has it: 1 = 1.0 = true, lists in order, dictionaries in any order. */
export function astEquals(a: AstValue, b: AstValue): boolean {
  const x = numberOf(a);
  const y = numberOf(b);
  if (x !== null || y !== null) return x !== null && x === y;
  if (a === null || b === null || typeof a === "string" || typeof b === "string") return a === b;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, i) => astEquals(item, b[i] as AstValue));
  }
  const left = a as { readonly [key: string]: AstValue };
  const right = b as { readonly [key: string]: AstValue };
  const keys = Object.keys(left);
  return (
    keys.length === Object.keys(right).length &&
    keys.every((key) => Object.hasOwn(right, key) && astEquals(left[key] as AstValue, right[key] as AstValue))
  );
}

// Strings are matched first, so that digits inside them are left alone.
const stringOrNumber = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const floatKey = "\u0000float";

/** Parses JSON text; a number with a fraction or an exponent becomes a `FloatValue`. Errors: `invalid_json`. */
export function parseAstValue(text: string, source: string): AstValue {
  const marked = text.replace(stringOrNumber, (token) =>
    token.startsWith('"') || !/[.eE]/.test(token) ? token : `{"\\u0000float":${token}}`,
  );
  const revive = (value: Json): AstValue => {
    if (Array.isArray(value)) return value.map(revive);
    if (value === null || typeof value !== "object") return value;
    const object = value as { readonly [key: string]: Json };
    const float = object[floatKey];
    if (typeof float === "number") return new FloatValue(float);
    return Object.fromEntries(Object.entries(object).map(([key, item]) => [key, revive(item)]));
  };
  return revive(parseJson(marked, source));
}

/** A parsed JSON value in these types. Its text is gone, so a number without a fraction counts as an integer. */
export function astValueOf(value: Json): AstValue {
  if (typeof value === "number") return Number.isInteger(value) ? value : new FloatValue(value);
  if (Array.isArray(value)) return value.map(astValueOf);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, astValueOf(item)]));
}
