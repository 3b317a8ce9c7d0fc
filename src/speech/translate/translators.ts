import { createRequire } from "node:module";
import { LimbeckError } from "../../base/errors.ts";
import type { Direction, Licence, Translator } from "../types.ts";
import { apertiumLicence, openApertium, whyNoApertium } from "./apertium.ts";
import type { TranslationEngine } from "./engine.ts";
import { isSameLanguage } from "./languages.ts";
import { unknownLicence } from "./licences.ts";
import { defaultLimits, type Limits, limitEngine } from "./limits.ts";
import { openOpenAi } from "./openai.ts";
import { placeholderForms } from "./placeholders.ts";
import { openTransformers, transformersPackage } from "./transformers.ts";

export const translatorEngines = ["none", "apertium", "transformers", "openai"] as const;
export type TranslatorEngine = (typeof translatorEngines)[number];

export interface TranslatorOptions {
  readonly engine: TranslatorEngine;
  readonly direction: Direction;
  /** transformers: a folder, or a name on the hub. openai: the endpoint's name of its model. */
  readonly model?: string;
  /** openai: as "http://127.0.0.1:8080/v1". */
  readonly baseUrl?: string;
  readonly apiKey?: string;
  /** Of one call, 5000 by default. */
  readonly timeoutMs?: number;
  /** Lets transformers run weights whose licence does not allow commercial use, or is unknown. */
  readonly acceptNonCommercial?: boolean;
  /** transformers: weights, as "q8". */
  readonly dtype?: string;
  readonly threads?: number;
  readonly limits?: Partial<Limits>;
}

const noLicence: Licence = { name: "none needed", isCommercial: true };

/** Says everything as it stands: for a source and a target that are one language. Error: `usage`. */
function openNone(direction: Direction): TranslationEngine {
  const { source, target } = direction;
  if (!isSameLanguage(source, target)) {
    throw new LimbeckError("usage", `translation: expected an engine for ${source} to ${target}, got none`, {
      cure: `Choose one of ${translatorEngines.slice(1).join(", ")}.`,
      fields: { source, target },
    });
  }
  return {
    name: "none",
    licence: noLicence,
    isRemote: false,
    direction,
    placeholders: placeholderForms.brackets,
    translate: async (texts) => texts,
    close: async () => undefined,
  };
}

function required(option: string, value: string | undefined, example: string): string {
  if (value !== undefined && value !== "") return value;
  throw new LimbeckError("usage", `translation: expected ${option}, got none`, { cure: `As in: ${example}` });
}

const opens: {
  readonly [E in TranslatorEngine]: (
    options: TranslatorOptions,
    timeoutMs: number,
  ) => Promise<TranslationEngine>;
} = {
  none: async ({ direction }) => openNone(direction),
  apertium: ({ direction }, timeoutMs) => openApertium({ direction, timeoutMs }),
  transformers: async (options) => {
    const model = required("a model", options.model, "--translate-model Xenova/opus-mt-en-es");
    const { direction, acceptNonCommercial, dtype, threads } = options;
    return openTransformers({
      direction,
      model,
      ...(acceptNonCommercial === undefined ? {} : { acceptNonCommercial }),
      ...(dtype === undefined ? {} : { dtype }),
      ...(threads === undefined ? {} : { threads }),
    });
  },
  openai: async ({ direction, model, baseUrl, apiKey }) =>
    openOpenAi({
      direction,
      model: required("a model", model, "--translate-model qwen3"),
      baseUrl: required("a base URL", baseUrl, "--translate-url http://127.0.0.1:8080/v1"),
      ...(apiKey === undefined ? {} : { apiKey }),
    }),
};

/**
 * A translator of one direction whose calls end in time, at most four at once, and which rests after failures in a row.
 *
 * Errors: `usage` (options that the engine needs, languages, licence), `missing_dependency` (with the package to install),
 * `file_not_found`, `translation_failed`.
 */
export async function openTranslator(options: TranslatorOptions): Promise<Translator> {
  const { engine, direction } = options;
  if (engine !== "none" && isSameLanguage(direction.source, direction.target)) {
    const { source, target } = direction;
    throw new LimbeckError("usage", `translation: expected two languages, got ${source} and ${target}`, {
      cure: "Leave the translation out.",
      fields: { source, target },
    });
  }
  const limits: Limits = {
    ...defaultLimits,
    ...options.limits,
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
  };
  const opened = await opens[engine](options, limits.timeoutMs);
  return engine === "none" ? opened : limitEngine(opened, limits);
}

/** What an engine could do for a direction on this machine. */
export interface TranslatorInfo {
  readonly engine: TranslatorEngine;
  /** Of what is run; of models and endpoints it is known only once one is named. */
  readonly licence: Licence;
  readonly isRemote: boolean;
  readonly available: boolean;
  /** Why it is not available, with what to install; or what else it needs. */
  readonly reason?: string;
}

function isInstalled(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch {
    return false;
  }
}

/** All engines, and which of them this machine has for a direction. Nothing is loaded, nobody is asked. */
export async function listTranslators(direction: Direction): Promise<readonly TranslatorInfo[]> {
  const { source, target } = direction;
  const isSame = isSameLanguage(source, target);
  const apertium = isSame ? { what: "nothing to translate", cure: "" } : whyNoApertium(direction);
  return [
    {
      engine: "none",
      licence: noLicence,
      isRemote: false,
      available: isSame,
      ...(isSame ? {} : { reason: `${source} and ${target} are two languages` }),
    },
    {
      engine: "apertium",
      licence: apertiumLicence,
      isRemote: false,
      available: apertium === undefined,
      ...(apertium === undefined ? {} : { reason: `${apertium.what}. ${apertium.cure}`.trim() }),
    },
    {
      engine: "transformers",
      licence: unknownLicence,
      isRemote: false,
      available: isInstalled(transformersPackage),
      reason: isInstalled(transformersPackage)
        ? "it needs a model: a folder, or a name on the hub; the licence is the model's"
        : `Install it: npm install ${transformersPackage}`,
    },
    {
      engine: "openai",
      licence: unknownLicence,
      isRemote: true,
      available: true,
      reason:
        "it needs a base URL and a model; text leaves this machine unless the address is a loopback one",
    },
  ];
}
