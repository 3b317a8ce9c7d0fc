import { LimbeckError } from "../../base/errors.ts";
import type { Segment } from "../types.ts";

/** How verbatim parts are written while an engine translates around them. */
export interface PlaceholderForm {
  /** Whole, and unlike anything that a sentence says. */
  write(index: number): string;
  /** Finds what `write` makes, with the index as its only group; global. */
  readonly pattern: RegExp;
  /** Whether plain numbers go to the engine as they are: they decide plurals, and most engines copy them. */
  readonly leavesNumbers: boolean;
}

export const placeholderForms = {
  /** Kept by chat models that are asked to, and by Apertium, which gets them as what is no text at all. */
  brackets: { write: (index) => `⟦${index}⟧`, pattern: /⟦(\d+)⟧/g, leavesNumbers: false },
  bracketsAndNumbers: { write: (index) => `⟦${index}⟧`, pattern: /⟦(\d+)⟧/g, leavesNumbers: true },
  /** For models whose vocabulary is pieces of words: letters that any has, in the shape of a product's name. */
  names: {
    write: (index) => `QX${index}`,
    pattern: /(?<![\p{L}\p{N}])QX(\d+)(?![\p{L}\p{N}])/gu,
    leavesNumbers: true,
  },
} as const satisfies Record<string, PlaceholderForm>;

/** A text with its verbatim parts taken out. */
export interface Protected {
  readonly text: string;
  /** By placeholder's index. */
  readonly kept: readonly string[];
  /** Numbers that went along. */
  readonly numbers: readonly string[];
}

const plainNumber = /^\d+(?:[.,]\d+)*$/;
const numbersIn = /\d+(?:[.,]\d+)*/g;

/** Texts between verbatim parts and those parts, alternating; begins and ends with a text, maybe an empty one. */
export interface Cut {
  readonly around: readonly string[];
  readonly kept: readonly string[];
}

/** Cuts a segment at its verbatim parts. Error: `internal` where they are not in order or not inside the text. */
export function cutAtVerbatim({ text, verbatim }: Pick<Segment, "text" | "verbatim">): Cut {
  const around: string[] = [];
  const kept: string[] = [];
  let at = 0;
  for (const [start, end] of verbatim) {
    if (start < at || end <= start || end > text.length) {
      const shown = `[${start}, ${end}) of ${text.length} after ${at}`;
      throw new LimbeckError("internal", `a segment's verbatim parts: expected ordered ones, got ${shown}`);
    }
    around.push(text.slice(at, start));
    kept.push(text.slice(start, end));
    at = end;
  }
  around.push(text.slice(at));
  return { around, kept };
}

/** Verbatim parts as placeholders. Returns undefined where the text itself holds what looks like one. */
export function protect(cut: Cut, form: PlaceholderForm): Protected | undefined {
  if (cut.around.some((text) => text.search(form.pattern) >= 0)) return undefined;
  const kept: string[] = [];
  const numbers: string[] = [];
  let text = cut.around[0] ?? "";
  cut.kept.forEach((part, i) => {
    if (form.leavesNumbers && plainNumber.test(part)) {
      numbers.push(part);
      text += part;
    } else {
      text += form.write(kept.length);
      kept.push(part);
    }
    text += cut.around[i + 1] ?? "";
  });
  return { text, kept, numbers };
}

/** A text with its verbatim parts put back, and where they stand; or what went wrong with them. */
export type Restored =
  | { readonly text: string; readonly verbatim: readonly (readonly [start: number, end: number])[] }
  | { readonly reason: string };

/**
 * Puts verbatim parts back: each exactly once, in any order, since languages order words differently. Numbers that went
 * along must have come back as often as they were sent.
 */
export function restore(translated: string, sent: Protected, form: PlaceholderForm): Restored {
  const seen = new Set<number>();
  const verbatim: [number, number][] = [];
  let text = "";
  let at = 0;
  for (const match of translated.matchAll(form.pattern)) {
    const index = Number(match[1]);
    const part = sent.kept[index];
    if (part === undefined) return { reason: `a placeholder was made up: ${match[0]}` };
    if (seen.has(index)) return { reason: `"${part}" came back twice` };
    seen.add(index);
    text += translated.slice(at, match.index);
    verbatim.push([text.length, text.length + part.length]);
    text += part;
    at = match.index + match[0].length;
  }
  const lost = sent.kept.find((_, index) => !seen.has(index));
  if (lost !== undefined) return { reason: `"${lost}" was lost` };
  text += translated.slice(at);
  const unkept = markNumbers(text, sent.numbers, verbatim);
  return unkept === undefined ? { text, verbatim } : { reason: `"${unkept}" was lost` };
}

/** Adds where `numbers` stand outside of what is marked, and sorts; returns one that is missing. */
function markNumbers(
  text: string,
  numbers: readonly string[],
  verbatim: [number, number][],
): string | undefined {
  const free = [...text.matchAll(numbersIn)].filter(
    ({ index }) => !verbatim.some(([start, end]) => start <= index && index < end),
  );
  for (const number of numbers) {
    const found = free.findIndex((match) => match[0] === number);
    if (found < 0) return number;
    const [match] = free.splice(found, 1);
    verbatim.push([match!.index, match!.index + number.length]);
  }
  verbatim.sort(([a], [b]) => a - b);
  return undefined;
}

/** Puts translated texts around verbatim parts that never left. */
export function join(
  around: readonly string[],
  kept: readonly string[],
): Extract<Restored, { text: string }> {
  let text = around[0] ?? "";
  const verbatim = kept.map((part, i): readonly [number, number] => {
    const start = text.length;
    text += part + (around[i + 1] ?? "");
    return [start, start + part.length];
  });
  return { text, verbatim };
}
