import { LimbeckError } from "../../base/errors.ts";
import type { Language } from "../types.ts";

/** What engines call one language, and the letters that it is written in where those are not Latin. */
interface LanguageNames {
  /** ISO 639-3, as Apertium's pairs are named. Older pairs have the two letters of BCP 47. */
  readonly iso3: string;
  /** FLORES-200, as NLLB's tokens are named. */
  readonly flores: string;
  readonly script?: RegExp;
}

const cyrillic = /\p{Script=Cyrillic}/u;
const han = /\p{Script=Han}/u;
const arabic = /\p{Script=Arabic}/u;
const devanagari = /\p{Script=Devanagari}/u;

/** By the first part of a BCP 47 tag. M2M-100 and MADLAD-400 use these keys themselves. */
const languages: Readonly<Record<string, LanguageNames>> = {
  af: { iso3: "afr", flores: "afr_Latn" },
  an: { iso3: "arg", flores: "arg_Latn" },
  ar: { iso3: "ara", flores: "arb_Arab", script: arabic },
  ast: { iso3: "ast", flores: "ast_Latn" },
  be: { iso3: "bel", flores: "bel_Cyrl", script: cyrillic },
  bg: { iso3: "bul", flores: "bul_Cyrl", script: cyrillic },
  br: { iso3: "bre", flores: "bre_Latn" },
  ca: { iso3: "cat", flores: "cat_Latn" },
  cs: { iso3: "ces", flores: "ces_Latn" },
  cy: { iso3: "cym", flores: "cym_Latn" },
  da: { iso3: "dan", flores: "dan_Latn" },
  de: { iso3: "deu", flores: "deu_Latn" },
  el: { iso3: "ell", flores: "ell_Grek", script: /\p{Script=Greek}/u },
  en: { iso3: "eng", flores: "eng_Latn" },
  eo: { iso3: "epo", flores: "epo_Latn" },
  es: { iso3: "spa", flores: "spa_Latn" },
  et: { iso3: "est", flores: "est_Latn" },
  eu: { iso3: "eus", flores: "eus_Latn" },
  fa: { iso3: "fas", flores: "pes_Arab", script: arabic },
  fi: { iso3: "fin", flores: "fin_Latn" },
  fr: { iso3: "fra", flores: "fra_Latn" },
  ga: { iso3: "gle", flores: "gle_Latn" },
  gl: { iso3: "glg", flores: "glg_Latn" },
  he: { iso3: "heb", flores: "heb_Hebr", script: /\p{Script=Hebrew}/u },
  hi: { iso3: "hin", flores: "hin_Deva", script: devanagari },
  hr: { iso3: "hrv", flores: "hrv_Latn" },
  hu: { iso3: "hun", flores: "hun_Latn" },
  id: { iso3: "ind", flores: "ind_Latn" },
  is: { iso3: "isl", flores: "isl_Latn" },
  it: { iso3: "ita", flores: "ita_Latn" },
  ja: { iso3: "jpn", flores: "jpn_Jpan", script: /[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]/u },
  ko: { iso3: "kor", flores: "kor_Hang", script: /\p{Script=Hangul}/u },
  lt: { iso3: "lit", flores: "lit_Latn" },
  lv: { iso3: "lav", flores: "lvs_Latn" },
  mk: { iso3: "mkd", flores: "mkd_Cyrl", script: cyrillic },
  ms: { iso3: "zlm", flores: "zsm_Latn" },
  nb: { iso3: "nob", flores: "nob_Latn" },
  nl: { iso3: "nld", flores: "nld_Latn" },
  nn: { iso3: "nno", flores: "nno_Latn" },
  oc: { iso3: "oci", flores: "oci_Latn" },
  pl: { iso3: "pol", flores: "pol_Latn" },
  pt: { iso3: "por", flores: "por_Latn" },
  ro: { iso3: "ron", flores: "ron_Latn" },
  ru: { iso3: "rus", flores: "rus_Cyrl", script: cyrillic },
  sc: { iso3: "srd", flores: "srd_Latn" },
  sk: { iso3: "slk", flores: "slk_Latn" },
  sl: { iso3: "slv", flores: "slv_Latn" },
  sv: { iso3: "swe", flores: "swe_Latn" },
  sw: { iso3: "swa", flores: "swh_Latn" },
  th: { iso3: "tha", flores: "tha_Thai", script: /\p{Script=Thai}/u },
  tr: { iso3: "tur", flores: "tur_Latn" },
  uk: { iso3: "ukr", flores: "ukr_Cyrl", script: cyrillic },
  ur: { iso3: "urd", flores: "urd_Arab", script: arabic },
  vi: { iso3: "vie", flores: "vie_Latn" },
  zh: { iso3: "zho", flores: "zho_Hans", script: han },
};

/** First part of a BCP 47 tag in small letters: "en" of "en-GB". */
export function primaryLanguage(language: Language): string {
  return (language.split(/[-_]/)[0] ?? "").toLowerCase();
}

/** Other parts of a BCP 47 tag in capitals: ["GB"] of "en-GB". */
export function languageVariants(language: Language): readonly string[] {
  return language
    .split(/[-_]/)
    .slice(1)
    .map((part) => part.toUpperCase());
}

export function isSameLanguage(a: Language, b: Language): boolean {
  return primaryLanguage(a) === primaryLanguage(b);
}

/** The name of a language in English, or the tag itself. */
export function englishName(language: Language): string {
  try {
    return new Intl.DisplayNames(["en"], { type: "language" }).of(language) ?? language;
  } catch {
    // Not a BCP 47 tag: an endpoint may know it all the same.
    return language;
  }
}

/** What Apertium may call a language, the likeliest first. */
export function apertiumCodes(language: Language): readonly string[] {
  const primary = primaryLanguage(language);
  const iso3 = languages[primary]?.iso3;
  return iso3 === undefined ? [primary] : [iso3, primary];
}

/** NLLB's token of a language. Error: `usage`. */
export function floresCode(language: Language): string {
  const found = languages[primaryLanguage(language)]?.flores;
  if (found === undefined) {
    throw new LimbeckError("usage", `translation: expected a language that NLLB has here, got ${language}`, {
      cure: `Known: ${Object.keys(languages).join(", ")}.`,
      fields: { language },
    });
  }
  const isTraditional = languageVariants(language).some((part) => ["HANT", "TW", "HK"].includes(part));
  return found === "zho_Hans" && isTraditional ? "zho_Hant" : found;
}

/** The letters of a language; undefined where it is Latin or unknown. */
export function scriptOf(language: Language): RegExp | undefined {
  return languages[primaryLanguage(language)]?.script;
}
