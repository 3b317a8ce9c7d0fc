import type { JsonObject } from "../tools/types.ts";

/** A BCP 47 tag, as "en" or "en-GB". Two tags fit where their first parts are equal. */
export type Language = string;

/**
 * What an agent's stream says, whatever its format. `agent` tells the agents of one stream apart (session or sub-agent id);
 * `message` groups what belongs to one turn of the model.
 */
export type AgentEvent =
  /** More of the visible answer. `block` counts text blocks of a message; any split of a text is allowed. */
  | {
      readonly type: "text";
      readonly agent: string;
      readonly message: string;
      readonly block: number;
      readonly text: string;
    }
  /** A text block is whole: what is held back for more text is said now. */
  | { readonly type: "text_end"; readonly agent: string; readonly message: string; readonly block: number }
  | {
      readonly type: "tool_call";
      readonly agent: string;
      readonly id: string;
      readonly name: string;
      readonly input: JsonObject;
    }
  | { readonly type: "tool_result"; readonly agent: string; readonly id: string; readonly isError: boolean }
  /** What a person must or may know about the run itself; `text` is one sentence in English, or the agent's own words. */
  | { readonly type: "notice"; readonly agent: string; readonly kind: NoticeKind; readonly text: string };

export const noticeKinds = ["error", "permission", "rate_limit", "done"] as const;
export type NoticeKind = (typeof noticeKinds)[number];

/** urgent: said before everything that waits; chatter: may be dropped once it is stale. */
export const priorities = ["urgent", "normal", "chatter"] as const;
export type Priority = (typeof priorities)[number];

/** One piece of speech: a clause or a sentence, in words that a voice can read as they stand. */
export interface Segment {
  /** Counts from 0 over the whole stream: the order of speech among segments of one agent and priority. */
  readonly index: number;
  readonly agent: string;
  readonly priority: Priority;
  readonly text: string;
  /**
   * Parts of `text` that stay as they are in every language (identifiers, file names, numbers, versions), as
   * [start, end) in UTF-16 units, in order, not overlapping.
   */
  readonly verbatim: readonly (readonly [start: number, end: number])[];
  /** When the stream completed it, milliseconds of the monotonic clock. */
  readonly atMs: number;
}

/** Mono sound. */
export interface Sound {
  /** In [-1, 1]. */
  readonly samples: Float32Array;
  readonly sampleRateHz: number;
}

/** Whether a licence lets a product use the thing commercially. */
export interface Licence {
  /** SPDX identifier, or a short name where there is none. */
  readonly name: string;
  readonly isCommercial: boolean;
}

export interface Direction {
  readonly source: Language;
  readonly target: Language;
}

/** One translation engine. Calls may overlap; an engine that cannot run two at once queues them itself. */
export interface Translator {
  readonly name: string;
  readonly licence: Licence;
  /** Whether text leaves this machine. */
  readonly isRemote: boolean;
  readonly direction: Direction;
  /**
   * Returns as many texts as it got, in order. Verbatim parts are no concern of an engine: `translateSegment` guards them.
   * Errors: `translation_failed`, `cancelled`.
   */
  translate(texts: readonly string[], signal: AbortSignal): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** One voice of one engine. Calls may overlap; an engine that cannot run two at once queues them itself. */
export interface Voice {
  /** As `flite:slt`. */
  readonly name: string;
  readonly licence: Licence;
  readonly isRemote: boolean;
  readonly languages: readonly Language[];
  /** Of every sound that it makes. */
  readonly sampleRateHz: number;
  /** Speaks one segment; `rate` 1 is the voice's own speed. Errors: `voice_failed`, `cancelled`. */
  speak(text: string, options: { readonly rate: number; readonly signal: AbortSignal }): Promise<Sound>;
  close(): Promise<void>;
}

/** Where sound goes. A sink plays what it is given gaplessly and in order. */
export interface Sink {
  readonly name: string;
  readonly sampleRateHz: number;
  /** Appends sound; resolves once its last sample was played (or written), or once `silence` cut it off. */
  play(sound: Sound): PlayingSound;
  /** Drops everything that was not played yet; nothing is heard 50 ms later. */
  silence(): void;
  /** Resolves once all is played; a file is whole and closed then. */
  close(): Promise<void>;
}

export interface PlayingSound {
  /** When its first sample is or was played, milliseconds of the sink's clock; rejects never. */
  readonly started: Promise<number>;
  readonly ended: Promise<"played" | "cut">;
}

/** The clock of a pipeline: the real one, or a virtual one in tests. Milliseconds, monotonic. */
export interface SpeechClock {
  now(): number;
  /** Resolves at or after `ms` from now; rejects with `cancelled` when the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
