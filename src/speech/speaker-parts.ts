import { LimbeckError } from "../base/errors.ts";
import type { SpeechSettings } from "./settings.ts";
import { openTranslator, type TranslatorEngine } from "./translate/translators.ts";
import type { Language, Translator, Voice } from "./types.ts";
import { type CachedVoice, withPhraseCache } from "./voice/phrase-cache.ts";
import { languagesFit, openVoice } from "./voice/voices.ts";

/** What a user can name or bring along. */
export interface PartOptions {
  readonly settings: SpeechSettings;
  /** Instead of one that the settings name. */
  readonly voice?: Voice | undefined;
  readonly translator?: Translator | undefined;
  readonly apiKey?: string | undefined;
  readonly acceptNonCommercial?: boolean | undefined;
}

/** Opened once, kept until the end: the voices by language, and the translator. */
export interface SpeakerParts {
  /** The language that is spoken. */
  readonly language: Language;
  readonly voice: Voice;
  readonly translator: Translator | undefined;
  /** Hits and misses of the phrases that are kept. */
  cache(): { readonly hits: number; readonly misses: number };
  /** The voice of a language: the main one where it fits, else the default one. Errors: as `openVoice`. */
  voiceFor(language: Language): Promise<Voice>;
  close(): Promise<void>;
}

/** What is named tells the engine; apertium needs nothing to be named. */
function defaultEngine({ translation }: SpeechSettings): TranslatorEngine {
  if (translation.baseUrl !== undefined) return "openai";
  return translation.model === undefined ? "apertium" : "transformers";
}

async function openTranslation(
  { settings, apiKey, acceptNonCommercial }: PartOptions,
  target: Language,
): Promise<Translator | undefined> {
  const { model, baseUrl, dtype, timeoutMs } = settings.translation;
  const engine = settings.translation.engine ?? defaultEngine(settings);
  if (languagesFit(settings.language, target)) {
    if (settings.translation.engine === undefined || engine === "none") return undefined;
    throw new LimbeckError(
      "usage",
      `translation: expected another language than ${settings.language}, got ${target}`,
      {
        cure: "Name the language to speak with --to, or leave --translate out.",
      },
    );
  }
  return openTranslator({
    engine,
    direction: { source: settings.language, target },
    timeoutMs,
    ...(model === undefined ? {} : { model }),
    ...(baseUrl === undefined ? {} : { baseUrl }),
    ...(dtype === undefined ? {} : { dtype }),
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(acceptNonCommercial === undefined ? {} : { acceptNonCommercial }),
  });
}

/**
 * Opens the voice and, where another language is to be spoken, the translator, both at once. Errors: as `openVoice` and
 * `openTranslator`; what was opened is closed then.
 */
export async function openParts(options: PartOptions): Promise<SpeakerParts> {
  const { settings } = options;
  const language = options.translator?.direction.target ?? settings.translation.to ?? settings.language;
  const { name } = settings.voice;
  const openings = await Promise.allSettled([
    options.voice ?? openVoice({ language, ...(name === undefined ? {} : { voice: name }) }),
    options.translator ?? openTranslation(options, language),
  ]);
  const failed = openings.find((opening) => opening.status === "rejected");
  if (failed !== undefined) {
    for (const opening of openings) if (opening.status === "fulfilled") await opening.value?.close();
    throw failed.reason;
  }
  const [voice, translator] = openings.map((opening) =>
    opening.status === "fulfilled" ? opening.value : undefined,
  ) as [Voice, Translator | undefined];

  const cached: CachedVoice[] = [];
  const withCache = (bare: Voice): Voice => {
    if (settings.cacheBytes === 0) return bare;
    const kept = withPhraseCache(bare, { budgetBytes: settings.cacheBytes });
    cached.push(kept);
    return kept;
  };
  const main = withCache(voice);
  const others = new Map<Language, Promise<Voice>>();
  return {
    language,
    voice: main,
    translator,
    cache: () => ({
      hits: cached.reduce((sum, { hits }) => sum + hits, 0),
      misses: cached.reduce((sum, { misses }) => sum + misses, 0),
    }),
    voiceFor: (wanted) => {
      if (voice.languages.some((own) => languagesFit(own, wanted))) return Promise.resolve(main);
      const known = others.get(wanted);
      if (known !== undefined) return known;
      const opening = openVoice({ language: wanted }).then(withCache);
      others.set(wanted, opening);
      return opening;
    },
    close: async () => {
      const opened = await Promise.allSettled(others.values());
      const voices = opened.flatMap((opening) => (opening.status === "fulfilled" ? [opening.value] : []));
      await Promise.all([main, ...voices, translator].map((part) => part?.close()));
    },
  };
}
