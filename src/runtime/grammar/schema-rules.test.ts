import assert from "node:assert/strict";
import { after, test } from "node:test";
import fc from "fast-check";
import type { JsonSchema } from "../../tools/types.ts";
import { createCallValidator } from "../../tools/validator.ts";
import { answerRandomly, plainRules, sharedCompiler, valueRules } from "./random-answer.test.support.ts";
import { loadXgrammar } from "./xgrammar.ts";

after(() => sharedCompiler().close());

const maxTokens = 120;

/** Answers of a random model that end in time parse and are valid; returns how many ended. */
async function check(value: JsonSchema | boolean, seeds: readonly number[], more = {}): Promise<number> {
  const rules = valueRules(value, more);
  const validator = createCallValidator([
    { type: "function", function: { name: "t", parameters: rules.schema } },
  ]);
  let ended = 0;
  for (const seed of seeds) {
    const callFormat = seed % 2 === 0 ? "limbeck" : "hermes";
    const { text, isEnded } = await answerRandomly(
      sharedCompiler(),
      { ...rules, callFormat },
      { seed, maxTokens },
    );
    if (!isEnded) continue;
    ended++;
    const verdict = validator.validate({ name: "t", arguments: JSON.parse(text) });
    assert.ok(verdict.valid, `${JSON.stringify(value)}: ${text}: ${JSON.stringify(verdict)}`);
  }
  return ended;
}

const text = { type: "string" };
const supported: readonly (JsonSchema | boolean)[] = [
  true,
  {},
  { type: "string", minLength: 5, maxLength: 8 },
  { type: "string", maxLength: 0 },
  { type: "string", minLength: 12, maxLength: 300 },
  { type: "string", pattern: "^[A-Z]{3}-\\d{4}$" },
  { type: "string", pattern: '^"|é$', maxLength: 30 },
  { type: "string", format: "date-time" },
  { type: "string", format: "email" },
  { type: "string", format: "hostname" },
  { type: "string", format: "uri" },
  { type: "string", format: "ipv4", maxLength: 9 },
  { type: "string", format: "one that nobody knows" },
  { type: "integer", minimum: 1, maximum: 10 },
  { type: "number", exclusiveMinimum: -0.5, maximum: 99.95 },
  { type: "number", maximum: Number.MAX_SAFE_INTEGER },
  { type: ["integer", "boolean", "null"], maximum: 3 },
  { type: "array", items: { type: "integer" }, minItems: 2, maxItems: 4 },
  { type: "array", prefixItems: [text, { type: "integer" }], items: false, minItems: 1 },
  { type: "array", prefixItems: [{ type: "boolean" }], items: { type: "null" }, minItems: 3, maxItems: 5 },
  { enum: ["red", "reddish", 3, null, { a: [1, "é\n"] }, 1e-7] },
  { type: "string", enum: ["aa", "b", 3], maxLength: 1 },
  { const: 'x"y' },
  { anyOf: [{ type: "string", maxLength: 5 }, { type: "integer" }] },
  {
    oneOf: [
      { type: "object", properties: { k: { const: "a" }, x: text }, required: ["k"] },
      { type: "object", properties: { k: { const: "b" } }, required: ["k"] },
    ],
  },
  { allOf: [{ type: "integer", minimum: 3 }, { maximum: 6 }] },
  { type: "object", properties: { a: text, b: { type: "integer" } }, required: ["b"] },
  { type: "object", properties: { ab: { type: "integer" } }, additionalProperties: { type: "boolean" } },
  { type: "object", additionalProperties: { type: "integer" }, minProperties: 1, maxProperties: 3 },
  { type: "object", properties: { a: text, b: text }, anyOf: [{ required: ["a"] }, { required: ["b"] }] },
  { type: "object", required: ["z"], properties: { a: false } },
  { $ref: "#/$defs/node" },
  { $ref: "#/$defs/small", maximum: 5 },
];
const $defs = {
  node: {
    type: "object",
    properties: { value: { type: "integer" }, next: { anyOf: [{ $ref: "#/$defs/node" }, { type: "null" }] } },
    required: ["value", "next"],
  },
  small: { type: "integer", minimum: 2 },
};

test("what a random model writes under a schema is valid, and comes to its end", async () => {
  for (const [seed, schema] of supported.entries())
    assert.equal(await check(schema, [seed], { $defs }), 1, JSON.stringify(schema));
});

