import { type Token, words } from "./tokens.ts";

const names: Readonly<Record<string, string>> = {
  times: "times",
  cdot: "times",
  div: "divided by",
  pm: "plus or minus",
  leq: "is at most",
  le: "is at most",
  geq: "is at least",
  ge: "is at least",
  neq: "is not",
  ne: "is not",
  approx: "is about",
  sim: "is about",
  equiv: "is equivalent to",
  in: "in",
  to: "to",
  rightarrow: "to",
  infty: "infinity",
  sum: "the sum of",
  prod: "the product of",
  int: "the integral of",
  partial: "partial",
  nabla: "nabla",
  ldots: "and so on",
  dots: "and so on",
  log: "log",
  ln: "log",
  exp: "exp",
  sin: "sine",
  cos: "cosine",
  tan: "tangent",
  min: "min",
  max: "max",
};
const greek =
  /^(?:alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|pi|rho|sigma|tau|upsilon|phi|chi|psi|omega)$/i;
const signs: Readonly<Record<string, string>> = {
  "=": "equals",
  "+": "plus",
  "-": "minus",
  "*": "times",
  "/": "over",
  "<": "is less than",
  ">": "is more than",
  "≤": "is at most",
  "≥": "is at least",
  "!": "factorial",
};
const piece = /\\([a-zA-Z]+)|([A-Za-z]+|\d+(?:\.\d+)?)|\^(\{[^{}]*\}|\S)|_(\{[^{}]*\}|\S)|([=+*/<>≤≥!-])/g;
const maxLength = 60;

/** Whether what stands between two dollars is mathematics, and not an amount or a variable of a shell. */
export function isMath(source: string): boolean {
  return /[\\^_=+<>]|^[a-zA-Z]$|^[a-zA-Z]\([a-zA-Z,\s]+\)$/.test(source) && !/^[A-Z_]{2,}\b/.test(source);
}

/** A short formula in words; a long one is "a formula". */
export function mathTokens(source: string): readonly Token[] {
  const text = source.trim();
  if (text.length > maxLength) return [words("a formula")];
  const flat = text
    .replace(/\\(?:boxed|text|mathrm|mathbf|mathcal|mathbb|operatorname)\{([^{}]*)\}/g, "$1")
    .replace(/\\(?:left|right|quad|qquad|displaystyle)\b|\\[,;! ]/g, " ")
    .replace(/\\d?t?frac\{([^{}]*)\}\{([^{}]*)\}/g, " $1 / $2 ")
    .replace(/\\sqrt\{([^{}]*)\}/g, " squareRootOf $1 ");
  if (/[&\\]\\|\\frac|\\sqrt|\\begin/.test(flat)) return [words("a formula")];
  const spoken = [...flat.matchAll(piece)].map(([, command, word, power, index, sign]) => {
    if (command !== undefined)
      return greek.test(command)
        ? command.toLowerCase()
        : Object.hasOwn(names, command)
          ? names[command]
          : "";
    if (word !== undefined) return word === "squareRootOf" ? "the square root of" : word;
    if (power !== undefined) return powerWords(inner(power));
    if (index !== undefined) return `sub ${inner(index)}`;
    return signs[sign ?? ""] ?? "";
  });
  const said = spoken.filter((part) => part !== "").join(" ");
  return [words(said === "" ? "a formula" : said)];
}

function inner(group: string): string {
  return group.startsWith("{") ? (mathTokens(group.slice(1, -1))[0]?.text ?? "") : group;
}

function powerWords(power: string): string {
  if (power === "2") return "squared";
  return power === "3" ? "cubed" : `to the power of ${power}`;
}
