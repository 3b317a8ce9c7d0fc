import { LimbeckError } from "../../base/errors.ts";
import { level, trim } from "../sound/level.ts";
import { resample } from "../sound/resample.ts";
import type { Language, Licence, Sound, Voice } from "../types.ts";

/** What one engine does itself. Calls come one at a time. */
export interface VoiceParts {
  readonly name: string;
  readonly licence: Licence;
  readonly isRemote: boolean;
  readonly languages: readonly Language[];
  readonly sampleRateHz: number;
  /**
   * Sound of a text that has something to say, `rate` times as fast. Should end soon after the signal aborts; what it
   * returns then is thrown away. Error: `voice_failed`.
   */
  synthesise(text: string, rate: number, signal: AbortSignal): Promise<Sound>;
  close(): Promise<void>;
}

/** How much faster or slower than its own speed a voice is still understood. */
export const rateLimits = { least: 0.25, most: 4 } as const;

const cancelled = (): LimbeckError =>
  new LimbeckError("cancelled", "voice: cancelled before its sound was made");

/**
 * Makes a voice of an engine: calls queue in the order in which they come; a cancelled one is answered at once, whatever the
 * engine does; every sound is finite, begins with its first word and has the common loudness; text with nothing to say is
 * an empty sound, and text with words never is.
 */
export function makeVoice(parts: VoiceParts): Voice {
  const { name, licence, isRemote, languages, sampleRateHz } = parts;
  const stop = new AbortController();
  let queue: Promise<unknown> = Promise.resolve();
  let closing: Promise<void> | undefined;

  const make = async (text: string, rate: number, signal: AbortSignal): Promise<Sound> => {
    const made = await parts.synthesise(text, rate, signal);
    if (!made.samples.every(Number.isFinite)) {
      throw new LimbeckError("voice_failed", `${name}: expected finite samples, got others`, {
        fields: { text },
      });
    }
    const sound = level(trim(resample(made, sampleRateHz)));
    if (sound.samples.length === 0) {
      throw new LimbeckError(
        "voice_failed",
        `${name}: expected sound for "${text.slice(0, 40)}", got silence`,
        {
          cure: "Try another voice: `limbeck doctor --speech` lists them.",
          fields: { text },
        },
      );
    }
    return sound;
  };

  return {
    name,
    licence,
    isRemote,
    languages,
    sampleRateHz,
    async speak(text, { rate, signal }) {
      if (!(rate >= rateLimits.least && rate <= rateLimits.most)) {
        throw new LimbeckError(
          "usage",
          `rate: expected ${rateLimits.least} to ${rateLimits.most}, got ${rate}`,
        );
      }
      if (closing) throw new LimbeckError("voice_failed", `${name}: expected an open voice, it is closed`);
      if (signal.aborted) throw cancelled();
      if (!/[\p{L}\p{N}]/u.test(text)) return { samples: new Float32Array(0), sampleRateHz };
      const either = AbortSignal.any([signal, stop.signal]);
      const aborted = new Promise<never>((_, reject) => {
        either.addEventListener("abort", () => reject(cancelled()), { once: true });
      });
      const made = queue.then(() => {
        if (either.aborted) throw cancelled();
        return make(text, rate, either);
      });
      queue = made.catch(() => undefined);
      return await Promise.race([made, aborted]);
    },
    close() {
      closing ??= (async () => {
        stop.abort();
        await queue;
        await parts.close();
      })();
      return closing;
    },
  };
}
