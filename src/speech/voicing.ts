import { LimbeckError } from "../base/errors.ts";
import { apologyIn } from "./apology.ts";
import { isCancelled } from "./cancelled.ts";
import type { Wording } from "./schedule/job.ts";
import type { Voiced } from "./schedule/schedule-types.ts";
import type { SpeakerParts } from "./speaker-parts.ts";
import type { Language } from "./types.ts";
import { languagesFit } from "./voice/voices.ts";

/** Voices a wording in its own language. Errors: `voice_failed`, `cancelled`. */
export type Voicing = (
  wording: Wording,
  options: { readonly rate: number; readonly signal: AbortSignal },
) => Promise<Voiced>;

/**
 * Chooses the voice by the language of the words: a sentence that was not translated is said by a voice of its own
 * language. Where there is none, the main voice says once that sentences could not be translated, and each of them fails:
 * no voice ever reads another language.
 */
export function createVoicing(parts: SpeakerParts, source: Language): Voicing {
  let hasApologised = false;
  return async ({ text, language }, options): Promise<Voiced> => {
    try {
      const voice = await parts.voiceFor(language);
      const sound = await voice.speak(text, options);
      if (languagesFit(language, parts.language)) hasApologised = false;
      return sound;
    } catch (error) {
      const apology = apologyIn(parts.language);
      const isForeign = languagesFit(language, source) && !languagesFit(language, parts.language);
      if (isCancelled(error) || !isForeign || apology === undefined || hasApologised) throw error;
      hasApologised = true;
      if (!(error instanceof LimbeckError)) throw error;
      const sound = await parts.voice.speak(apology, options);
      return { ...sound, wording: { text: apology, language: parts.language, isTranslated: false } };
    }
  };
}
