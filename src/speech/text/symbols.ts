import { type Token, words } from "./tokens.ts";

/** Signs that stand alone, in words; "" is silence. */
const signWords: Readonly<Record<string, string>> = {
  "&": "and",
  "&&": "and",
  "||": "or",
  "+": "plus",
  "=": "equals",
  "==": "equals",
  "===": "equals",
  "!=": "is not",
  "!==": "is not",
  "≠": "is not",
  "<": "less than",
  ">": "more than",
  "<=": "at most",
  ">=": "at least",
  "≤": "at most",
  "≥": "at least",
  "≈": "about",
  "~": "about",
  "->": "to",
  "-->": "to",
  "=>": "to",
  "==>": "to",
  "→": "to",
  "⇒": "to",
  "←": "from",
  "<-": "from",
  "↔": "and",
  "×": "times",
  "*": "times",
  "÷": "divided by",
  "±": "plus or minus",
  "%": "percent",
  "@": "at",
  "#": "number",
  "w/": "with",
  "w/o": "without",
  "|": "",
  "•": "",
  "/": "slash",
  "\\": "backslash",
};

/** Names of signs that are talked about, in code. */
const signNames: Readonly<Record<string, string>> = {
  ".": "dot",
  ",": "comma",
  ":": "colon",
  ";": "semicolon",
  "*": "star",
  "**": "double star",
  "/": "slash",
  "//": "double slash",
  "\\": "backslash",
  "|": "pipe",
  "-": "dash",
  "--": "double dash",
  _: "underscore",
  "~": "tilde",
  "`": "backtick",
  "```": "a code fence",
  "#": "hash sign",
  "@": "at sign",
  $: "dollar sign",
  "%": "percent sign",
  "&": "ampersand",
  "&&": "double ampersand",
  "||": "double pipe",
  "!": "exclamation mark",
  "?": "question mark",
  "+": "plus",
  "=": "equals sign",
  "==": "double equals",
  "===": "triple equals",
  "->": "arrow",
  "=>": "arrow",
  "<": "less than sign",
  ">": "more than sign",
  "()": "parentheses",
  "[]": "brackets",
  "{}": "braces",
  "<>": "angle brackets",
  '""': "an empty string",
  "''": "an empty string",
  "\\n": "a line break",
  "\\t": "a tab",
};

const emoji =
  /(?:\p{Extended_Pictographic}|\p{Regional_Indicator}|[\u2713\u2717\u2718]|\ufe0e|\ufe0f|\u200d|\u20e3|[\u{1f3fb}-\u{1f3ff}])+/gu;
/** Signs of trouble say something that the words beside them may not. */
const emojiWords: readonly (readonly [RegExp, string])[] = [
  [/[❌✗✘✖🚫]/u, "Failed:"],
  [/[⚠🚨]/u, "Warning:"],
];

/** The words of a sign that stands alone between spaces. */
export function signTokens(text: string): readonly Token[] | undefined {
  const found = Object.hasOwn(signWords, text) ? signWords[text] : undefined;
  return found === undefined ? undefined : found === "" ? [] : [words(found)];
}

export function signName(text: string): readonly Token[] | undefined {
  const found = Object.hasOwn(signNames, text) ? signNames[text] : undefined;
  return found === undefined ? undefined : [words(found)];
}

/** Whether `text` may hold a picture: a cheap look before the exact one. */
export function mayHoldEmoji(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x20e0) return true;
  return /[©®‼⁉]/u.test(text);
}

/** Takes pictures out; `isFirst`: nothing was said yet in this sentence, so that a sign of trouble is told. */
export function withoutEmoji(text: string, isFirst: boolean): { rest: string; sign: string | undefined } {
  const rest = text.replace(emoji, "");
  if (rest === text || !isFirst) return { rest, sign: undefined };
  return { rest, sign: emojiWords.find(([pattern]) => pattern.test(text))?.[1] };
}

const entities: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: " ",
  mdash: "—",
  ndash: "–",
  hellip: "…",
  rarr: "→",
  larr: "←",
  times: "×",
  le: "≤",
  ge: "≥",
  ne: "≠",
  copy: "",
  bull: "",
  check: "",
};

/** HTML's names of characters, read. */
export function withoutEntities(text: string): string {
  return text.replace(
    /&(?:#(\d{1,6})|#x([0-9a-f]{1,5})|([a-z]+));/gi,
    (whole, decimal, hexadecimal, name) => {
      if (name !== undefined) return Object.hasOwn(entities, name) ? (entities[name] ?? whole) : whole;
      const code = decimal === undefined ? Number.parseInt(hexadecimal, 16) : Number(decimal);
      return code >= 32 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff)
        ? String.fromCodePoint(code)
        : "";
    },
  );
}
