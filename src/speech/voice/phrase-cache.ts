import type { Sound, Voice } from "../types.ts";

/** A voice that keeps what it said: `Voice`, and how often that helped. */
export interface CachedVoice extends Voice {
  readonly hits: number;
  readonly misses: number;
  /** Of samples that are kept now. */
  readonly bytes: number;
}

/**
 * Keeps the sounds of a voice by text and rate, those used last within `budgetBytes`: agents repeat themselves ("Reading a file.").
 * Sounds are shared: nobody may change their samples.
 */
export function withPhraseCache(
  voice: Voice,
  { budgetBytes }: { readonly budgetBytes: number },
): CachedVoice {
  // A map keeps the order in which its keys were set: the first is the one used longest ago.
  const kept = new Map<string, Sound>();
  let [hits, misses, bytes] = [0, 0, 0];

  const keep = (key: string, sound: Sound): void => {
    const size = sound.samples.byteLength;
    if (size > budgetBytes || kept.has(key)) return;
    kept.set(key, sound);
    bytes += size;
    for (const [oldest, { samples }] of kept) {
      if (bytes <= budgetBytes) break;
      kept.delete(oldest);
      bytes -= samples.byteLength;
    }
  };

  return {
    name: voice.name,
    licence: voice.licence,
    isRemote: voice.isRemote,
    languages: voice.languages,
    sampleRateHz: voice.sampleRateHz,
    get hits() {
      return hits;
    },
    get misses() {
      return misses;
    },
    get bytes() {
      return bytes;
    },
    async speak(text, options) {
      const key = `${options.rate}\n${text}`;
      const found = kept.get(key);
      if (found && !options.signal.aborted) {
        hits++;
        kept.delete(key);
        kept.set(key, found);
        return found;
      }
      misses++;
      const sound = await voice.speak(text, options);
      keep(key, sound);
      return sound;
    },
    close: () => voice.close(),
  };
}
