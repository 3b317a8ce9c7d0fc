import assert from "node:assert/strict";
import { after, test } from "node:test";
import fc from "fast-check";
import { LimbeckError } from "../../base/errors.ts";
import type { Json } from "../../base/json.ts";
import type { JsonSchema } from "../../tools/types.ts";
import { answerRandomly, plainRules, sharedCompiler } from "./random-answer.test.support.ts";

after(() => sharedCompiler().close());

/** Compiles a schema and writes the beginning of an answer. */
async function compile(schema: Json): Promise<void> {
  const responseFormat = { type: "json_schema", schema: schema as JsonSchema } as const;
  await answerRandomly(sharedCompiler(), { ...plainRules, responseFormat }, { seed: 1, maxTokens: 4 });
}

test("a word of the wrong type is refused with its place", async () => {
  const bad: readonly (readonly [JsonSchema, RegExp])[] = [
    [{ properties: 3 }, /responseFormat\/properties: .*got 3/],
    [{ properties: { a: 3 } }, /\/properties/],
    [{ properties: { "a/b": { required: true } } }, /\/properties\/a~1b\/required: .*list of texts/],
    [{ required: "a" }, /\/required/],
    [{ items: "x" }, /\/items/],
    [{ enum: 5 }, /\/enum/],
    [{ type: "array", minItems: "a" }, /\/minItems/],
    [{ type: "array", minItems: -1 }, /\/minItems/],
    [{ pattern: 7 }, /\/pattern/],
    [{ format: {} }, /\/format/],
    [{ $defs: [] }, /\/\$defs/],
    [{ $ref: 1 }, /\/\$ref/],
    [{ anyOf: [] }, /\/anyOf/],
    [{ allOf: { type: "object" } }, /\/allOf/],
    [{ minimum: "1" }, /\/minimum/],
    [{ type: 3 }, /\/type/],
    [{ $ref: "#/x/y", x: { y: { required: 3 } } }, /#\/x\/y\/required/],
    [{ $ref: "#/%" }, /\$ref to a part/],
    [{ $ref: "#/constructor" }, /\$ref to a part/],
    [{ allOf: [{ $ref: "#" }] }, /circle of #/],
    [{ $ref: "#/$defs/a", $defs: { a: { type: "object", allOf: [{ $ref: "#/$defs/a" }] } } }, /circle/],
  ];
  for (const [schema, message] of bad)
    await assert.rejects(
      compile(schema),
      { name: "LimbeckError", code: "invalid_request", message },
      JSON.stringify(schema),
    );
  await assert.rejects(compile(3), { code: "invalid_request" });
});

test("depth, long chains and wide ladders of references are refused or compiled, not followed for ever", async () => {
  let deep: JsonSchema = { type: "null" };
  for (let i = 0; i < 5000; i++) deep = { type: "array", items: deep };
  await assert.rejects(compile(deep), { code: "invalid_request" });
  const link = (make: (next: JsonSchema) => JsonSchema, last: JsonSchema) => ({
    $ref: "#/$defs/a0",
    $defs: Object.fromEntries(
      Array.from({ length: 3000 }, (_, i) => [
        `a${i}`,
        i === 2999 ? last : make({ $ref: `#/$defs/a${i + 1}` }),
      ]),
    ),
  });
  for (const make of [
    (next: JsonSchema) => next,
    (next: JsonSchema) => ({ allOf: [next, next] }),
    (next: JsonSchema) => ({ type: "object", anyOf: [next, next] }),
    (next: JsonSchema) => ({ enum: [[1]], items: next }),
  ])
    await compile(link(make, { type: "integer" })).catch((error: unknown) => {
      assert.ok(error instanceof LimbeckError && error.code === "invalid_request", String(error));
    });
});

const words = [
  ...["type", "enum", "const", "$ref", "anyOf", "oneOf", "allOf", "properties", "required", "items"],
  ...["additionalProperties", "minProperties", "maxProperties", "prefixItems", "minItems", "maxItems"],
  ...["uniqueItems", "minLength", "maxLength", "pattern", "format", "minimum", "maximum", "multipleOf"],
  ...["exclusiveMinimum", "exclusiveMaximum", "$defs", "definitions", "not", "title", "constructor"],
] as const;
const names = ["a", "b", "__proto__", "~/", "constructor"] as const;

const { schema } = fc.letrec<{ readonly schema: Json; readonly value: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", maxDepth: 3 },
    fc.constantFrom<Json>(3, -1, 2.5, 1e308, true, false, null, "", "a", "^(a|b)+$", "(", "date", "email"),
    fc.constantFrom<Json>("object", "array", "string", "integer", "number", [], {}, ["a"], ["object"]),
    fc.array(tie("schema"), { maxLength: 2 }),
    fc.dictionary(fc.constantFrom(...names), tie("schema"), { maxKeys: 2 }),
    tie("schema"),
  ),
  schema: fc.oneof(
    { depthSize: "small", maxDepth: 4 },
    fc.constantFrom<Json>({ type: "integer" }, { type: "string", maxLength: 3 }, true),
    fc
      .constantFrom(
        "#",
        "#/$defs/a",
        "#/$defs/b",
        "#/properties/a",
        "#/items",
        "#/anyOf/0",
        "x",
        "#/%",
        "#/a",
      )
      .map(($ref): Json => ({ $ref })),
    fc
      .tuple(tie("schema"), tie("schema"), tie("schema"))
      .map(([a, b, c]): Json => ({ properties: { a, b }, items: c, required: ["a"], $defs: { a: c, b: a } })),
    fc
      .tuple(fc.constantFrom("anyOf", "allOf", "oneOf"), fc.array(tie("schema"), { maxLength: 3 }))
      .map(([word, list]): Json => ({ [word]: list })),
    fc.dictionary(fc.constantFrom<string>(...words), tie("value"), { maxKeys: 3 }),
  ),
}));

test("whatever a schema is, it compiles or is an invalid request, soon", async () => {
  const start = performance.now();
  let compiled = 0;
  await fc.assert(
    fc.asyncProperty(schema, async (one) => {
      try {
        await compile(one);
        compiled++;
      } catch (error) {
        assert.ok(error instanceof LimbeckError && error.code === "invalid_request", String(error));
      }
    }),
    { numRuns: 400 },
  );
  assert.ok(compiled >= 40, `${compiled} compiled`);
  assert.ok(performance.now() - start < 20_000);
});
