import type { Direction } from "../types.ts";
import { scriptOf } from "./languages.ts";
import { type Cut, placeholderForms } from "./placeholders.ts";

const word = /[\p{L}\p{M}][\p{L}\p{M}\p{N}'’-]*/gu;

/** A translation is at most this many times as long as its source, and some letters for very short ones. */
const longest = 4;
const longestExtra = 40;
/** Chinese needs about a third of the letters of English; an eighth is no translation. */
const shortest = 1 / 8;
const shortestFrom = 24;
/** The same word so often in a row is a model that fell into a loop. */
const loopLength = 6;

const lettersOf = (text: string): number => [...text.matchAll(/[\p{L}\p{M}]/gu)].length;
const wordsOf = (text: string): readonly string[] => [...text.matchAll(word)].map(([found]) => found);
const plain = (text: string): string => wordsOf(text).join(" ").toLowerCase();

/**
 * Whether a word can be a name, which languages share: with a capital that no sentence gave it, or a digit. `isFirst`
 * where a sentence may begin: a capital says nothing there.
 */
function isNameLike(found: string, isFirst: boolean): boolean {
  if (/\p{N}/u.test(found)) return true;
  return isFirst ? /^.+\p{Lu}/u.test(found) : /\p{Lu}/u.test(found);
}

/** Whether the texts around verbatim parts say nothing that another language would say otherwise. */
export function isUntranslatable(around: readonly string[]): boolean {
  return around.every((text, i) =>
    wordsOf(text).every((found, at) => isNameLike(found, i === 0 && at === 0)),
  );
}

/**
 * Why a translation must not be spoken in the target's voice; undefined where nothing speaks against it.
 * `around` is what was translated without its verbatim parts, `text` the translation with them.
 */
export function whyUnusable(source: Cut, target: Cut, direction: Direction): string | undefined {
  const [before, after] = [source.around.join(" "), target.around.join(" ")];
  for (const { pattern } of Object.values(placeholderForms)) {
    if (after.search(pattern) >= 0 && before.search(pattern) < 0) return "a placeholder was left over";
  }
  if (isUntranslatable(source.around)) return undefined;
  const [sent, got] = [lettersOf(before), lettersOf(after)];
  if (got === 0) return "the translation is empty";
  if (got > longest * sent + longestExtra) return `the translation has ${got} letters for ${sent}`;
  if (sent >= shortestFrom && got < shortest * sent) return `the translation has ${got} letters for ${sent}`;
  const words = wordsOf(after);
  let run = 1;
  for (let i = 1; i < words.length; i++) {
    run = words[i] === words[i - 1] ? run + 1 : 1;
    if (run >= loopLength) return `the translation repeats "${words[i]}"`;
  }
  if (plain(before) === plain(after)) return "the text came back untranslated";
  const script = scriptOf(direction.target);
  if (script !== undefined && !script.test(after)) return `no letter of ${direction.target} came back`;
  return undefined;
}
