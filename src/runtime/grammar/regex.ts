import { type CodeRanges, invertRanges, joinRanges, plainCharacter } from "./json-text.ts";
import type { Pattern, PatternArena } from "./pattern.ts";

const digits: CodeRanges = [[0x30, 0x39]];
const wordCharacters: CodeRanges = [
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
];
/** White space and line ends of ECMAScript. */
const spaces: CodeRanges = [
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
];
const lineEnds: CodeRanges = [
  [0x0a, 0x0a],
  [0x0d, 0x0d],
  [0x2028, 0x2029],
];
const everything: CodeRanges = [[0, 0x10ffff]];

const classes: Readonly<Record<string, CodeRanges>> = {
  d: digits,
  D: invertRanges(digits),
  w: wordCharacters,
  W: invertRanges(wordCharacters),
  s: spaces,
  S: invertRanges(spaces),
};
const controls: Readonly<Record<string, number>> = { n: 0x0a, r: 0x0d, t: 0x09, f: 0x0c, v: 0x0b, 0: 0 };

/** Deeper groups are refused: the stack is not endless, and schemas come from strangers. */
const deepest = 100;
/** Larger counts, and those that multiply to more, are refused: each is a state. */
const largestCount = 4096;

/**
 * The texts in which an ECMAScript regular expression (flag u, as JSON Schema has it) finds something, each character
 * spelled as inside a JSON string. Anchors stand at the ends of the whole expression or of its alternatives.
 * Error: `refuse(what)` for what is not regular or not known: look-around, back references, word boundaries, `\p`.
 */
