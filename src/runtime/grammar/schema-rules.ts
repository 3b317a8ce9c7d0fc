import { LimbeckError } from "../../base/errors.ts";
import { isJsonObject, type Json } from "../../base/json.ts";
import { pythonJson } from "../../tools/python-json.ts";
import type { JsonSchema } from "../../tools/types.ts";
import { type Automaton, createAutomaton, measureRoom } from "./automaton.ts";
import { makeFinite } from "./finite-rules.ts";
import { textShapes } from "./formats.ts";
import { anyCharacter, plainCharacter } from "./json-text.ts";
import { createListedFit } from "./listed-values.ts";
import { numberPattern } from "./number-text.ts";
import { createPatternArena, type Pattern } from "./pattern.ts";
import { call, literal, type Part, type Rule } from "./rules.ts";
import { areDisjoint, isListOfTexts, mergeSchemas, restrictions } from "./schema-merge.ts";
import { checkShape, partAt, unenforced } from "./schema-shape.ts";

/** Between items and between key and value: how the model at hand writes JSON. */
export type Separators = readonly [item: string, key: string];

const types = ["object", "array", "string", "number", "integer", "boolean", "null"] as const;
type JsonType = (typeof types)[number];

/** The words that this file knows, by the type that they restrict; "any" restricts every type. */
const words: Readonly<Record<JsonType | "any", readonly string[]>> = {
  any: ["type", "enum", "const", "$ref", "anyOf", "oneOf", "allOf"],
  object: ["properties", "required", "additionalProperties", "minProperties", "maxProperties"],
  array: ["items", "prefixItems", "minItems", "maxItems", "uniqueItems"],
  string: ["minLength", "maxLength", "pattern", "format"],
  number: ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"],
  integer: [],
  boolean: [],
  null: [],
};

/** Lists are written out item by item up to here; a longer one is not made, which is narrower, never wider. */
const mostItems = 256;

/** Schemas come from strangers: one of more parts, deeper, or with more properties that may be absent, is refused. */
const mostSchemas = 20_000;
const deepest = 200;
const mostOptional = 200;
/** Each of these is compared with each other. */
const mostOneOf = 500;
/** Terms of patterns that may be looked at for one grammar: a few seconds of a slow machine. */
const mostWork = 8_000_000;
/** What measuring a state costs beside making it, in such terms. */
const stateWork = 8;

/** Turns JSON schemas into rules. A grammar may be narrower than its schema; it is never wider. */
export interface SchemaRules {
  /** Text of JSON that `schema` allows. `where` names it in errors. Error: `invalid_request` naming place and word. */
  add(schema: JsonSchema, where: string): Rule;
  /** Says that another grammar begins: what all its schemas may cost together is limited. */
  begin(): void;
  /** Whether so much is remembered that one begins better with new rules. */
  readonly isWorn: boolean;
  /** Any JSON object. */
  readonly anyObject: Rule;
}

