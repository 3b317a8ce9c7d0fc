import type { ByteRanges, Pattern, PatternArena } from "./pattern.ts";

/** Inclusive ranges of code points, ascending, apart from each other. */
export type CodeRanges = readonly (readonly [from: number, to: number])[];

const lastCode = 0x10ffff;
/** Characters that JSON has a short escape for; a slash needs none. */
const shortEscapes: readonly (readonly [code: number, letter: string])[] = [
  [0x22, '"'],
  [0x5c, "\\"],
  [0x08, "b"],
  [0x0c, "f"],
  [0x0a, "n"],
  [0x0d, "r"],
  [0x09, "t"],
];

/** The ranges in order, those that touch joined. */
export function joinRanges(ranges: CodeRanges): CodeRanges {
  const joined: [number, number][] = [];
  for (const [from, to] of [...ranges].sort(([a], [b]) => a - b)) {
    const last = joined.at(-1);
    if (last !== undefined && from <= last[1] + 1) last[1] = Math.max(last[1], to);
    else joined.push([from, to]);
  }
  return joined;
}

/** Every character that is in none of the ranges. */
export function invertRanges(ranges: CodeRanges): CodeRanges {
  const inverted: [number, number][] = [];
  let next = 0;
  for (const [from, to] of joinRanges(ranges)) {
    if (from > next) inverted.push([next, from - 1]);
    next = to + 1;
  }
  if (next <= lastCode) inverted.push([next, lastCode]);
  return inverted;
}

function intersect(a: CodeRanges, b: CodeRanges): CodeRanges {
  return joinRanges(
    a.flatMap(([from, to]) =>
      b
        .map(([otherFrom, otherTo]): [number, number] => [Math.max(from, otherFrom), Math.min(to, otherTo)])
        .filter(([low, high]) => low <= high),
    ),
  );
}

/** Code points of one, two, three and four UTF-8 bytes; surrogates have none. */
const byLength: CodeRanges = [
  [0, 0x7f],
  [0x80, 0x7ff],
  [0x800, 0xd7ff],
  [0xe000, 0xffff],
  [0x10000, lastCode],
];

const encoder = new TextEncoder();

/** One character of the ranges, in well-formed UTF-8 (Unicode 15, table 3-7). */
export function utf8Pattern(arena: PatternArena, ranges: CodeRanges): Pattern {
  const span = (low: readonly number[], high: readonly number[]): Pattern => {
    const [from, ...lowRest] = low as [number, ...number[]];
    const [to, ...highRest] = high as [number, ...number[]];
    if (lowRest.length === 0) return arena.bytes([[from, to]]);
    const first = lowRest.map(() => 0x80);
    const last = lowRest.map(() => 0xbf);
    const after = (byte: number, bottom: readonly number[], top: readonly number[]): Pattern =>
      arena.sequence(arena.bytes([[byte, byte]]), span(bottom, top));
    if (from === to) return after(from, lowRest, highRest);
    const isLowWhole = lowRest.every((byte) => byte === 0x80);
    const isHighWhole = highRest.every((byte) => byte === 0xbf);
    const inner: ByteRanges = [[from + (isLowWhole ? 0 : 1), to - (isHighWhole ? 0 : 1)]];
    return arena.choice(
      isLowWhole ? arena.none : after(from, lowRest, last),
      inner[0]![0] > inner[0]![1] ? arena.none : arena.sequence(arena.bytes(inner), span(first, last)),
      isHighWhole ? arena.none : after(to, first, highRest),
    );
  };
  return arena.choice(
    ...byLength.flatMap((length) =>
      intersect(ranges, [length]).map(([from, to]) =>
        span([...encoder.encode(String.fromCodePoint(from))], [...encoder.encode(String.fromCodePoint(to))]),
      ),
    ),
  );
}

/** Characters that stand for themselves inside a JSON string. */
const selfStanding = invertRanges([
  [0, 0x1f],
  [0x22, 0x22],
  [0x5c, 0x5c],
]);

/** One character of the ranges as `JSON.stringify` writes it inside a string: each has one spelling. */
export function plainCharacter(arena: PatternArena, ranges: CodeRanges): Pattern {
  const has = (code: number): boolean => ranges.some(([from, to]) => from <= code && code <= to);
  const controls = Array.from({ length: 0x20 }, (_, code) => code)
    .filter((code) => has(code) && !shortEscapes.some(([escaped]) => escaped === code))
    .map((code) => `\\u${code.toString(16).padStart(4, "0")}`);
  const short = shortEscapes.filter(([code]) => has(code)).map(([, letter]) => `\\${letter}`);
  return arena.choice(
    utf8Pattern(arena, intersect(ranges, selfStanding)),
    ...[...short, ...controls].map((spelling) => arena.literal(spelling)),
  );
}

/**
 * One character inside a JSON string, in any spelling but one: an escaped half of a surrogate pair, which may stand
 * alone and then is no character, and in a pair would count as two.
 */
export function anyCharacter(arena: PatternArena): Pattern {
  const { bytes, sequence, choice, literal } = arena;
  const hex = bytes([
    [0x30, 0x39],
    [0x41, 0x46],
    [0x61, 0x66],
  ]);
  const hexButD = bytes([
    [0x30, 0x39],
    [0x41, 0x43],
    [0x45, 0x46],
    [0x61, 0x63],
    [0x65, 0x66],
  ]);
  const d = bytes([
    [0x44, 0x44],
    [0x64, 0x64],
  ]);
  const belowSurrogates = sequence(d, bytes([[0x30, 0x37]]));
  return choice(
    utf8Pattern(arena, selfStanding),
    ...['\\"', "\\\\", "\\/", "\\b", "\\f", "\\n", "\\r", "\\t"].map((spelling) => literal(spelling)),
    sequence(literal("\\u"), choice(sequence(hexButD, hex), belowSurrogates), hex, hex),
  );
}
