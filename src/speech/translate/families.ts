import { LimbeckError } from "../../base/errors.ts";
import type { Direction, Language } from "../types.ts";
import { apertiumCodes, floresCode, primaryLanguage } from "./languages.ts";

/** Encoder–decoder models for translation that differ in how they are told the languages. */
export const families = ["nllb", "m2m100", "madlad", "marian"] as const;
export type Family = (typeof families)[number];

/** What a checkpoint says about itself: config.json, tokenizer_config.json, and its tokens. */
export interface CheckpointFacts {
  readonly modelType: string;
  readonly tokenizerClass: string;
  readonly hasToken: (token: string) => boolean;
}

/** Which tokens stand where. The source ends with the end token in every family. */
export interface LanguageTokens {
  /** Before the source. */
  readonly source?: string;
  /** First token of the answer, right behind the decoder's start token. */
  readonly target?: string;
}

const rules: { readonly [F in Family]: (direction: Direction, facts: CheckpointFacts) => LanguageTokens } = {
  nllb: ({ source, target }) => ({ source: floresCode(source), target: floresCode(target) }),
  m2m100: ({ source, target }) => ({
    source: `__${primaryLanguage(source)}__`,
    target: `__${primaryLanguage(target)}__`,
  }),
  madlad: ({ target }) => ({ source: `<2${primaryLanguage(target)}>` }),
  // One pair of languages needs no token; a group of targets has one for each.
  marian: ({ target }, { hasToken }) => {
    const token = apertiumCodes(target)
      .map((code) => `>>${code}<<`)
      .find(hasToken);
    return token === undefined ? {} : { source: token };
  },
};

/** The family of a checkpoint. Error: `usage`. */
export function familyOf({ modelType, tokenizerClass, hasToken }: CheckpointFacts): Family {
  if (modelType === "m2m_100") return /^Nllb/.test(tokenizerClass) ? "nllb" : "m2m100";
  if (modelType === "marian") return "marian";
  if (modelType === "t5" && hasToken("<2en>")) return "madlad";
  throw new LimbeckError(
    "usage",
    `translation: expected a model of ${families.join(", ")}, got ${modelType}`,
    {
      cure: "Choose a translation model, as one of Xenova/opus-mt-*, or another engine.",
      fields: { modelType, tokenizerClass },
    },
  );
}

/** The tokens of a direction, each one that the checkpoint has. Error: `usage`. */
export function languageTokens(family: Family, direction: Direction, facts: CheckpointFacts): LanguageTokens {
  const tokens = rules[family](direction, facts);
  const missing = Object.values(tokens).find((token) => !facts.hasToken(token));
  if (missing === undefined) return tokens;
  const { source, target } = direction;
  throw new LimbeckError(
    "usage",
    `translation: expected a model for ${source} to ${target}, got one without ${missing}`,
    {
      cure: "Choose a model that has both languages.",
      fields: { family, source, target, token: missing },
    },
  );
}

/** The pair that the name of an OPUS-MT model tells: "opus-mt-en-es". Groups ("en-ROMANCE") tell none. */
export function marianPair(model: string): { source: Language; target: Language } | undefined {
  const found = /opus-mt-(?:tc-(?:big|base)-)?([a-z]{2,3})-([a-z]{2,3})$/.exec(model);
  return found === null ? undefined : { source: found[1]!, target: found[2]! };
}
