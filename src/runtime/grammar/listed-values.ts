import { canonicalJson, isJsonObject, type Json } from "../../base/json.ts";
import type { JsonSchema } from "../../tools/types.ts";
import { type Automaton, follow } from "./automaton.ts";
import { textShapes } from "./formats.ts";
import type { Pattern, PatternArena } from "./pattern.ts";

/** Makes the error of a schema that cannot be enforced: its place, what was expected there, what stood there. */
export type Refuse = (path: string, expected: string, got: string) => Error;

/** Words that say something about a listed value and are not read here. */
const unread = ["$ref", "anyOf", "oneOf", "allOf", "uniqueItems"];

const utf8 = new TextEncoder();
const countOf = (value: Json | undefined, otherwise: number): number =>
  typeof value === "number" ? value : otherwise;

/**
 * Decides which listed values meet the other words of their schema, in time that grows with the value alone: patterns
 * come from strangers and are followed by an automaton, as a RegExp may take for ever. Error: `refuse(…)` for words that
 * are not read here.
 */
export function createListedFit(
  arena: PatternArena,
  refuse: Refuse,
  build: (pattern: Pattern, refuse: () => Error) => Automaton | null,
): (value: Json, schema: JsonSchema, path: string) => boolean {
  const automata = new Map<JsonSchema, Automaton | null>();

  /** The automaton of pattern and format; null where no text has such a shape. */
  const shapeOf = (schema: JsonSchema, path: string): Automaton | null => {
    const known = automata.get(schema);
    if (known !== undefined) return known;
    const shapes = textShapes(arena, schema, (word, expected, got) =>
      refuse(`${path}/${word}`, expected, got),
    );
    const all = arena.not(arena.none);
    const made = build(arena.both(all, ...shapes), () =>
      refuse(path, "patterns of moderate size", "too large ones"),
    );
    automata.set(schema, made);
    return made;
  };

  const hasShape = (text: string, schema: JsonSchema, path: string): boolean => {
    if (schema["pattern"] === undefined && schema["format"] === undefined) return true;
    const automaton = shapeOf(schema, path);
    if (automaton === null) return false;
    let state = 0;
    for (const byte of utf8.encode(JSON.stringify(text).slice(1, -1))) {
      state = follow(automaton, state, byte);
      if (state < 0) return false;
    }
    return automaton.states[state]!.isEnd;
  };

  const isWithin = (count: number, least: Json | undefined, most: Json | undefined): boolean =>
    count >= countOf(least, 0) && count <= countOf(most, Number.POSITIVE_INFINITY);

  const fitsText = (text: string, schema: JsonSchema, path: string): boolean =>
    isWithin(Array.from(text).length, schema["minLength"], schema["maxLength"]) &&
    hasShape(text, schema, path);

  const fitsNumber = (value: number, schema: JsonSchema): boolean => {
    const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
    return (
      isWithin(value, countOf(minimum, Number.NEGATIVE_INFINITY), maximum) &&
      value > countOf(exclusiveMinimum, Number.NEGATIVE_INFINITY) &&
      value < countOf(exclusiveMaximum, Number.POSITIVE_INFINITY) &&
      Number.isInteger(value / countOf(multipleOf, value === 0 ? 1 : value))
    );
  };

  const fitsList = (list: readonly Json[], schema: JsonSchema, path: string): boolean => {
    const { items = true, prefixItems } = schema;
    const first = Array.isArray(prefixItems) ? (prefixItems as readonly Json[]) : [];
    return (
      isWithin(list.length, schema["minItems"], schema["maxItems"]) &&
      list.every((item, i) => fits(item, first[i] ?? items, `${path}/${i < first.length ? i : "items"}`))
    );
  };

  const fitsObject = (value: JsonSchema, schema: JsonSchema, path: string): boolean => {
    const { properties, required, additionalProperties = true } = schema;
    const given = isJsonObject(properties) ? properties : {};
    const names = Object.keys(value);
    const needed = Array.isArray(required) ? (required as readonly Json[]) : [];
    return (
      isWithin(names.length, schema["minProperties"], schema["maxProperties"]) &&
      needed.every((name) => Object.hasOwn(value, String(name))) &&
      names.every((name) => {
        const member = Object.hasOwn(given, name) ? given[name]! : additionalProperties;
        return fits(value[name]!, member, `${path}/properties/${name}`);
      })
    );
  };

  const isOfType = (value: Json, type: Json): boolean => {
    if (type === "integer") return Number.isInteger(value);
    if (value === null) return type === "null";
    return Array.isArray(value) ? type === "array" : typeof value === type;
  };

  const fits = (value: Json, schema: Json, path: string): boolean => {
    if (!isJsonObject(schema)) return schema === true;
    const word = unread.find((one) => schema[one] !== undefined);
    if (word !== undefined) throw refuse(path, "simple words beside listed values", word);
    const { type, enum: list, const: constant } = schema;
    const types = (Array.isArray(type) ? type : [type ?? []]).flat() as readonly Json[];
    if (types.length > 0 && !types.some((one) => isOfType(value, one))) return false;
    const isSame = (other: Json): boolean => canonicalJson(other) === canonicalJson(value);
    if (constant !== undefined && !isSame(constant)) return false;
    if (Array.isArray(list) && !(list as readonly Json[]).some(isSame)) return false;
    if (typeof value === "string") return fitsText(value, schema, path);
    if (typeof value === "number") return fitsNumber(value, schema);
    if (Array.isArray(value)) return fitsList(value as readonly Json[], schema, path);
    return isJsonObject(value) ? fitsObject(value, schema, path) : true;
  };
  return fits;
}
