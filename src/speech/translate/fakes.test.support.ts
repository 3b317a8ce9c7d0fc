import type { Direction, Segment } from "../types.ts";
import type { TranslationEngine } from "./engine.ts";
import { type PlaceholderForm, placeholderForms } from "./placeholders.ts";

export const english: Direction = { source: "en", target: "es" };
export const never: AbortSignal = new AbortController().signal;

/** A segment from a text in which «guillemets» mark the verbatim parts. */
export function segment(marked: string, index = 0): Segment {
  let text = "";
  const verbatim: [number, number][] = [];
  for (const part of marked.split(/(«[^»]*»)/)) {
    const isKept = part.startsWith("«");
    const words = isKept ? part.slice(1, -1) : part;
    if (isKept) verbatim.push([text.length, text.length + words.length]);
    text += words;
  }
  return { index, agent: "a", priority: "normal", text, verbatim, atMs: 0 };
}

export interface FakeEngine extends TranslationEngine {
  /** Every call's texts. */
  readonly calls: (readonly string[])[];
}

/** An engine that answers as told. */
export function fakeEngine(
  answer: (texts: readonly string[], signal: AbortSignal) => Promise<readonly string[]> | readonly string[],
  direction: Direction = english,
  placeholders: PlaceholderForm = placeholderForms.brackets,
): FakeEngine {
  const calls: (readonly string[])[] = [];
  return {
    name: "fake",
    licence: { name: "MIT", isCommercial: true },
    isRemote: false,
    direction,
    placeholders,
    calls,
    translate: async (texts, signal) => {
      calls.push(texts);
      return answer(texts, signal);
    },
    close: async () => undefined,
  };
}
