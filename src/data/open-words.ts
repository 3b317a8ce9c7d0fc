import type { Random } from "../base/random.ts";
import { spokenWords } from "./spoken-words.ts";
import { wordPieces } from "./word-pieces.ts";
import { heldOutWords, trainWords } from "./words.ts";

/**
 * Words that cannot be learnt by heart. A model that trains on values from a list learns the list; one that trains on
 * these learns to copy.
 */
const onsets =
  "b c d f g h j k l m n p qu r s t v w x y z bl br cl cr dr fl fr gl gr kl kn pl pr ph sc sh sk sl sm sn sp st str sw ch th tr tw wh".split(
    " ",
  );
const nuclei =
  "a e i o u y ai au ea ee ei ie oa oo ou oi ue an en in on un ar er ir or ur al el il ol ul am em im om um".split(
    " ",
  );
const codas = [
  "",
  "",
  "",
  "",
  "b",
  "d",
  "g",
  "k",
  "l",
  "m",
  "n",
  "p",
  "r",
  "s",
  "t",
  "x",
  "z",
  "ck",
  "ff",
  "ld",
  "ll",
  "mp",
  "nd",
  "ng",
  "nk",
  "nt",
  "pp",
  "rd",
  "rk",
  "rn",
  "ss",
  "st",
  "th",
  "tt",
  "sh",
  "ch",
  "by",
  "dy",
  "le",
  "ly",
  "ry",
  "ty",
  "ing",
  "tion",
  "ment",
  "ness",
  "able",
  "ster",
];

function syllableWord(random: Random): string {
  let word = random.next() < 0.15 ? random.pick(nuclei) : "";
  const syllables = 1 + random.integer(3);
  for (let i = 0; i < syllables; i++) word += random.pick(onsets) + random.pick(nuclei);
  return word + random.pick(codas);
}

/** Parts of real words put together: every piece of the vocabulary comes to stand inside a value. */
function fragmentWord(random: Random): string {
  const fragment = (): string => {
    const word = random.pick(trainWords);
    const length = Math.min(word.length, 2 + random.integer(5));
    const start = random.next() < 0.5 ? 0 : random.integer(word.length - length + 1);
    return word.slice(start, start + length);
  };
  let word = fragment();
  while (word.length < 3 || (word.length < 7 && random.next() < 0.6)) word += fragment();
  return word;
}

/** A word of the requests and answers, alone or with a part of another: words that are one token must be copied too. */
function gluedWord(random: Random): string {
  const word = random.pick(spokenWords);
  const other = random.pick(trainWords);
  const part = other.slice(0, 2 + random.integer(3));
  const shape = random.next();
  if (shape < 0.25) return word;
  if (shape < 0.5) return part + word;
  if (shape < 0.75) return word + part;
  return word.slice(0, 3 + random.integer(3)) + part;
}

/** Pieces of the vocabulary put together: those that real training words never show must be copied too. */
function piecedWord(random: Random): string {
  let word = random.pick(wordPieces);
  while (word.length < 3 || (word.length < 9 && random.next() < 0.55)) word += random.pick(wordPieces);
  return word;
}

/**
 * What made-up words are made of. "plain" knows nothing of the vocabulary: it is what the vocabulary is trained on, so
 * that the one does not hang on the other in a circle.
 */
export type WordMix = "pieces" | "plain";

const mixes: { readonly [M in WordMix]: (random: Random) => string } = {
  pieces: (random) => {
    const kind = random.next();
    if (kind < 0.2) return syllableWord(random);
    if (kind < 0.65) return piecedWord(random);
    return kind < 0.85 ? fragmentWord(random) : gluedWord(random);
  },
  plain: (random) => {
    const kind = random.next();
    if (kind < 0.45) return syllableWord(random);
    return kind < 0.8 ? fragmentWord(random) : gluedWord(random);
  },
};

/** Randomness that can also make up words. */
export interface WordRandom extends Random {
  /** A made-up lower-case word of 2 to 12 letters; never a held-out one. */
  drawWord(): string;
}

export function withWords(random: Random, mix: WordMix = "pieces"): WordRandom {
  const drawWord = (): string => {
    for (;;) {
      const word = mixes[mix](random);
      if (word.length >= 2 && word.length <= 12 && !heldOutWords.has(word)) return word;
    }
  };
  return { ...random, drawWord };
}

export function capitalise(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