export function regexPattern(arena: PatternArena, source: string, refuse: (what: string) => Error): Pattern {
  const { sequence, choice, repeat, empty } = arena;
  const codes = Array.from(source);
  let at = 0;
  let depth = 0;
  const all = repeat(plainCharacter(arena, everything));
  const fail = (what: string): Error => refuse(`${what} in ${JSON.stringify(source.slice(0, 200))}`);
  const take = (text: string): boolean => {
    if (codes[at] !== text) return false;
    at++;
    return true;
  };

  const hexCode = (length: number): number => {
    const text = codes.slice(at, at + length).join("");
    if (!/^[0-9a-fA-F]+$/.test(text) || text.length !== length) throw fail("an escape that is none");
    at += length;
    return Number.parseInt(text, 16);
  };

  /** What follows a backslash. */
  const escaped = (): CodeRanges => {
    const letter = codes[at++];
    if (letter === undefined) throw fail("a backslash at the end");
    const known = classes[letter];
    if (known !== undefined) return known;
    const control = controls[letter];
    if (control !== undefined && !(letter === "0" && /\d/.test(codes[at] ?? ""))) return [[control, control]];
    if (letter === "x" || (letter === "u" && codes[at] !== "{")) {
      const code = hexCode(letter === "x" ? 2 : 4);
      if (code >= 0xd800 && code <= 0xdfff) throw fail("half a surrogate pair");
      return [[code, code]];
    }
    if (letter === "u") {
      const end = codes.indexOf("}", at);
      const digitsOfCode = codes.slice(at + 1, end).join("");
      const code = Number.parseInt(digitsOfCode, 16);
      if (end < 0 || !/^[0-9a-fA-F]{1,6}$/.test(digitsOfCode) || code > 0x10ffff)
        throw fail("an escape that is none");
      at = end + 1;
      return [[code, code]];
    }
    if (/[A-Za-z0-9]/.test(letter)) throw fail(`\\${letter}`);
    const code = letter.codePointAt(0)!;
    return [[code, code]];
  };

  const classMember = (): CodeRanges => {
    const character = codes[at++];
    if (character === undefined) throw fail("a class that is not closed");
    if (character === "\\") {
      if (take("b")) return [[0x08, 0x08]];
      return escaped();
    }
    const code = character.codePointAt(0)!;
    return [[code, code]];
  };

  const classSet = (): CodeRanges => {
    const isInverted = take("^");
    const ranges: [number, number][] = [];
    while (!take("]")) {
      const from = classMember();
      const isRange = codes[at] === "-" && codes[at + 1] !== "]" && codes[at + 1] !== undefined;
      if (!isRange) {
        ranges.push(...from.map(([low, high]): [number, number] => [low, high]));
        continue;
      }
      at++;
      const to = classMember();
      const [low, high] = [from[0], to[0]];
      if (
        from.length !== 1 ||
        to.length !== 1 ||
        low![0] !== low![1] ||
        high![0] !== high![1] ||
        low![0] > high![0]
      )
        throw fail("a range that is none");
      ranges.push([low![0], high![0]]);
    }
    return isInverted ? invertRanges(ranges) : joinRanges(ranges);
  };

  const group = (): Pattern => {
    if (take("?")) {
      if (take("<")) {
        if (codes[at] === "=" || codes[at] === "!") throw fail("look-behind");
        const end = codes.indexOf(">", at);
        if (end < 0) throw fail("a group that is not closed");
        at = end + 1;
      } else if (!take(":")) throw fail("look-ahead or flags");
    }
    if (++depth > deepest) throw fail("groups that are too deep");
    const inner = alternatives();
    depth--;
    if (!take(")")) throw fail("a group that is not closed");
    return inner;
  };

  const atom = (): Pattern => {
    const character = codes[at++]!;
    if (character === "(") return group();
    if (character === "[") return plainCharacter(arena, classSet());
    if (character === ".") return plainCharacter(arena, invertRanges(lineEnds));
    if (character === "\\") {
      if (/[bB1-9kpP]/.test(codes[at] ?? "")) throw fail(`\\${codes[at]}`);
      return plainCharacter(arena, escaped());
    }
    if (/[*+?{}\]^$]/.test(character)) throw fail(`${character} in its place`);
    const code = character.codePointAt(0)!;
    return plainCharacter(arena, [[code, code]]);
  };

  const count = (): readonly [number, number] | null => {
    if (take("*")) return [0, Number.POSITIVE_INFINITY];
    if (take("+")) return [1, Number.POSITIVE_INFINITY];
    if (take("?")) return [0, 1];
    const found = /^\{(\d+)(,(\d*))?\}/.exec(codes.slice(at, at + 24).join(""));
    if (found === null) return null;
    at += found[0].length;
    const least = Number(found[1]);
    const most =
      found[2] === undefined ? least : found[3] === "" ? Number.POSITIVE_INFINITY : Number(found[3]);
    if (least > most || least > largestCount || (most > largestCount && most !== Number.POSITIVE_INFINITY))
      throw fail(`the count ${found[0]}`);
    return [least, most];
  };

  /** How many characters the part that is read at the moment has, counts multiplied out. */
  let size = 0;

  const alternative = (): Pattern => {
    const parts: Pattern[] = [];
    while (at < codes.length && codes[at] !== "|" && codes[at] !== ")") {
      if (depth === 0 && codes[at] === "$" && (codes[at + 1] ?? "|") === "|") break;
      const before = size;
      const single = atom();
      size = Math.max(size, before + 1);
      const counts = count();
      if (counts !== null) {
        take("?"); // lazy or greedy: the same texts
        const times = counts[1] === Number.POSITIVE_INFINITY ? counts[0] + 1 : counts[1];
        size = before + (size - before) * Math.max(1, times);
      }
      if (size > 4 * largestCount) throw fail("counts that multiply to too many");
      parts.push(counts === null ? single : repeat(single, ...counts));
    }
    return sequence(...parts);
  };

  const alternatives = (): Pattern => {
    const options = [alternative()];
    while (take("|")) options.push(alternative());
    return choice(...options);
  };

  /** At the top each alternative has its own anchors. */
  const options: Pattern[] = [];
  do {
    const isBegun = take("^");
    const inner = alternative();
    const isEnded = take("$");
    options.push(sequence(isBegun ? empty : all, inner, isEnded ? empty : all));
  } while (take("|"));
  if (at < codes.length) throw fail("a bracket too many");
  // `^(a|b)$` is read as one alternative; `^` inside a group is refused by `atom`.
  return choice(...options);
}
