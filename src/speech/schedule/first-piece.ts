import type { Language } from "../types.ts";

/** Words that open a phrase, by language: a reader may breathe before them. */
const joints: Readonly<Record<string, RegExp>> = {
  en: /^(?:and|but|or|because|which|while|so|then|that|where|when|if|although|with|without|after|before|in|on|at|for|from|into|by|until|since|as|to)$/i,
  es: /^(?:y|pero|o|porque|que|mientras|donde|cuando|si|aunque|con|sin|después|antes|en|por|para|desde|hasta|como)$/i,
  de: /^(?:und|aber|oder|weil|der|die|das|während|wo|wenn|obwohl|mit|ohne|nach|vor|in|auf|bei|für|von|aus|bis|seit|als)$/i,
  fr: /^(?:et|mais|ou|parce|qui|que|pendant|où|quand|si|avec|sans|après|avant|dans|sur|pour|depuis|par|comme)$/i,
  it: /^(?:e|ma|o|perché|che|mentre|dove|quando|se|con|senza|dopo|prima|in|su|per|da|fino|come)$/i,
};

const leastLength = 14;

/**
 * The first piece of a text that is longer than `most` characters, and the rest; undefined where it is short, or has no place
 * to breathe. A comma ends the piece, so that its voice does not fall as at the end of a sentence.
 */
export function firstPiece(
  text: string,
  language: Language,
  most: number,
): readonly [piece: string, rest: string] | undefined {
  const known = joints[language.toLowerCase().split(/[-_]/)[0] ?? ""];
  if (text.length <= most || known === undefined) return undefined;
  let cut: number | undefined;
  let depth = 0;
  for (const { 0: word, index } of text.matchAll(/\S+/g)) {
    if (index > most || text.length - index < leastLength) break;
    const hasMark = /[,;:]$/.test(text.slice(0, index).trimEnd());
    if (depth === 0 && index >= leastLength && (hasMark || known.test(word))) cut = index;
    for (const letter of word) {
      if ("([“«".includes(letter)) depth++;
      if (")]”»".includes(letter)) depth--;
    }
  }
  if (cut === undefined) return undefined;
  const piece = text.slice(0, cut).trimEnd();
  return [/[,;:]$/.test(piece) ? piece : `${piece},`, text.slice(cut)];
}
