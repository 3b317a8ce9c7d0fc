import type { LimbeckError } from "../../base/errors.ts";
import type { Language, Segment, Sink, Sound, SpeechClock } from "../types.ts";
import type { DropReason, ScheduleFigures } from "./figures.ts";
import type { Wording } from "./job.ts";
import type { Heard } from "./player.ts";

/** How far a schedule works ahead, and how much it keeps. May change while it runs. */
export interface ScheduleLimits {
  /** Segments that are translated and voiced while one plays. */
  readonly lookAhead: number;
  /** Calls of engines in flight at once: 2 lets the translator and the voice overlap, 1 does not. */
  readonly concurrency: 1 | 2;
  /** Whether chatter is said at all. */
  readonly isChatterSaid: boolean;
  /** Most segments that wait; then whoever writes waits (`room`). */
  readonly maxSegments: number;
  /** Chatter that waited for longer is old news. */
  readonly chatterMaxAgeMs: number;
  /** Longest wait of a writer before something is dropped for it. */
  readonly maxStallMs: number;
}

export const defaultLimits: ScheduleLimits = {
  lookAhead: 2,
  concurrency: 2,
  isChatterSaid: true,
  maxSegments: 500,
  chatterMaxAgeMs: 10_000,
  maxStallMs: 2_000,
};

export type ScheduleEvent =
  /** A stretch of a segment was heard; one that was paused is heard in several. */
  | { readonly type: "heard"; readonly segment: Segment; readonly wording: Wording; readonly heard: Heard }
  | { readonly type: "dropped"; readonly segment: Segment; readonly reason: DropReason }
  /** It could not be said at all. */
  | { readonly type: "failed"; readonly segment: Segment; readonly error: LimbeckError }
  /** It is said in the source language. */
  | { readonly type: "untranslated"; readonly segment: Segment; readonly reason: string };

/** Sound, and the words in it where they are others than was asked for. */
export type Voiced = Sound & { readonly wording?: Wording };

export interface ScheduleOptions {
  readonly clock: SpeechClock;
  readonly sink: Sink;
  /** The language of segments. */
  readonly language: Language;
  /** Left out: segments are said as they are. */
  readonly translate?: (segment: Segment, signal: AbortSignal) => Promise<Wording>;
  readonly voice: (
    wording: Wording,
    options: { readonly rate: number; readonly signal: AbortSignal },
  ) => Promise<Voiced>;
  readonly limits?: Partial<ScheduleLimits>;
  /**
   * Whether somebody listens while the text comes. Then old chatter is dropped, urgent news cuts chatter off, and a writer
   * waits for `maxStallMs` at most. A record keeps everything, and lets the writer wait.
   */
  readonly isLive: boolean;
  /** Segments that one agent says before the next one's turn (default 3). */
  readonly turnSegments?: number;
  /** Into silence a longer segment is said in two pieces: the first one while the other is voiced. Characters; 0 (default): never. */
  readonly firstPieceLength?: number;
  readonly handOverMs?: number;
  readonly rate?: number;
  readonly volume?: number;
  readonly onEvent?: (event: ScheduleEvent) => void;
}

/** Segments in, speech out. */
export interface Schedule {
  push(segment: Segment): void;
  /** Resolves once another segment may be pushed: at once, unless `maxSegments` wait. Rejects where the sink failed. */
  room(): Promise<void>;
  /** Resolves once everything was said. Rejects where the sink failed. */
  idle(): Promise<void>;
  /** Silence, and everything that waits is dropped. Returns how many segments. */
  interrupt(): number;
  /** Leaves out the rest of what is being said; false where there is nothing. */
  skip(): boolean;
  /** Says the current segment from its start, or the last one again; false where there was none. */
  repeat(): boolean;
  pause(): void;
  resume(): void;
  readonly isPaused: boolean;
  /** Of what is not voiced yet, and of what is voiced but not played. */
  rate: number;
  /** From 0 to 1, at once. */
  volume: number;
  limits: ScheduleLimits;
  readonly current: Segment | undefined;
  figures(): ScheduleFigures;
  /** Gives everything up; what was played stays played. */
  close(): void;
}
