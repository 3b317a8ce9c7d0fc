/** Speech: an agent's stream cleaned, translated, voiced and played while it is being written. */

export {
  type ControlCommand,
  type Controlled,
  type ControlSocket,
  control,
  controlCommands,
  openControlSocket,
  sendControl,
} from "./control.ts";
export { checkSpeech, type SpeechCheck, type SpeechReport } from "./doctor.ts";
export { type FollowOptions, followFile } from "./follow.ts";
export { createNarrator, type Narrator, type NarratorOptions } from "./narrator.ts";
export {
  createEventParser,
  type EventParser,
  type ParseReport,
  type ParserOptions,
  type StreamFormat,
  streamFormats,
} from "./parse/parser.ts";
export { createNullSink, type OpenSinkOptions, openSink } from "./play/sinks.ts";
export { type Subtitle, writeSrt } from "./play/srt.ts";
export type { DropReason, ScheduleFigures, Summary } from "./schedule/figures.ts";
export type { Heard } from "./schedule/player.ts";
export { createSchedule } from "./schedule/schedule.ts";
export {
  defaultLimits,
  type Schedule,
  type ScheduleEvent,
  type ScheduleLimits,
  type ScheduleOptions,
} from "./schedule/schedule-types.ts";
export { type SpeechMode, speechModes } from "./settings.ts";
export { openSpeaker } from "./speak.ts";
export type {
  Speaker,
  SpeakerEvent,
  SpeakerInfo,
  SpeakerOptions,
  SpeakerStats,
  SpeakerStatus,
} from "./speaker-types.ts";
export type { SegmenterOptions, Sentence } from "./text/segmenter.ts";
export { createSpeakableText, type SpeakableText, speakText } from "./text/speakable.ts";
export type { ThermalLevel, ThermalSource } from "./thermal.ts";
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
export { type CachedVoice, withPhraseCache } from "./voice/phrase-cache.ts";
export {
  embeddedVoiceFor,
  listVoices,
  type OpenVoiceOptions,
  openVoice,
  type VoiceEngine,
  type VoiceInfo,
} from "./voice/voices.ts";
