/** Speech: an agent's stream cleaned, translated, voiced and played while it is being written. */
export type {
  AgentEvent,
  Direction,
  Language,
  Licence,
  NoticeKind,
  PlayingSound,
  Priority,
  Segment,
  Sink,
  Sound,
  SpeechClock,
  Translator,
  Voice,
} from "./types.ts";
