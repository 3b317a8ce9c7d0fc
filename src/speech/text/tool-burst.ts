import type { Sentence } from "./segmenter.ts";
import { type Token, verbatim, words } from "./tokens.ts";
import type { ToolPhrase } from "./tool-phrases.ts";

/** Kinds of calls that are named in one sentence; the others are counted. */
const maxKinds = 3;

const plain = (tokens: readonly Token[]): string => tokens.map(({ text }) => text).join("");

interface Kind {
  readonly key: string;
  readonly phrases: ToolPhrase[];
}

function kindTokens({ phrases }: Kind, isAlone: boolean): readonly Token[] {
  const [first] = phrases;
  if (first === undefined) return [];
  const distinct = phrases.filter(
    (phrase, i) => phrases.findIndex(({ object }) => plain(object) === plain(phrase.object)) === i,
  );
  const verb = words(first.object.length === 0 ? first.verb : `${first.verb} `);
  if (distinct.length === 1)
    return [verb, ...first.object, ...(isAlone && phrases.length === 1 ? (first.detail ?? []) : [])];
  // Commands are told apart by their names, files by their number.
  if (distinct.length <= (first.many === "commands" ? 3 : 2))
    return [verb, ...joinList(distinct.map(({ object }) => object))];
  return [verb, verbatim(String(distinct.length)), words(` ${first.many ?? "things"}`)];
}

/** One sentence for calls that came together: "Reading 5 files and running npm test." */
export function burstSentence(phrases: readonly ToolPhrase[]): Sentence {
  const kinds: Kind[] = [];
  for (const phrase of phrases) {
    const key =
      phrase.many === undefined ? `${phrase.verb} ${plain(phrase.object)}` : `${phrase.verb} ${phrase.many}`;
    const same = kinds.find((kind) => kind.key === key);
    if (same) same.phrases.push(phrase);
    else kinds.push({ key, phrases: [phrase] });
  }
  const named = kinds.length > maxKinds ? kinds.slice(0, maxKinds - 1) : kinds;
  const parts = named.map((kind) => kindTokens(kind, kinds.length === 1));
  const left = kinds.slice(named.length).reduce((sum, kind) => sum + kind.phrases.length, 0);
  if (left > 0) parts.push([verbatim(String(left)), words(" more steps")]);
  return sentenceOf(joinList(parts));
}

function joinList(parts: readonly (readonly Token[])[]): readonly Token[] {
  return parts.flatMap((part, i) => {
    if (i === 0) return part;
    const isLast = i === parts.length - 1;
    return [words(isLast ? (parts.length > 2 ? ", and " : " and ") : ", "), ...part];
  });
}

/** Tokens as one sentence: a capital first, a full stop last. */
export function sentenceOf(tokens: readonly Token[]): Sentence {
  let text = "";
  const marked: [number, number][] = [];
  for (const token of tokens) {
    const from = text.length;
    text +=
      text === "" && !token.verbatim ? token.text.charAt(0).toUpperCase() + token.text.slice(1) : token.text;
    if (token.verbatim && token.text !== "") marked.push([from, text.length]);
  }
  return { text: /[.!?]$/.test(text) ? text : `${text}.`, verbatim: marked };
}