const schemas: fc.Arbitrary<JsonSchema> = fc.letrec<{ readonly schema: JsonSchema }>((tie) => {
  const small = fc.integer({ min: 0, max: 6 });
  const between = (least: string, most: string): fc.Arbitrary<JsonSchema> =>
    fc
      .tuple(small, small, fc.boolean())
      .map(([a, b, isBounded]): JsonSchema => (isBounded ? { [least]: a, [most]: a + b } : {}));
  const name = fc.constantFrom("a", "ab", "b", "c d", 'q"', "é");
  return {
    schema: fc.oneof(
      { maxDepth: 3, depthSize: "small" },
      fc.constantFrom<JsonSchema>(
        { type: "boolean" },
        { type: "null" },
        { enum: ["x", 1, null] },
        { const: [1] },
      ),
      between("minLength", "maxLength").map((counts) => ({ type: "string", ...counts })),
      between("minimum", "maximum").map((counts) => ({ type: "integer", ...counts })),
      between("exclusiveMinimum", "maximum").map(({ exclusiveMinimum = 0, maximum = 9 }) => ({
        type: "number",
        exclusiveMinimum,
        maximum: Number(maximum) + 1,
      })),
      fc
        .tuple(between("minItems", "maxItems"), tie("schema"))
        .map(([counts, items]) => ({ type: "array", items, ...counts })),
      fc
        .tuple(fc.dictionary(name, tie("schema"), { maxKeys: 3 }), fc.boolean(), fc.boolean())
        .map(([properties, isOpen, isNeeded]) => ({
          type: "object",
          properties: { ...properties },
          additionalProperties: isOpen,
          required: isNeeded ? Object.keys(properties) : [],
        })),
      fc.tuple(tie("schema"), tie("schema")).map((anyOf) => ({ anyOf: [...anyOf] })),
    ),
  };
}).schema;

test("so it is under schemas that nobody thought of", async () => {
  let [ended, all] = [0, 0];
  await fc.assert(
    fc.asyncProperty(schemas, fc.nat(), async (schema, seed) => {
      all++;
      ended += await check(schema, [seed]);
    }),
    { numRuns: 40 },
  );
  assert.ok(ended > 0.8 * all, `${ended} of ${all} ended within ${maxTokens} tokens`);
});

test("words that a grammar cannot enforce are refused, with their place", async () => {
  const refused: readonly (readonly [JsonSchema, RegExp])[] = [
    [{ not: { type: "string" } }, /value\/items: .*got not/],
    [{ type: "object", patternProperties: { "^a": true } }, /patternProperties/],
    [{ type: "array", uniqueItems: true }, /uniqueItems/],
    [{ type: "array", contains: { type: "null" } }, /contains/],
    [{ type: "number", multipleOf: 0.01 }, /multipleOf/],
    [{ type: "object", propertyNames: { maxLength: 2 } }, /propertyNames/],
    [{ type: "object", minProperties: 2 }, /minProperties/],
    [{ type: "object", properties: { a: true }, maxProperties: 0 }, /maxProperties/],
    [{ type: "object", dependentRequired: { a: ["b"] } }, /dependentRequired/],
    [{ if: { type: "string" }, else: { type: "null" } }, /got if/],
    [{ oneOf: [{ type: "number" }, { type: "integer" }] }, /oneOf/],
    [{ allOf: [{ type: "string", pattern: "a" }, { pattern: "b" }] }, /pattern/],
    [{ type: "string", pattern: "(?=a)b" }, /pattern.*look-ahead/],
    [{ type: "string", format: "ipv6" }, /format.*ipv6/],
    [{ type: "string", minLength: 3, maxLength: 2 }, /minLength/],
    [{ type: "integer", enum: ["a"] }, /enum/],
    [{ type: "integer", minimum: 0.2, maximum: 0.8 }, /no value/],
    [{ type: "tuple" }, /type.*tuple/],
    [{ $ref: "https://example.com/s" }, /\$ref inside/],
    [{ $ref: "#/$defs/none" }, /\$ref to a part/],
    [{ $ref: "#/$defs/loop" }, /circle/],
  ];
  for (const [schema, message] of refused) {
    await assert.rejects(
      () =>
        sharedCompiler().forChat(
          valueRules({ type: "array", items: schema }, { $defs: { loop: { $ref: "#/$defs/loop" } } }),
        ),
      { name: "LimbeckError", code: "invalid_request", message },
      JSON.stringify(schema),
    );
  }
});

test("classes of xgrammar take bytes, on which the notation of automata relies", async () => {
  const vocabulary = (await loadXgrammar()).openVocabulary(256, (id) => Uint8Array.of(id));
  const rules = vocabulary.compile('root ::= [\\xc3\\xc3] [\\x80-\\xa9] "é"');
  const matcher = rules.openMatcher([0]);
  assert.deepEqual(
    [0x61, 0xc3, 0xaa, 0xa9, 0xc3, 0xa9].map((byte) => matcher.accept(byte)),
    [false, true, false, true, true, true],
  );
  matcher.close();
  rules.close();
  vocabulary.close();
});