export function createSchemaRules([itemSeparator, keySeparator]: Separators): SchemaRules {
  const arena = createPatternArena();
  const anyChar = anyCharacter(arena);
  const quoted = (body: Pattern): Pattern => arena.sequence(arena.literal('"'), body, arena.literal('"'));
  const plainCharacters = arena.repeat(plainCharacter(arena, [[0, 0x10ffff]]));

  const fail = (path: string, expected: string, got: string): LimbeckError =>
    new LimbeckError("invalid_request", `schema at ${path}: expected ${expected}, got ${got}`, {
      cure: 'Change the schema, or offer the tool with "strict": false: then its arguments are any JSON object.',
      fields: { path },
    });

  let worked = 0;
  const build = (pattern: Pattern, refuse: () => Error): Automaton | null => {
    const made = createAutomaton(arena, pattern, refuse, worked + mostWork);
    worked -= (made?.states.length ?? 0) * stateWork;
    return made;
  };
  const fitsListed = createListedFit(arena, fail, build);
  const texts = new Map<Pattern, Part>();
  const text = (pattern: Pattern, path: string): Part => {
    const known = texts.get(pattern);
    if (known !== undefined) return known;
    const refuse = (): LimbeckError => fail(path, "patterns and lengths of moderate size", "too large ones");
    const exact = build(pattern, refuse);
    if (exact === null) throw fail(path, "something that a value can be", "conditions that no value meets");
    const widened = arena.widen(pattern);
    const wide = widened === pattern ? exact : build(widened, refuse)!;
    const part: Part = { kind: "text", exact, wide, room: measureRoom(exact, wide) };
    texts.set(pattern, part);
    return part;
  };
  const choiceOf = (...alternatives: Part[][]): Rule => ({ alternatives });
  const write = (value: Json): string => pythonJson(value, { separators: [itemSeparator, keySeparator] });

  const anyValue: Rule = { alternatives: [] };
  const anyString = text(quoted(arena.repeat(anyChar)), "any");
  const anyNumber = text(numberPattern(arena, { isInteger: false, bounds: {} })!, "any");

  /** Items in a row, each behind a separator; `closing` ends it. A row without a `most` goes on for ever. */
  const row = (
    item: readonly Part[],
    least: number,
    most: number,
    opening: string,
    closing: string,
  ): Rule => {
    const isEndless = most === Number.POSITIVE_INFINITY;
    const last: Rule = { alternatives: [[literal(closing)]] };
    if (isEndless) last.alternatives.push([literal(itemSeparator), ...item, call(last)]);
    let rest = last;
    const counted = Math.min(isEndless ? least : most, mostItems);
    for (let n = counted - 1; n >= 1; n--) {
      const more = [literal(itemSeparator), ...item, call(rest)];
      rest = choiceOf(...(n >= least ? [[literal(closing)]] : []), more);
    }
    const none = [literal(opening + closing)];
    const some = [literal(opening), ...item, call(rest)];
    return choiceOf(...(least === 0 ? [none] : []), ...(most > 0 ? [some] : []));
  };

  const anyObject = row([anyString, literal(keySeparator), call(anyValue)], 0, Infinity, "{", "}");
  const anyArray = row([call(anyValue)], 0, Infinity, "[", "]");
  const byType: { readonly [T in "string" | "number" | "boolean" | "null" | "object" | "array"]: Part[] } = {
    string: [anyString],
    number: [anyNumber],
    boolean: [call(choiceOf([literal("true")], [literal("false")]))],
    null: [literal("null")],
    object: [call(anyObject)],
    array: [call(anyArray)],
  };
  anyValue.alternatives.push(...Object.values(byType));

  const add = (root: JsonSchema, where: string): Rule => {
    const references = new Map<string, Rule>();
    let schemas = 0;
    let depth = 0;

    const isShaped = new WeakSet<object>();

    const resolve = (reference: string, path: string): Json => {
      if (!/^#(\/|$)/.test(reference)) throw fail(path, "a $ref inside the schema (#/…)", reference);
      const at = partAt(root, reference);
      if (at === undefined) throw fail(path, "a $ref to a part of the schema", reference);
      if (typeof at !== "boolean" && !isJsonObject(at)) throw fail(path, "a $ref to a schema", reference);
      checkShape(at, reference, fail, isShaped);
      return at;
    };

    /** The schema with references and `allOf` at the top replaced by what they say. */
    const joined = (schema: JsonSchema, path: string, seen: readonly string[] = []): JsonSchema => {
      const { $ref: reference, allOf, ...others } = schema;
      if (reference === undefined && allOf === undefined) return schema;
      count(path);
      depth++;
      let all: JsonSchema = others;
      if (reference !== undefined) {
        const name = String(reference);
        if (seen.includes(name)) throw fail(path, "a $ref that ends somewhere", `the circle of ${name}`);
        const target = resolve(name, path);
        all = merge(all, joined(objectOf(target, path), path, [...seen, name]), path);
      }
      for (const [i, member] of ((allOf ?? []) as readonly Json[]).entries()) {
        const place = `${path}/allOf/${i}`;
        all = merge(all, joined(objectOf(member, place), place, seen), path);
      }
      depth--;
      return all;
    };

    const objectOf = (schema: Json, path: string): JsonSchema => {
      if (schema === true) return {};
      if (isJsonObject(schema)) return schema;
      throw fail(path, "a schema that a value can fit", JSON.stringify(schema));
    };

    const merge = (a: JsonSchema, b: JsonSchema, path: string): JsonSchema => {
      const merged = mergeSchemas(a, b);
      if ("schema" in merged) return merged.schema;
      throw fail(path, "conditions that can be joined to one", `two of ${merged.conflict}`);
    };

    const count = (path: string): void => {
      if (++schemas <= mostSchemas && depth < deepest) return;
      throw fail(path.slice(0, 200), `at most ${mostSchemas} schemas, ${deepest} deep`, "more");
    };

    const value = (schema: Json | undefined, path: string): Part[] => {
      count(path);
      depth++;
      const parts = restricted(schema, path);
      depth--;
      return parts;
    };

    const restricted = (schema: Json | undefined, path: string): Part[] => {
      if (schema === true || schema === undefined) return [call(anyValue)];
      if (!isJsonObject(schema)) throw fail(path, "a schema that a value can fit", JSON.stringify(schema));
      const bad = unenforced.find((word) => schema[word] !== undefined);
      if (bad !== undefined) throw fail(path, "words that a grammar can enforce", bad);
      const reference = schema["$ref"];
      if (typeof reference === "string" && restrictions(schema).length === 1) {
        return [call(referenced(reference, path))];
      }
      return unfolded(joined(schema, path), path);
    };

    /** Made once, and before what it holds: schemas may refer to themselves. */
    const referenced = (reference: string, path: string): Rule => {
      const known = references.get(reference);
      if (known !== undefined) return known;
      const rule: Rule = { alternatives: [] };
      references.set(reference, rule);
      joined({ $ref: reference }, path);
      rule.alternatives.push(value(resolve(reference, path), reference));
      return rule;
    };

    const unfolded = (schema: JsonSchema, path: string): Part[] => {
      const bad = unenforced.find((word) => schema[word] !== undefined);
      if (bad !== undefined) throw fail(path, "words that a grammar can enforce", bad);
      for (const word of ["anyOf", "oneOf"] as const) {
        const { [word]: options, ...others } = schema;
        if (options === undefined) continue;
        const isAlone = restrictions(others).length === 0;
        const members = (options as readonly Json[]).map((option, i): JsonSchema => {
          const member = objectOf(option, `${path}/${word}/${i}`);
          return isAlone && word === "anyOf" ? member : joined(member, `${path}/${word}/${i}`);
        });
        if (word === "oneOf") {
          if (members.length > mostOneOf)
            throw fail(`${path}/oneOf`, `at most ${mostOneOf} schemas`, String(members.length));
          for (const [i, member] of members.entries())
            if (members.slice(0, i).some((earlier) => !areDisjoint(earlier, member)))
              throw fail(
                `${path}/oneOf`,
                "schemas of which no value fits two (by type, enum or a constant)",
                "others",
              );
        }
        const alternatives = members.map((member, i) => {
          const whole = isAlone ? member : merge(others, member, path);
          return value(whole, `${path}/${word}/${i}`);
        });
        return [call(choiceOf(...alternatives))];
      }
      if (schema["const"] !== undefined || schema["enum"] !== undefined) return listed(schema, path);
      const chosen = typesOf(schema, path);
      if (chosen === null) return [call(anyValue)];
      const parts = chosen.map((type) => builders[type](schema, path));
      return parts.length === 1 ? parts[0]! : [call(choiceOf(...parts))];
    };

    /** The types that are written; null: any. A type that is not given is told by the words that restrict one. */
    const typesOf = (schema: JsonSchema, path: string): readonly JsonType[] | null => {
      const given = schema["type"];
      if (given === undefined) {
        const told = types.filter((type) => words[type].some((word) => schema[word] !== undefined));
        return told.length === 0 ? null : told;
      }
      const list = (Array.isArray(given) ? given : [given]) as readonly Json[];
      const known = types.filter((type) => list.includes(type));
      if (known.length === 0 || known.length < new Set(list).size) {
        throw fail(`${path}/type`, `one or more of ${types.join(", ")}`, JSON.stringify(given));
      }
      return known.includes("number") ? known.filter((type) => type !== "integer") : known;
    };

    const listed = (schema: JsonSchema, path: string): Part[] => {
      const { const: constant, enum: list } = schema;
      const values = constant === undefined ? (list as readonly Json[]) : [constant];
      const { enum: _, ...others } = schema;
      const alone = constant === undefined ? others : schema;
      const fitting = isListOfTexts(schema) ? values : values.filter((one) => fitsListed(one, alone, path));
      if (fitting.length === 0) {
        const none = "an enum of which no value meets the other conditions";
        throw fail(path, "something that a value can be", none);
      }
      const pattern = arena.choice(...fitting.map((one) => arena.literal(write(one))));
      return [text(pattern, path)];
    };

    const object = (schema: JsonSchema, path: string): Part[] => {
      const { properties, additionalProperties, minProperties, maxProperties } = schema;
      const given = isJsonObject(properties) ? properties : {};
      const required = ((schema["required"] ?? []) as readonly Json[]).map(String);
      const isRequired = new Set(required);
      // A schema that names properties and does not speak of others is taken to name them all.
      const isOpen =
        properties === undefined
          ? additionalProperties !== false
          : additionalProperties !== undefined && additionalProperties !== false;
      const declared = Object.entries(given).filter(
        ([name, member]) => member !== false || isRequired.has(name),
      );
      for (const name of required.filter((one) => !Object.hasOwn(given, one))) {
        if (additionalProperties === false)
          throw fail(path, `no more than the properties`, `required ${name}`);
        declared.push([name, additionalProperties ?? true]);
      }
      const optional = declared.length - declared.filter(([name]) => isRequired.has(name)).length;
      if (optional > mostOptional) {
        throw fail(path, `at most ${mostOptional} properties that may be absent`, String(optional));
      }
      const least = (minProperties ?? 0) as number;
      const most = (maxProperties ?? Number.POSITIVE_INFINITY) as number;
      const extra: Part[] | null = isOpen
        ? [
            key(declared, path),
            literal(keySeparator),
            ...value(additionalProperties ?? true, `${path}/additionalProperties`),
          ]
        : null;
      if (declared.length === 0 && extra !== null) {
        // One key may come twice and counts once.
        if (least > 1) throw fail(path, "minProperties of at most 1 where keys are free", String(least));
        return [call(row(extra, least, most, "{", "}"))];
      }
      if (least > required.length || most < declared.length + (extra ? Number.POSITIVE_INFINITY : 0)) {
        const range = `${least} to ${most}`;
        throw fail(
          path,
          "a number of properties that follows from their names",
          `${range} by minProperties, maxProperties`,
        );
      }
      const members = declared.map(([name, member]) => ({
        isRequired: isRequired.has(name),
        parts: [literal(write(name) + keySeparator), ...value(member, `${path}/properties/${name}`)],
      }));
      return [call(objectRule(members, extra))];
    };

    /** A key that is none of the declared ones, in its one plain spelling. */
    const key = (declared: readonly (readonly [string, Json])[], path: string): Part => {
      if (declared.length === 0) return anyString;
      const others = arena.choice(...declared.map(([name]) => arena.literal(JSON.stringify(name))));
      return text(arena.both(quoted(plainCharacters), arena.not(others)), path);
    };

    const array = (schema: JsonSchema, path: string): Part[] => {
      const { items, prefixItems, minItems, maxItems, uniqueItems } = schema;
      const least = (minItems ?? 0) as number;
      const most = Math.min(
        (maxItems ?? Number.POSITIVE_INFINITY) as number,
        items === false ? 0 : Number.POSITIVE_INFINITY,
      );
      if (uniqueItems === true && ((maxItems ?? 2) as number) > 1) {
        throw fail(path, "words that a grammar can enforce", "uniqueItems");
      }
      if (least > mostItems || least > ((maxItems ?? least) as number)) {
        throw fail(path, `minItems of at most ${mostItems} and maxItems`, String(least));
      }
      if (Array.isArray(items)) throw fail(`${path}/items`, "one schema (several are prefixItems)", "a list");
      if (Array.isArray(prefixItems)) {
        const first = (prefixItems as readonly Json[]).map((one, i) =>
          value(one, `${path}/prefixItems/${i}`),
        );
        return [
          call(
            tuple(
              first,
              items === false ? null : value(items, `${path}/items`),
              least,
              (maxItems ?? Infinity) as number,
              path,
            ),
          ),
        ];
      }
      if (most < least) throw fail(path, "something that a value can be", "items of false and minItems");
      if (most === 0) return [literal("[]")];
      return [call(row(value(items, `${path}/items`), least, most, "[", "]"))];
    };

    const tuple = (
      first: readonly Part[][],
      item: Part[] | null,
      least: number,
      most: number,
      path: string,
    ): Rule => {
      const named = Math.min(first.length, most);
      if (item === null && least > named)
        throw fail(path, "something that a value can be", "too few prefixItems");
      const endless: Rule = { alternatives: [[literal("]")]] };
      const counted = Math.max(item === null ? named : Math.min(most, mostItems), named);
      const isEndless = item !== null && most === Number.POSITIVE_INFINITY;
      if (isEndless) endless.alternatives.push([literal(itemSeparator), ...item, call(endless)]);
      let rest: Rule = endless;
      for (let n = (isEndless ? Math.max(named, least) : counted) - 1; n >= 0; n--) {
        const opening = literal(n === 0 ? "[" : itemSeparator);
        const more = [opening, ...(first[n] ?? item!), call(rest)];
        const end = literal(n === 0 ? "[]" : "]");
        rest = choiceOf(...(n >= least ? [[end]] : []), more);
      }
      return named === 0 && rest === endless ? choiceOf([literal("["), call(endless)]) : rest;
    };

    const string = (schema: JsonSchema, path: string): Part[] => {
      const { minLength, maxLength } = schema;
      const [least, most] = [(minLength ?? 0) as number, (maxLength ?? Number.POSITIVE_INFINITY) as number];
      if (least > most) throw fail(path, "something that a value can be", "minLength above maxLength");
      const shaped = textShapes(arena, schema, (word, expected, got) =>
        fail(`${path}/${word}`, expected, got),
      );
      const isCounted = least > 0 || most < Number.POSITIVE_INFINITY;
      if (shaped.length === 0) return [text(quoted(arena.repeat(anyChar, least, most)), path)];
      // Each character has one spelling in both, so that the two can be laid over each other.
      if (isCounted) shaped.push(arena.repeat(plainCharacter(arena, [[0, 0x10ffff]]), least, most));
      return [text(quoted(arena.both(...shaped)), path)];
    };

    const number = (schema: JsonSchema, path: string, isInteger: boolean): Part[] => {
      const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
      const whole = isInteger || multipleOf === 1;
      if (multipleOf !== undefined && multipleOf !== 1) {
        throw fail(path, "words that a grammar can enforce", "multipleOf");
      }
      const bounds = { minimum, maximum, exclusiveMinimum, exclusiveMaximum };
      const strange = Object.values(bounds).find((bound) => bound !== undefined && typeof bound !== "number");
      const pattern =
        strange === undefined
          ? numberPattern(arena, { isInteger: whole, bounds: bounds as Record<string, number | undefined> })
          : null;
      if (pattern === null) {
        throw fail(path, "bounds of at most 15 decimal digits", JSON.stringify(bounds));
      }
      return [text(pattern, path)];
    };

    const builders: { readonly [T in JsonType]: (schema: JsonSchema, path: string) => Part[] } = {
      object,
      array,
      string,
      number: (schema, path) => number(schema, path, false),
      integer: (schema, path) => number(schema, path, true),
      boolean: () => byType.boolean,
      null: () => byType.null,
    };

    checkShape(root, where, fail, isShaped);
    const rule: Rule = { alternatives: [] };
    references.set("#", rule);
    rule.alternatives.push(value(root, where));
    makeFinite(rule);
    if (rule.alternatives.length === 0)
      throw fail(where, "a schema of finite values", "one that has no finite value");
    return rule;
  };

  /** Properties in the order of the schema, each once, the optional ones or not, then others if any may follow. */
  const objectRule = (
    members: readonly { readonly isRequired: boolean; readonly parts: Part[] }[],
    extra: Part[] | null,
  ): Rule => {
    const rests: Rule[] = members.map(() => ({ alternatives: [] }));
    const last: Rule = { alternatives: [[literal("}")]] };
    if (extra) last.alternatives.push([literal(itemSeparator), ...extra, call(last)]);
    rests.push(last);
    /** What may come from member `from` on, each begun by `opening`. */
    const from = (at: number, opening: string): Part[][] => {
      const options: Part[][] = [];
      for (let i = at; i < members.length; i++) {
        const { isRequired, parts } = members[i]!;
        options.push([literal(opening), ...parts, call(rests[i + 1]!)]);
        if (isRequired) return options;
      }
      if (extra) options.push([literal(opening), ...extra, call(last)]);
      options.push([literal(opening === "{" ? "{}" : "}")]);
      return options;
    };
    for (let i = 0; i < members.length; i++) rests[i]!.alternatives.push(...from(i, itemSeparator));
    return { alternatives: from(0, "{") };
  };

  return {
    add,
    begin: () => {
      worked = arena.work;
    },
    get isWorn() {
      return arena.work > mostWork / 4;
    },
    anyObject,
  };
}
