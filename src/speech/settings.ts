import type { NarratorOptions } from "./narrator.ts";
import { defaultLimits, type ScheduleLimits } from "./schedule/schedule-types.ts";
import type { TranslatorEngine } from "./translate/translators.ts";
import type { Language } from "./types.ts";

export const speechModes = ["fast", "balanced", "quality"] as const;
export type SpeechMode = (typeof speechModes)[number];

/** Everything that a configuration can set. */
export interface SpeechSettings {
  /** The language of the stream. */
  readonly language: Language;
  readonly translation: {
    readonly engine: TranslatorEngine | undefined;
    readonly to: Language | undefined;
    /** Folder, or name on the hub or at the endpoint. */
    readonly model: string | undefined;
    readonly baseUrl: string | undefined;
    readonly dtype: string | undefined;
    readonly timeoutMs: number;
  };
  readonly voice: {
    readonly name: string | undefined;
    readonly rate: number;
  };
  readonly audio: {
    readonly volume: number;
    readonly device: string | undefined;
    /** Of a file; undefined: the voice's own. */
    readonly sampleRateHz: number | undefined;
  };
  readonly narration: Required<Omit<NarratorOptions, "locale">>;
  readonly limits: ScheduleLimits;
  readonly turnSegments: number;
  /** Into silence a longer segment is said in two pieces; 0: never. */
  readonly firstPieceLength: number;
  /** Memory for phrases that were voiced; 0: none are kept. */
  readonly cacheBytes: number;
  /** Whether heat makes it work less far ahead. */
  readonly isThermalWatched: boolean;
}

export const defaultSettings: SpeechSettings = {
  language: "en",
  translation: {
    engine: undefined,
    to: undefined,
    model: undefined,
    baseUrl: undefined,
    dtype: undefined,
    timeoutMs: 5000,
  },
  voice: { name: undefined, rate: 1 },
  audio: { volume: 1, device: undefined, sampleRateHz: undefined },
  narration: { maxSegmentLength: 240, toolCalls: "say", burstWindowMs: 1200, idleFlushMs: 600 },
  limits: defaultLimits,
  turnSegments: 3,
  firstPieceLength: 48,
  cacheBytes: 32 * 2 ** 20,
  isThermalWatched: true,
};

export const rateRange = { least: 0.5, most: 3 } as const;
