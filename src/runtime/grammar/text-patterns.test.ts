import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Automaton, createAutomaton, follow, measureRoom, shortestWay } from "./automaton.ts";
import { numberPattern } from "./number-text.ts";
import { createPatternArena, type Pattern, type PatternArena } from "./pattern.ts";
import { regexPattern } from "./regex.ts";

const utf8 = new TextEncoder();
const tooLarge = (): Error => new Error("too large");

function accepts(automaton: Automaton | null, text: string): boolean {
  if (automaton === null) return false;
  let state = 0;
  for (const byte of utf8.encode(text)) {
    state = follow(automaton, state, byte);
    if (state < 0) return false;
  }
  return automaton.states[state]!.isEnd;
}

const automatonOf = (arena: PatternArena, pattern: Pattern): Automaton | null =>
  createAutomaton(arena, pattern, tooLarge);

/** What `JSON.stringify` writes between the quotes. */
const inside = (text: string): string => JSON.stringify(text).slice(1, -1);

const regexes = [
  "^[A-Z]{3}-\\d{4}$",
  "foo|^bar$",
  "^(a|b)+$",
  "^.{2,5}$",
  '^[^"\\\\]+$',
  '"',
  "\\\\",
  "^[\\w.-]+@[\\w-]+\\.(com|org)$",
  "^(?:ab?)*c{2}$",
  "\\S\\s\\S",
  "^[é-ñ😀]+$",
  "^\\u00e9|\\x41|\\u{1F600}$",
  "a{0}b?",
  "^(?<year>\\d{4})-[^\\d\\n]$",
  "^$",
];

test("a regular expression finds what the engine of JavaScript finds", () => {
  const characters = fc.constantFrom(...Array.from('abcfor0149ABZ-_.@é\n\t "\\😀\u0001ñ'));
  const words = fc.constantFrom("foo", "bar", "ABC-1234", "x@y.com", "abcc", "2024-x", "aa");
  const text = fc.oneof(fc.string({ unit: characters, maxLength: 8 }), words);
  for (const source of regexes) {
    const arena = createPatternArena();
    const automaton = automatonOf(
      arena,
      regexPattern(arena, source, (what) => new Error(what)),
    );
    const regex = new RegExp(source, "u");
    fc.assert(
      fc.property(text, (one) => {
        assert.equal(accepts(automaton, inside(one)), regex.test(one), `${source} on ${JSON.stringify(one)}`);
      }),
      { numRuns: 60 },
    );
  }
});

test("what is not regular, or not known, is refused by name", () => {
  const bad = [
    "(?=a)",
    "(?<!a)b",
    "\\bword",
    "(a)\\1",
    "\\p{L}",
    "a**",
    "(a",
    "a)",
    "[a",
    "x{3,1}",
    "a{9999}",
    "((a{1,100}){1,100}){1,100}",
    "^a(^b)$",
  ];
  for (const source of bad) {
    const arena = createPatternArena();
    assert.throws(() => regexPattern(arena, source, (what) => new RangeError(what)), RangeError, source);
  }
});

test("numbers within bounds are within them once they are read, and near a bound all of them are made", () => {
  const bound = fc.oneof(
    fc.integer({ min: -2000, max: 2000 }),
    fc.integer({ min: -20_000, max: 20_000 }).map((n) => n / 100),
  );
  const bounds = fc.record(
    { minimum: bound, maximum: bound, exclusiveMinimum: bound, exclusiveMaximum: bound },
    { requiredKeys: [] },
  );
  const near = fc
    .tuple(bound, fc.constantFrom(0, 1, -1, 0.1, -0.1, 0.001, 10))
    .map(([a, b]) => Number((a + b).toFixed(3)));
  fc.assert(
    fc.property(
      bounds,
      fc.boolean(),
      fc.array(near, { minLength: 20, maxLength: 20 }),
      (given, isInteger, numbers) => {
        const arena = createPatternArena();
        const pattern = numberPattern(arena, { isInteger, bounds: given });
        assert.ok(pattern !== null);
        const automaton = automatonOf(arena, pattern);
        for (const number of [...numbers, ...Object.values(given)]) {
          const fits =
            number >= (given.minimum ?? -Infinity) &&
            number <= (given.maximum ?? Infinity) &&
            number > (given.exclusiveMinimum ?? -Infinity) &&
            number < (given.exclusiveMaximum ?? Infinity) &&
            (!isInteger || Number.isInteger(number));
          assert.equal(accepts(automaton, String(number)), fits, `${number} in ${JSON.stringify(given)}`);
        }
      },
    ),
    { numRuns: 120 },
  );
});

test("the shortest way is in the pattern and has the length that was foretold", () => {
  for (const source of regexes) {
    const arena = createPatternArena();
    const automaton = automatonOf(
      arena,
      regexPattern(arena, source, (what) => new Error(what)),
    )!;
    const bytes: number[] = [];
    shortestWay(automaton, 0, bytes);
    assert.equal(bytes.length, automaton.states[0]!.leastBytes, source);
    assert.ok(accepts(automaton, new TextDecoder().decode(Uint8Array.from(bytes))), source);
  }
});

test("room counts the bytes until the widened pattern allows too much", () => {
  const arena = createPatternArena();
  const letter = arena.bytes([[0x21, 0x7e]]);
  const exactly = (least: number, most: number): number => {
    const pattern = arena.sequence(arena.repeat(letter, least, most), arena.literal(" "));
    const exact = automatonOf(arena, pattern)!;
    const wide = automatonOf(arena, arena.widen(pattern))!;
    assert.ok(wide.states.length < exact.states.length);
    return measureRoom(exact, wide)[0]!;
  };
  assert.equal(exactly(0, 30), 30, "thirty letters may come, the next one may not");
  assert.equal(exactly(20, 30), 0, "the space may not come yet");
});
