import * as os from "node:os";
import { LimbeckError } from "../base/errors.ts";
import { writeFileAtomic } from "../base/files.ts";
import { systemClock } from "./clock.ts";
import { loadSpeechConfig, type SpeechConfig } from "./config.ts";
import { createFeed } from "./feed.ts";
import { createNarrator, type NarratorOptions } from "./narrator.ts";
import { openSink } from "./play/sinks.ts";
import { type Subtitle, writeSrt } from "./play/srt.ts";
import { createSchedule } from "./schedule/schedule.ts";
import { rateRange, type SpeechSettings } from "./settings.ts";
import { resample } from "./sound/resample.ts";
import { openParts, type SpeakerParts } from "./speaker-parts.ts";
import type { Speaker, SpeakerEvent, SpeakerInfo, SpeakerOptions, SpeakerStats } from "./speaker-types.ts";
import { limitsAt, type ThermalLevel, watchThermal } from "./thermal.ts";
import { systemThermalSource } from "./thermal-sources.ts";
import { translateSegment } from "./translate/guard.ts";
import type { Language, Sink } from "./types.ts";
import { languagesFit } from "./voice/voices.ts";
import { createVoicing } from "./voicing.ts";

const within = (value: number, least: number, most: number): number => Math.min(most, Math.max(least, value));

/** The settings of mode and file, with what the options say themselves on top. */
function settingsOf(options: SpeakerOptions): SpeechConfig {
  const config = loadSpeechConfig({
    ...(options.mode === undefined ? {} : { mode: options.mode }),
    ...(options.config === undefined ? {} : { file: options.config }),
    machine: { soc: os.cpus()[0]?.model ?? "not known", memoryBytes: os.totalmem() },
  });
  const { settings } = config;
  const { translation, voice, audio } = settings;
  const engine = typeof options.translate === "string" ? options.translate : translation.engine;
  const merged: SpeechSettings = {
    ...settings,
    language: options.language ?? settings.language,
    translation: {
      ...translation,
      engine,
      to: options.to ?? translation.to,
      model: options.translateModel ?? translation.model,
      baseUrl: options.translateUrl ?? translation.baseUrl,
    },
    voice: {
      name: typeof options.voice === "string" ? options.voice : voice.name,
      rate: options.rate ?? voice.rate,
    },
    audio: {
      ...audio,
      volume: options.volume ?? audio.volume,
      device: options.device ?? audio.device,
    },
  };
  return { ...config, settings: merged };
}

function openOutput(options: SpeakerOptions, { audio }: SpeechSettings, sampleRateHz: number): Promise<Sink> {
  return openSink({
    sampleRateHz: audio.sampleRateHz ?? sampleRateHz,
    ...(options.out === undefined ? {} : { out: options.out }),
    ...(options.pace === undefined ? {} : { pace: options.pace }),
    ...(audio.device === undefined ? {} : { device: audio.device }),
  });
}

function describe({ mode }: SpeechConfig, parts: SpeakerParts, sink: Sink): SpeakerInfo {
  const { voice, translator, language } = parts;
  return {
    mode,
    language,
    voice: { name: voice.name, licence: voice.licence, isRemote: voice.isRemote },
    translator:
      translator === undefined
        ? null
        : { name: translator.name, licence: translator.licence, isRemote: translator.isRemote },
    sink: sink.name,
  };
}

/** What is compiled and read at its first use is used now: the first sentence of a stream costs no more than others. */
function warmUp(options: NarratorOptions): void {
  const narrator = createNarrator(options);
  const text =
    "Fixed **3** of 12 errors in `src/main.rs`, see version 1.2.3: it’s (almost) done.\n\n```ts\nx\n```\n\n- a\n";
  narrator.push({ type: "text", agent: "", message: "", block: 0, text }, 0);
  narrator.push({ type: "tool_call", agent: "", id: "", name: "Read", input: { file_path: "a.ts" } }, 0);
  narrator.end(0);
}

interface Subtitles {
  readonly all: readonly Subtitle[];
  add(event: Extract<SpeakerEvent, { type: "heard" }>): void;
}

/** What was heard, in the time of the sound: its first sample is at 0. Another language than the spoken one is marked. */
function createSubtitles(spoken: Language): Subtitles {
  const all: Subtitle[] = [];
  let originMs: number | undefined;
  return {
    all,
    add: ({ wording, heard }) => {
      originMs ??= heard.startMs;
      const mark = languagesFit(wording.language, spoken) ? "" : `[${wording.language}] `;
      all.push({
        startMs: heard.startMs - originMs,
        endMs: heard.endMs - originMs,
        text: `${mark}${wording.text}`,
      });
    },
  };
}

/**
 * Opens everything that speech needs. Errors: `invalid_config`, `usage`, `voice_failed`, `translation_failed`,
 * `missing_dependency`, `audio_unavailable` where there is neither a loudspeaker nor a file; nothing of a stream was read
 * by then.
 */
