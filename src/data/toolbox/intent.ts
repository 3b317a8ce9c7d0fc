import type { Random } from "../../base/random.ts";

/** What a slot of a phrase may hold; `values.ts` draws it. */
export const valueKinds = [
  "minutes",
  "percent",
  "amount",
  "time",
  "weekday",
  "nearDay",
  "onOff",
  "fileKind",
  "unit",
  "person",
  "city",
  "app",
  "language",
  "room",
  "topic",
  "note",
  "task",
  "title",
] as const;
export type ValueKind = (typeof valueKinds)[number];

export const splits = ["train", "validation", "test"] as const;
export type Split = (typeof splits)[number];

/** Phrases of each split, by the line that they were written in; no phrase is in two splits. */
export type Phrases = { readonly [S in Split]: readonly (readonly string[])[] };

/** How people ask for one tool. Phrases hold `{parameter}` where a value goes. */
export interface Intent {
  readonly tool: string;
  readonly slots: Readonly<Record<string, ValueKind>>;
  readonly requests: Phrases;
  /** Requests that leave out a required argument, and what to ask then. */
  readonly missing: {
    readonly requests: Phrases;
    readonly questions: readonly string[];
  };
  /** What the teacher says before it calls. */
  readonly leadIns: readonly string[];
  /** Final answers, with `{field}` of the tool's result. */
  readonly answers: readonly string[];
}

/** Of the sentences written for training, one in so many is kept for validation. */
const validationEvery = 12;

/**
 * The phrases of all splits, from one line each: `(a|b)` stands for either, `(a|)` for one or none. Sentences of `test`
 * are other sentences from the same words; training and validation never see them.
 */
export function splitPhrases(written: { readonly train: string; readonly test: string }): Phrases {
  const test = linesOf(written.test);
  const taken = new Set(test.flat());
  const rest = linesOf(written.train).map((line) =>
    line.filter((phrase) => {
      if (taken.has(phrase)) return false;
      taken.add(phrase);
      return true;
    }),
  );
  let count = 0;
  const isValidation = new Set(rest.flat().filter(() => count++ % validationEvery === validationEvery >> 1));
  const some = (keep: (phrase: string) => boolean): string[][] =>
    rest.map((line) => line.filter(keep)).filter((line) => line.length > 0);
  return {
    train: some((phrase) => !isValidation.has(phrase)),
    validation: some((phrase) => isValidation.has(phrase)),
    test,
  };
}

/**
 * One phrase. A line of many alternatives comes more often than a line of one, but not as many times more as it has
 * alternatives: by their square root.
 */
export function drawPhrase(random: Random, lines: readonly (readonly string[])[]): string {
  const weights = lines.map((line) => Math.sqrt(line.length));
  let left = random.next() * weights.reduce((sum, weight) => sum + weight, 0);
  const line = lines.find((_, i) => {
    left -= weights[i]!;
    return left < 0;
  });
  return random.pick(line ?? lines[0]!);
}

function linesOf(text: string): readonly (readonly string[])[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line.length > 0)
    .map(alternatives);
}

/** Every sentence that a line with `(a|b)` stands for. */
function alternatives(line: string): readonly string[] {
  const group = /\(([^()]*)\)/.exec(line);
  if (!group) return [line.replace(/ +/g, " ").trim()];
  const [whole, inside] = group;
  return inside!
    .split("|")
    .flatMap((one) =>
      alternatives(line.slice(0, group.index) + one + line.slice(group.index + whole.length)),
    );
}

/** The slots of a phrase, in order. */
export function slotsOf(phrase: string): string[] {
  return [...phrase.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!);
}

export function fillSlots(phrase: string, valueFor: (slot: string) => string): string {
  return phrase.replace(/\{(\w+)\}/g, (_, slot: string) => valueFor(slot));
}
