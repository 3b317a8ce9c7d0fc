import type { Language } from "./types.ts";

/** "This could not be translated." as each embedded voice says it. */
const sentences: Readonly<Record<string, string>> = {
  de: "Ein Satz konnte nicht übersetzt werden.",
  en: "A sentence could not be translated.",
  es: "No se pudo traducir una frase.",
  fr: "Une phrase n’a pas pu être traduite.",
  it: "Non è stato possibile tradurre una frase.",
};

/**
 * What is said instead of a sentence that neither was translated nor has a voice of its own language; undefined where
 * these words are not known in the language either.
 */
export function apologyIn(language: Language): string | undefined {
  const primary = language.toLowerCase().split(/[-_]/)[0] ?? "";
  return Object.hasOwn(sentences, primary) ? sentences[primary] : undefined;
}