export async function openSpeaker(options: SpeakerOptions = {}): Promise<Speaker> {
  const clock = options.clock ?? systemClock;
  const config = settingsOf(options);
  const { settings } = config;
  const opening = openParts({
    settings,
    voice: typeof options.voice === "object" ? options.voice : undefined,
    translator: typeof options.translate === "object" ? options.translate : undefined,
    apiKey: options.apiKey,
    acceptNonCommercial: options.acceptNonCommercial,
  });
  const narratorOptions = { ...settings.narration, locale: settings.language };
  // While engines load in threads and processes of their own.
  warmUp(narratorOptions);
  const parts = await opening;
  let sink: Sink;
  try {
    // Written anew at the end; a path that cannot be written to is told now.
    if (options.srt !== undefined) writeFileAtomic(options.srt, "");
    sink = options.sink ?? (await openOutput(options, settings, parts.voice.sampleRateHz));
  } catch (error) {
    await parts.close();
    throw error;
  }
  const subtitles = createSubtitles(parts.language);
  const emit = (event: SpeakerEvent): void => {
    if (event.type === "heard") subtitles.add(event);
    options.onEvent?.(event);
  };
  for (const message of config.warnings) emit({ type: "warning", message });

  const { translator } = parts;
  const voicing = createVoicing(parts, settings.language);
  const schedule = createSchedule({
    clock,
    sink,
    language: settings.language,
    isLive: options.isLive ?? (options.out === undefined || options.pace === "real"),
    limits: settings.limits,
    turnSegments: settings.turnSegments,
    firstPieceLength: settings.firstPieceLength,
    rate: settings.voice.rate,
    volume: settings.audio.volume,
    voice: async (wording, how) => {
      const voiced = await voicing(wording, how);
      return { ...voiced, ...resample(voiced, sink.sampleRateHz) };
    },
    ...(translator === undefined
      ? {}
      : {
          translate: async (segment, signal) => {
            const { text, language, translated, reason } = await translateSegment(
              translator,
              segment,
              signal,
            );
            return { text, language, isTranslated: translated, ...(reason === undefined ? {} : { reason }) };
          },
        }),
    onEvent: emit,
  });
  let fault: unknown;
  const feed = createFeed({
    clock,
    schedule,
    format: options.format ?? "auto",
    narrator: narratorOptions,
    onFault: (error) => {
      fault ??= error;
    },
  });

  let heat: ThermalLevel = "nominal";
  const source = options.thermal === undefined ? systemThermalSource() : (options.thermal ?? undefined);
  const stopWatching =
    source === undefined || !settings.isThermalWatched
      ? () => undefined
      : watchThermal({
          source,
          clock,
          onChange: (level) => {
            heat = level;
            schedule.limits = limitsAt(level, settings.limits);
            emit({ type: "heat", level });
          },
        });

  const stats = (): SpeakerStats => {
    const figures = schedule.figures();
    const { firstSoundAtMs } = figures;
    const { firstByteMs } = feed;
    return {
      ...figures,
      ...feed.figures(),
      timeToFirstAudioMs:
        firstSoundAtMs === null || firstByteMs === undefined ? null : firstSoundAtMs - firstByteMs,
      cache: parts.cache(),
      stream: feed.report(),
    };
  };
  let closing: Promise<void> | undefined;
  const shut = (): Promise<void> => {
    closing ??= (async () => {
      stopWatching();
      feed.stop();
      schedule.close();
      // Idle engines do not keep a process alive: without this it could end before they have.
      const alive = setInterval(() => undefined, 1000);
      const ends = await Promise.allSettled([sink.close(), parts.close()]);
      clearInterval(alive);
      if (options.srt !== undefined) writeFileAtomic(options.srt, writeSrt(subtitles.all));
      for (const end of ends) if (end.status === "rejected") throw end.reason;
    })();
    return closing;
  };

  return {
    info: describe(config, parts, sink),
    write: async (chunk) => {
      if (closing !== undefined) throw new LimbeckError("usage", "speak: the speaker was closed");
      if (fault !== undefined) throw fault;
      await feed.write(typeof chunk === "string" ? Buffer.from(chunk, "utf8") : chunk);
    },
    end: async () => {
      try {
        await feed.end();
        await schedule.idle();
        if (fault !== undefined) throw fault;
      } finally {
        await shut();
      }
      return stats();
    },
    interrupt: () => schedule.interrupt(),
    skip: () => schedule.skip(),
    repeat: () => schedule.repeat(),
    pause: () => schedule.pause(),
    resume: () => schedule.resume(),
    setRate: (rate) => {
      schedule.rate = within(rate, rateRange.least, rateRange.most);
    },
    setVolume: (volume) => {
      schedule.volume = within(volume, 0, 1);
    },
    status: () => {
      const { said, waiting } = schedule.figures();
      const { isPaused, rate, volume, current } = schedule;
      return { isPaused, rate, volume, waiting, said, heat, text: current?.text ?? null };
    },
    stats,
    close: shut,
  };
}
