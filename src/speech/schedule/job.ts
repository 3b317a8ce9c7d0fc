import type { Language, Segment, Sound } from "../types.ts";

/** What a segment became before its voice: the words, and the language that they are in. */
export interface Wording {
  readonly text: string;
  readonly language: Language;
  readonly isTranslated: boolean;
  /** Why it stands in the source language although a translation was asked for. */
  readonly reason?: string;
}

/** waiting → translating → worded → voicing → voiced; then it is the player's. */
export type JobState = "waiting" | "translating" | "worded" | "voicing" | "voiced";

/** A segment on its way to the loudspeaker. */
export interface Job {
  readonly segment: Segment;
  /** When the schedule got it, milliseconds of its clock. */
  readonly pushedMs: number;
  /** Whether everything was silent and empty when it came: then what it waits for is work alone. */
  readonly isAlone: boolean;
  readonly abort: AbortController;
  state: JobState;
  wording?: Wording;
  /** All of its sound, kept to repeat it. */
  sound?: Sound;
  /** First sample that was not played yet. */
  offset: number;
  translateMs?: number;
  voiceMs?: number;
  /** Whether its first sample has been played once. */
  isHeard: boolean;
  /** The rest of a segment whose first piece is said before all of it is voiced. */
  rest?: Job;
  /** Of a rest: the first piece. */
  first?: Job;
}

export const isUrgent = ({ segment }: Job): boolean => segment.priority === "urgent";
/** Whether a part of it has been heard. */
export const isBegun = ({ offset, first }: Job): boolean => offset > 0 || first !== undefined;
export const isChatter = ({ segment }: Job): boolean => segment.priority === "chatter";

/** The part of a voiced job's sound that was not played yet. */
export function restOf({ sound, offset }: Job): Sound {
  if (sound === undefined) return { samples: new Float32Array(0), sampleRateHz: 1 };
  return offset === 0 ? sound : { ...sound, samples: sound.samples.subarray(offset) };
}

export const durationMs = ({ samples, sampleRateHz }: Sound): number =>
  (samples.length / sampleRateHz) * 1000;