test("a pattern costs what its texts cost, whatever a schema makes of it", async () => {
  const start = performance.now();
  const compile = (schema: JsonSchema) => sharedCompiler().forChat(valueRules(schema));
  const slow = [
    { enum: [`${"a".repeat(60)}!`], pattern: "^(a+)+$" },
    { enum: [[`${"a".repeat(60)}!`]], items: { pattern: "^(a|a)*$" } },
    { type: "string", pattern: "^(a{1,100}){1,100}$" },
  ];
  for (const schema of slow)
    await assert.rejects(compile(schema), { code: "invalid_request" }, JSON.stringify(schema).slice(0, 99));
  (await compile({ enum: ["aaa", "a!"], pattern: "^(a+)+$" }))?.close();
  (await compile({ enum: ["a".repeat(20_000)] }))?.close();
  assert.ok(performance.now() - start < 30_000);
});

test("long lists are joined and compared in time", async () => {
  const start = performance.now();
  const list = (from: number) => Array.from({ length: 10_000 }, (_, i) => from + i);
  const joined = { allOf: [{ enum: list(0) }, { enum: list(9_990) }] };
  (await sharedCompiler().forChat(valueRules(joined)))?.close();
  const apart = { oneOf: [{ enum: list(0) }, { enum: list(10_000) }] };
  (await sharedCompiler().forChat(valueRules(apart)))?.close();
  const many = { oneOf: list(0).map((one) => ({ const: one })) };
  await assert.rejects(sharedCompiler().forChat(valueRules(many)), { code: "invalid_request" });
  const few = { oneOf: many.oneOf.slice(0, 500) };
  (await sharedCompiler().forChat(valueRules(few)))?.close();
  assert.ok(performance.now() - start < 20_000);
});

test("listed values stay that meet the other words", async () => {
  const kept: readonly (readonly [JsonSchema, readonly unknown[]])[] = [
    [{ enum: ["ab", "b", "é\n", 3], pattern: "^(a|é)", maxLength: 2 }, ["ab", "é\n", 3]],
    [{ enum: ["2024-01-05", "soon"], format: "date" }, ["2024-01-05"]],
    [{ enum: [1, 2.5, 4, -2], type: "number", minimum: 0, multipleOf: 0.5, exclusiveMaximum: 4 }, [1, 2.5]],
    [{ enum: [[1], ["a"], [], [1, 2]], items: { type: "integer" }, minItems: 1, maxItems: 1 }, [[1]]],
    [
      { enum: [{ a: 1 }, { a: "x" }, { a: 1, b: 1 }], properties: { a: { enum: [1] } }, maxProperties: 1 },
      [{ a: 1 }],
    ],
  ];
  for (const [schema, values] of kept) {
    const written = new Set<string>();
    for (let seed = 0; seed < 12; seed++) {
      const { text } = await answerRandomly(sharedCompiler(), valueRules(schema), { seed, maxTokens });
      written.add(JSON.stringify((JSON.parse(text) as { readonly value: unknown }).value));
    }
    for (const one of written)
      assert.ok(
        values.some((value) => JSON.stringify(value) === one),
        one,
      );
  }
});

test("a schema without a finite value is refused, and what has none in it is left out", async () => {
  const compile = (schema: JsonSchema) =>
    sharedCompiler().forChat({ ...plainRules, responseFormat: { type: "json_schema", schema } });
  const endless: readonly JsonSchema[] = [
    { type: "object", properties: { a: { $ref: "#" } }, required: ["a"] },
    { type: "array", items: { $ref: "#" }, minItems: 1 },
    { anyOf: [{ $ref: "#" }] },
    { $ref: "#" },
  ];
  for (const schema of endless)
    await assert.rejects(compile(schema), { code: "invalid_request", message: /no finite value/ });
  const some: readonly JsonSchema[] = [
    { type: "object", properties: { a: { $ref: "#/$defs/never" }, b: { type: "null" } } },
    { anyOf: [{ $ref: "#/$defs/never" }, { type: "boolean" }] },
  ];
  const never = { type: "object", properties: { x: { $ref: "#/$defs/never" } }, required: ["x"] };
  for (const schema of some) assert.equal(await check(schema, [1], { $defs: { never } }), 1);
  const answer = await answerRandomly(
    sharedCompiler(),
    {
      ...plainRules,
      responseFormat: { type: "json_schema", schema: { anyOf: [{ $ref: "#" }, { type: "integer" }] } },
    },
    { seed: 3, maxTokens },
  );
  assert.ok(answer.isEnded && Number.isInteger(JSON.parse(answer.text)), answer.text);
});

test("thousands of required properties compile in time", async () => {
  const names = Array.from({ length: 5000 }, (_, i) => `p${i}`);
  const start = performance.now();
  const properties = Object.fromEntries(names.map((name) => [name, { type: "integer" }]));
  (await sharedCompiler().forChat(valueRules({ type: "object", properties, required: names })))?.close();
  assert.ok(performance.now() - start < 5000);
});
