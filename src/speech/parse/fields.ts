import type { Json } from "../../base/json.ts";
import type { JsonObject } from "../../tools/types.ts";

// What strangers send is read field by field: a field of another type is as good as a missing one.

export function objectOf(value: Json | undefined): JsonObject | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : undefined;
}

export function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

/** The objects of a list; what else is in it is left out. */
export function objectsOf(value: Json | undefined): readonly JsonObject[] {
  return listOf(value)
    .map(objectOf)
    .filter((item) => item !== undefined);
}

export function stringOf(value: Json | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

export function numberOf(value: Json | undefined): number | undefined {
  return typeof value === "number" ? value : undefined;
}

/** The object that `text` is JSON of; undefined where it is none. */
export function parseObject(text: string): JsonObject | undefined {
  if (text.trim() === "") return {};
  try {
    return objectOf(JSON.parse(text) as Json);
  } catch {
    return undefined;
  }
}
