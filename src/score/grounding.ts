import type { Json } from "../base/json.ts";

/**
 * Integration of tool results in the final answer. Recall: the share of expected results of which the answer cites
 * something that only the tool can have told. Precision: the share of the answer's figures and citations that a
 * result or the request supports. Booleans, nulls and words of mere success ground nothing.
 */
export interface Grounding {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

export interface GroundingScore {
  readonly strict: Grounding;
  readonly lax: Grounding;
}

type Fact = string | number;

/** Words by which a tool says no more than that it ran. */
const emptyWords = new Set(
  "ok okay yes no true false none null done success successful succeeded error failed failure status set sent created".split(
    " ",
  ),
);

function leavesOf(value: Json): Fact[] {
  if (typeof value === "number") return [value];
  if (typeof value === "string") {
    const text = value.trim();
    return text.length < 2 || emptyWords.has(text.toLowerCase()) ? [] : [text];
  }
  if (value === null || typeof value === "boolean") return [];
  return Object.values(value).flatMap((item) => leavesOf(item as Json));
}

const wordCharacter = /[\p{L}\p{N}]/u;

function occurs(text: string, needle: string): boolean {
  for (let at = text.indexOf(needle); at !== -1; at = text.indexOf(needle, at + 1)) {
    const before = text[at - 1] ?? " ";
    const after = text[at + needle.length] ?? " ";
    // A whole word only: "10" is not cited by "100", "Ann" not by "Anna".
    if (!wordCharacter.test(before) && !wordCharacter.test(after)) return true;
  }
  return false;
}

function relax(text: string): string {
  return text.normalize("NFKC").toLowerCase().replace(/\s+/g, " ").trim();
}

// Digits with what may stand between them: 1,250.5 · 07:30 · 2026-03-14. One claim each.
const figureShape = /\d+(?:[.,:/'-]\d+)*/g;

function figuresOf(text: string): string[] {
  return Array.from(text.matchAll(figureShape), ([figure]) => figure);
}

/** The number that a figure stands for, thousands separators dropped; NaN for times and dates. */
function readNumber(figure: string): number {
  return Number(figure.replace(/[,'](?=\d{3}(?!\d))/g, ""));
}

/** Whether a figure gives `value`, or `value` rounded to the decimals that it shows. Signs are left to the words. */
function roundsTo(value: number, figure: string): boolean {
  const shown = readNumber(figure);
  if (Number.isNaN(shown)) return false;
  const decimals = /\.(\d+)$/.exec(figure)?.[1]?.length ?? 0;
  return (
    Math.abs(shown - Math.abs(value)) <= 0.5 * 10 ** -decimals * (Number.isInteger(value) ? 1e-9 : 1 + 1e-9)
  );
}

type Mode = "strict" | "lax";

/** The text that is searched: as it is for strict, in one case and spacing for lax. */
const readings: { readonly [M in Mode]: (text: string) => string } = { strict: (text) => text, lax: relax };

const numberCited: { readonly [M in Mode]: (value: number, figures: readonly string[]) => boolean } = {
  strict: (value, figures) => figures.includes(String(Math.abs(value))),
  lax: (value, figures) => figures.some((figure) => roundsTo(value, figure)),
};

function isCited(fact: Fact, mode: Mode, answer: string, figures: readonly string[]): boolean {
  const read = readings[mode];
  return typeof fact === "number" ? numberCited[mode](fact, figures) : occurs(read(answer), read(fact));
}

function ground(
  mode: Mode,
  answer: string,
  factsByResult: readonly (readonly Fact[])[],
  support: readonly Fact[],
): Grounding {
  const figures = figuresOf(answer);
  const cited = factsByResult.map((facts) => facts.filter((fact) => isCited(fact, mode, answer, figures)));
  const recall = cited.filter((facts) => facts.length > 0).length / factsByResult.length;

  const citedTexts = new Set(cited.flat().filter((fact) => typeof fact === "string"));
  // Figures inside a cited text belong to it.
  const inTexts = new Set([...citedTexts].flatMap(figuresOf));
  const claims = figures.filter((figure) => !inTexts.has(figure));
  const supported = claims.filter((figure) =>
    support.some((fact) =>
      typeof fact === "number" ? numberCited[mode](fact, [figure]) : figuresOf(fact).includes(figure),
    ),
  );
  const total = claims.length + citedTexts.size;
  const precision = total === 0 ? 0 : (supported.length + citedTexts.size) / total;
  const f1 = precision + recall === 0 ? 0 : (2 * precision * recall) / (precision + recall);
  return { precision, recall, f1 };
}

/**
 * Grounding of `answer` in the `results` of the expected calls. `null` where no result holds anything beyond what
 * `request` already says: then there is nothing to integrate. An empty answer scores 0.
 */
export function scoreGrounding(
  answer: string,
  results: readonly Json[],
  request: string,
): GroundingScore | null {
  const given = relax(request);
  const requestFigures = figuresOf(request);
  const isNew = (fact: Fact): boolean =>
    typeof fact === "number"
      ? !requestFigures.some((figure) => readNumber(figure) === Math.abs(fact))
      : !occurs(given, relax(fact));
  const leaves = results.map(leavesOf);
  const factsByResult = leaves.map((facts) => facts.filter(isNew)).filter((facts) => facts.length > 0);
  if (factsByResult.length === 0) return null;
  const support: readonly Fact[] = [...leaves.flat(), request];
  return {
    strict: ground("strict", answer, factsByResult, support),
    lax: ground("lax", answer, factsByResult, support),
  };
}
