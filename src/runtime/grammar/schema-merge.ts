import { canonicalJson, isJsonObject, type Json } from "../../base/json.ts";
import type { JsonSchema } from "../../tools/types.ts";

/** Words of JSON Schema that say nothing about what is valid. */
const annotations = new Set([
  "$schema",
  "$id",
  "$comment",
  "$defs",
  "definitions",
  "title",
  "description",
  "default",
  "examples",
  "deprecated",
  "readOnly",
  "writeOnly",
]);

/** Words of which the larger or the smaller one of two decides. */
const bounds: Readonly<Record<string, (a: number, b: number) => number>> = {
  minimum: Math.max,
  exclusiveMinimum: Math.max,
  minLength: Math.max,
  minItems: Math.max,
  minProperties: Math.max,
  maximum: Math.min,
  exclusiveMaximum: Math.min,
  maxLength: Math.min,
  maxItems: Math.min,
  maxProperties: Math.min,
};

/** The words of a schema that restrict values. */
export function restrictions(schema: JsonSchema): string[] {
  return Object.keys(schema).filter((word) => !annotations.has(word));
}

const isSame = (a: Json | undefined, b: Json | undefined): boolean => canonicalJson(a) === canonicalJson(b);

const asList = (value: Json | undefined): readonly Json[] =>
  Array.isArray(value) ? (value as readonly Json[]) : value === undefined ? [] : [value];

/** Whether a schema allows texts of a list and says no more: then each of them fits. */
export function isListOfTexts(schema: JsonSchema): boolean {
  const { type = "string", enum: list } = schema;
  const says = restrictions(schema).every((word) => word === "type" || word === "enum");
  return says && type === "string" && Array.isArray(list) && list.every((one) => typeof one === "string");
}

/** The values of the first list that are in the second as well. */
function common(list: readonly Json[], others: readonly Json[]): readonly Json[] {
  const keys = new Set(others.map((one) => canonicalJson(one)));
  return list.filter((one) => keys.has(canonicalJson(one)));
}

/** The types that both allow: a whole number is a number. */
function commonTypes(a: Json | undefined, b: Json | undefined): readonly Json[] {
  const [left, right] = [asList(a), asList(b)];
  const narrow = (types: readonly Json[], others: readonly Json[]): Json[] =>
    types.filter((type) => others.includes(type) || (type === "integer" && others.includes("number")));
  return [...new Set([...narrow(left, right), ...narrow(right, left)])];
}

/**
 * One schema for what both allow; the word that has no such schema, where there is one. Properties of both are joined
 * where neither closes its object, as the other's properties would be closed out.
 */
export function mergeSchemas(
  a: JsonSchema,
  b: JsonSchema,
): { readonly schema: JsonSchema } | { readonly conflict: string } {
  const merged: Record<string, Json> = { ...a };
  const isClosing = (schema: JsonSchema): boolean =>
    schema["additionalProperties"] !== undefined && schema["additionalProperties"] !== true;
  for (const [word, value] of Object.entries(b)) {
    if (word === "__proto__") continue;
    const own = Object.hasOwn(a, word) ? a[word] : undefined;
    const bound = Object.hasOwn(bounds, word) ? bounds[word] : undefined;
    if (own === undefined || annotations.has(word) || isSame(own, value)) {
      if (word === "properties" && isClosing(a)) return { conflict: "additionalProperties" };
      if (word === "additionalProperties" && isClosing(b) && !isSame(own, value)) {
        const outside = Object.keys((a["properties"] ?? {}) as JsonSchema).some(
          (name) => !Object.hasOwn((b["properties"] ?? {}) as JsonSchema, name),
        );
        if (outside) return { conflict: word };
      }
      merged[word] = own ?? value;
    } else if (bound !== undefined) merged[word] = bound(own as number, value as number);
    else if (word === "required") merged[word] = [...new Set([...asList(own), ...asList(value)])];
    else if (word === "type") merged[word] = commonTypes(own, value);
    else if (word === "enum") merged[word] = common(asList(own), asList(value));
    else if (word === "properties" && !isClosing(a) && !isClosing(b)) {
      const [left, right] = [own as JsonSchema, value as JsonSchema];
      const twice = Object.keys(right).find(
        (name) => Object.hasOwn(left, name) && !isSame(left[name], right[name]),
      );
      if (twice !== undefined) return { conflict: `properties/${twice}` };
      merged[word] = { ...left, ...right };
    } else return { conflict: word };
  }
  return { schema: merged };
}

/** Keys by schema: one of several is compared with each of the others. */
const keysOf = new WeakMap<JsonSchema, ReadonlySet<string> | null>();

/** The values that a schema lists, as canonical JSON; null where it lists none. */
function listed(schema: JsonSchema): ReadonlySet<string> | null {
  let keys = keysOf.get(schema);
  if (keys === undefined) {
    const { const: constant, enum: list } = schema;
    const values =
      constant !== undefined ? [constant] : Array.isArray(list) ? (list as readonly Json[]) : null;
    keys = values && new Set(values.map((one) => canonicalJson(one)));
    keysOf.set(schema, keys);
  }
  return keys;
}

function areDisjointLists(a: ReadonlySet<string> | null, b: ReadonlySet<string> | null): boolean {
  if (a === null || b === null) return false;
  const [few, many] = a.size < b.size ? [a, b] : [b, a];
  for (const key of few) if (many.has(key)) return false;
  return true;
}

/** Whether it is certain that no value fits both schemas, references in them resolved by the caller. */
export function areDisjoint(a: JsonSchema, b: JsonSchema): boolean {
  if (areDisjointLists(listed(a), listed(b))) return true;
  if (a["type"] !== undefined && b["type"] !== undefined && commonTypes(a["type"], b["type"]).length === 0)
    return true;
  // Two objects of which a property tells the kind: both must have it, and no value of it fits both.
  if (!isSame(a["type"], "object") || !isSame(b["type"], "object")) return false;
  const [left, right] = [a["properties"], b["properties"]];
  if (!isJsonObject(left) || !isJsonObject(right)) return false;
  const needed = asList(a["required"]).filter((name) => asList(b["required"]).includes(name));
  return needed.some((name) => {
    const [own, other] = [left[String(name)], right[String(name)]];
    return isJsonObject(own) && isJsonObject(other) && areDisjointLists(listed(own), listed(other));
  });
}
