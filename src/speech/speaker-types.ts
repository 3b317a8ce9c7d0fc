import type { ParseReport, StreamFormat } from "./parse/parser.ts";
import type { ScheduleFigures, Summary } from "./schedule/figures.ts";
import type { ScheduleEvent } from "./schedule/schedule-types.ts";
import type { SpeechMode } from "./settings.ts";
import type { ThermalLevel, ThermalSource } from "./thermal.ts";
import type { TranslatorEngine } from "./translate/translators.ts";
import type { Language, Licence, Sink, SpeechClock, Translator, Voice } from "./types.ts";

export interface SpeakerOptions {
  /** Of what is written (default: as the first bytes tell). */
  readonly format?: StreamFormat;
  /** Default "balanced", or as the configuration says. */
  readonly mode?: SpeechMode;
  /** A YAML file whose keys override the mode's. */
  readonly config?: string;
  /** Of the stream (default "en"). */
  readonly language?: Language;
  /** To speak; without it, the stream's own. */
  readonly to?: Language;
  /** The engine, or an opened one; default apertium where `to` is another language. */
  readonly translate?: TranslatorEngine | Translator;
  readonly translateModel?: string;
  readonly translateUrl?: string;
  readonly apiKey?: string;
  readonly acceptNonCommercial?: boolean;
  /** A name as `openVoice` takes it, or an opened one; default the embedded voice of the language. */
  readonly voice?: string | Voice;
  /** A WAV file instead of the loudspeaker. */
  readonly out?: string;
  /** Of a file: `fast` (default) writes as soon as it can, `real` as it would be heard, with pauses and interrupts. */
  readonly pace?: "real" | "fast";
  /** A file for subtitles: what was said when, in the sound's own time. */
  readonly srt?: string;
  /** The loudspeaker's name. */
  readonly device?: string;
  readonly rate?: number;
  /** From 0 to 1. */
  readonly volume?: number;
  /** An opened sink instead of the loudspeaker or a file. */
  readonly sink?: Sink;
  /** Whether somebody listens while the text comes (default: unless it is a file at `fast` pace): then old news is left out. */
  readonly isLive?: boolean;
  readonly clock?: SpeechClock;
  /** How hot the machine is; null: not watched. */
  readonly thermal?: ThermalSource | null;
  readonly onEvent?: (event: SpeakerEvent) => void;
}

export type SpeakerEvent =
  | ScheduleEvent
  | { readonly type: "heat"; readonly level: ThermalLevel }
  /** A key of the configuration that does not act, or a thing about the engines that a user should know. */
  | { readonly type: "warning"; readonly message: string };

export interface PartInfo {
  readonly name: string;
  readonly licence: Licence;
  readonly isRemote: boolean;
}

/** What a speaker speaks with. */
export interface SpeakerInfo {
  readonly mode: SpeechMode;
  readonly language: Language;
  readonly voice: PartInfo;
  readonly translator: PartInfo | null;
  readonly sink: string;
}

export interface SpeakerStatus {
  readonly isPaused: boolean;
  readonly rate: number;
  readonly volume: number;
  readonly waiting: number;
  readonly said: number;
  readonly heat: ThermalLevel;
  /** What is being said, as it stands in the stream. */
  readonly text: string | null;
}

export interface SpeakerStats extends ScheduleFigures {
  /** Milliseconds of work for one event of the stream. */
  readonly parse: Summary | null;
  readonly narrate: Summary | null;
  /** From the first byte to the first sample. */
  readonly timeToFirstAudioMs: number | null;
  readonly cache: { readonly hits: number; readonly misses: number };
  readonly stream: ParseReport;
}

/** Speaks what is written to it. */
export interface Speaker {
  readonly info: SpeakerInfo;
  /**
   * More of the stream. Resolves once there is room for more: at once as a rule; see `ScheduleLimits.maxSegments`. Rejects
   * where the sink failed.
   */
  write(chunk: Uint8Array | string): Promise<void>;
  /** The stream is over. Resolves once all was said, and a file is whole. */
  end(): Promise<SpeakerStats>;
  /** Silence now; what waits is dropped, what is written later is said. Returns how many segments were dropped. */
  interrupt(): number;
  /** Leaves out the rest of the current sentence; false where there is none. */
  skip(): boolean;
  /** Says the current sentence from its start, or the last one again; false where there was none. */
  repeat(): boolean;
  pause(): void;
  resume(): void;
  /** Of what is not said yet; held within 0.5 and 3. */
  setRate(rate: number): void;
  /** At once; held within 0 and 1. */
  setVolume(volume: number): void;
  status(): SpeakerStatus;
  stats(): SpeakerStats;
  /** Stops at once. What was played stays: a file is whole and holds it. */
  close(): Promise<void>;
}
