/** Speech: an agent's stream cleaned, translated, voiced and played while it is being written. */
export { createNarrator, type Narrator, type NarratorOptions } from "./narrator.ts";
export {
  createEventParser,
  type EventParser,
  type ParseReport,
  type ParserOptions,
  type StreamFormat,
  streamFormats,
} from "./parse/parser.ts";
export type { SegmenterOptions, Sentence } from "./text/segmenter.ts";
export { createSpeakableText, type SpeakableText, speakText } from "./text/speakable.ts";
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
