/** Speech: an agent's stream cleaned, translated, voiced and played while it is being written. */

export {
  type Translated,
  translateSegment,
  translateSegments,
} from "./translate/guard.ts";
export {
  listTranslators,
  openTranslator,
  type TranslatorEngine,
  type TranslatorInfo,
  type TranslatorOptions,
  translatorEngines,
} from "./translate/translators.ts";
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
