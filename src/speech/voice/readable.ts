import { LimbeckError } from "../../base/errors.ts";
import type { Language } from "../types.ts";

/** Letters that an engine reads: those of English, or those of western Europe as well. */
export type Alphabet = "ascii" | "latin1";

const inAlphabet: { readonly [A in Alphabet]: RegExp } = {
  ascii: /^[A-Za-z]+$/,
  latin1: /^[A-Za-zÀ-ÖØ-öø-ÿœŒ]+$/,
};

/** Letters that do not fall apart into a plain one and its marks. */
const plainLetters: Readonly<Record<string, string>> = {
  ß: "ss",
  æ: "ae",
  Æ: "Ae",
  œ: "oe",
  Œ: "Oe",
  ø: "o",
  Ø: "O",
  đ: "d",
  Đ: "D",
  ł: "l",
  Ł: "L",
  ı: "i",
  þ: "th",
  Þ: "Th",
  ð: "d",
  Ð: "D",
};

/** What is said for a word whose letters the voice does not know: it is heard that something stands there. */
const foreignWord: Readonly<Record<string, string>> = {
  en: "a foreign word",
  de: "ein fremdes Wort",
  es: "una palabra extranjera",
  fr: "un mot étranger",
  it: "una parola straniera",
};

const typography: readonly (readonly [RegExp, string])[] = [
  [/[‘’‚‛′`´]/g, "'"],
  [/[“”„‟«»″]/g, '"'],
  [/\s*[—―]\s*/g, ", "],
  [/[‐‑‒–−]/g, "-"],
  [/…/g, "..."],
];

function readableWord(word: string, alphabet: Alphabet, language: Language): string {
  const known = inAlphabet[alphabet];
  if (known.test(word)) return word;
  const plain = word
    .normalize("NFD")
    .replace(/\p{M}/gu, "")
    .replace(/./gu, (letter) => plainLetters[letter] ?? letter);
  return known.test(plain) ? plain : (foreignWord[language.split("-")[0]!] ?? foreignWord["en"]!);
}

/**
 * Text in the letters that an engine reads: typographic signs become plain ones, marks that it does not know are taken
 * off, a word in another script becomes "a foreign word" in the voice's language, symbols and emoji go. Empty where the text has nothing to say
 * (`...`). Error: `voice_failed` where all its words are in another script: that voice is the wrong one.
 */
export function readable(text: string, alphabet: Alphabet, language: Language): string {
  let plain = text.normalize("NFKC");
  for (const [sign, replacement] of typography) plain = plain.replace(sign, replacement);
  let words = 0;
  let foreign = 0;
  plain = plain.replace(/[\p{L}\p{M}]+/gu, (word) => {
    const said = readableWord(word, alphabet, language);
    words++;
    if (said !== word && said.includes(" ")) foreign++;
    return said;
  });
  const kept = alphabet === "ascii" ? /[^\x20-\x7e]/gu : /[^\x20-\x7eÀ-ÖØ-öø-ÿœŒ¿¡€£]/gu;
  plain = plain.replace(kept, " ").replace(/\s+/g, " ").trim();
  if (foreign > 0 && foreign === words && !/\d/.test(plain)) {
    throw new LimbeckError(
      "voice_failed",
      `voice: expected text in the letters of "${language}", got another script`,
      {
        cure: "Choose a voice of the text's language.",
        fields: { text },
      },
    );
  }
  return /[\p{L}\p{N}]/u.test(plain) ? plain : "";
}

/** Cuts long text between sentences, else clauses, else words, into pieces of at most `most` characters. */
export function pieces(text: string, most: number): string[] {
  const found: string[] = [];
  let rest = text.trim();
  while (rest.length > most) {
    const head = rest.slice(0, most + 1);
    const cuts = [/[.!?]["')]*\s(?!.*[.!?]["')]*\s)/, /[,;:]["')]*\s(?!.*[,;:]["')]*\s)/, /\s(?!.*\s)/];
    const cut = cuts.map((end) => end.exec(head)).find((match) => match !== null && match.index > 0);
    // A word longer than `most` is cut where it must be.
    const at = cut ? cut.index + cut[0].length : most;
    found.push(rest.slice(0, at).trim());
    rest = rest.slice(at).trim();
  }
  if (rest !== "") found.push(rest);
  return found;
}
