import { isJsonObject, type Json } from "../../base/json.ts";
import type { JsonSchema } from "../../tools/types.ts";
import type { Refuse } from "./listed-values.ts";

/** Words of the draft, and of drafts before it that the validator still heeds, which no grammar here enforces. */
export const unenforced = [
  "not",
  "if",
  "then",
  "else",
  "dependentRequired",
  "dependentSchemas",
  "dependencies",
  "patternProperties",
  "propertyNames",
  "contains",
  "minContains",
  "maxContains",
  "unevaluatedProperties",
  "unevaluatedItems",
  "$dynamicRef",
  "$anchor",
  "$dynamicAnchor",
];

interface Shape {
  readonly expected: string;
  fits(value: Json): boolean;
  /** The schemas in a value that fits, each with its place behind the word. */
  members?(value: Json): readonly (readonly [place: string, member: Json])[];
}

const isText = (value: Json): boolean => typeof value === "string";
const isSchema = (value: Json): boolean => typeof value === "boolean" || isJsonObject(value);
const isListOf = (value: Json, fits: (one: Json) => boolean): boolean =>
  Array.isArray(value) && (value as readonly Json[]).every(fits);

const text: Shape = { expected: "a text", fits: isText };
const texts: Shape = { expected: "a list of texts", fits: (value) => isListOf(value, isText) };
const count: Shape = {
  expected: "a whole number from 0 on",
  fits: (value) => Number.isInteger(value) && (value as number) >= 0,
};
const number: Shape = { expected: "a number", fits: (value) => Number.isFinite(value) };
const itself = (value: Json) => [["", value] as const];
const each = (value: Json) => (value as readonly Json[]).map((one, i) => [`/${i}`, one] as const);
const schema: Shape = { expected: "a schema", fits: isSchema, members: itself };
const schemas: Shape = {
  expected: "one or more schemas",
  fits: (value) => isListOf(value, isSchema) && (value as readonly Json[]).length > 0,
  members: each,
};
const named: Shape = {
  expected: "an object of schemas",
  fits: (value) => isJsonObject(value) && Object.values(value).every(isSchema),
  members: (value) =>
    Object.entries(value as JsonSchema).map(([name, one]) => [
      `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`,
      one,
    ]),
};

/** What the words that are read must be. What only informs may be anything. */
const shapes: ReadonlyMap<string, Shape> = new Map([
  ["$ref", text],
  [
    "type",
    { expected: "a type, or a list of such", fits: (value) => isText(value) || isListOf(value, isText) },
  ],
  ["enum", { expected: "a list of values", fits: (value) => Array.isArray(value) }],
  ["anyOf", schemas],
  ["oneOf", schemas],
  ["allOf", schemas],
  ["$defs", named],
  ["definitions", named],
  ["properties", named],
  ["required", texts],
  ["additionalProperties", schema],
  ["minProperties", count],
  ["maxProperties", count],
  // A list is of an earlier draft, and refused as such where it is read.
  [
    "items",
    {
      expected: "a schema",
      fits: (value) => isSchema(value) || isListOf(value, isSchema),
      members: (value) => (Array.isArray(value) ? each(value) : itself(value)),
    },
  ],
  [
    "prefixItems",
    { expected: "a list of schemas", fits: (value) => isListOf(value, isSchema), members: each },
  ],
  ["minItems", count],
  ["maxItems", count],
  ["uniqueItems", { expected: "true or false", fits: (value) => typeof value === "boolean" }],
  ["minLength", count],
  ["maxLength", count],
  ["pattern", text],
  ["format", text],
  ["minimum", number],
  ["maximum", number],
  ["exclusiveMinimum", number],
  ["exclusiveMaximum", number],
  [
    "multipleOf",
    { expected: "a number above 0", fits: (value) => Number.isFinite(value) && (value as number) > 0 },
  ],
]);

/**
 * Checks that every word in a schema and in those inside it is what the language says. Schemas in `known` are passed
 * over; those that pass are added to it. Error: `refuse(…)` with the place of the first word that is not.
 */
export function checkShape(root: Json, where: string, refuse: Refuse, known: WeakSet<object>): void {
  const waiting: [Json, string][] = [[root, where]];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const [at, path] = next;
    if (!isSchema(at)) throw refuse(path, "a schema", JSON.stringify(at)?.slice(0, 100));
    if (!isJsonObject(at) || known.has(at)) continue;
    known.add(at);
    for (const [word, value] of Object.entries(at)) {
      const shape = shapes.get(word);
      if (shape === undefined || value === undefined) continue;
      if (!shape.fits(value))
        throw refuse(`${path}/${word}`, shape.expected, JSON.stringify(value).slice(0, 100));
      for (const [place, member] of shape.members?.(value) ?? [])
        waiting.push([member, `${path}/${word}${place}`]);
    }
  }
}

/** The part that a reference (#/…) names; undefined where there is none. */
export function partAt(root: Json, reference: string): Json | undefined {
  let at: Json | undefined = root;
  for (const step of reference.split("/").slice(1)) {
    let name: string;
    try {
      name = decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~");
    } catch {
      return undefined;
    }
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, name)) return undefined;
    at = (at as { readonly [name: string]: Json })[name];
  }
  return at;
}

/** Whether JSON is nested deeper than `most`. */
export function isDeeper(value: unknown, most: number): boolean {
  let layer: unknown[] = [value];
  for (let depth = 0; layer.length > 0; depth++) {
    if (depth > most) return true;
    const inner: unknown[] = [];
    for (const one of layer)
      if (one !== null && typeof one === "object") for (const part of Object.values(one)) inner.push(part);
    layer = inner;
  }
  return false;
}
