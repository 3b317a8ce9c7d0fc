import { z } from "zod";
import { rateRange, type SpeechSettings } from "./settings.ts";
import { translatorEngines } from "./translate/translators.ts";

/** The machine, as far as a configuration speaks of it. */
export interface ConfigMachine {
  readonly soc: string;
  readonly memoryBytes: number;
}

/** What a key's value does: settings to change, and why it does not act, or not fully. */
export interface KeyEffect {
  readonly settings?: SpeechSettings;
  readonly warning?: string;
}

export interface ConfigKey {
  readonly schema: z.ZodType;
  /** For the documentation: what it sets, or why it cannot act. */
  readonly about: string;
  /** Left out: the key cannot act, and `about` is the reason that is warned of. */
  readonly apply?: (settings: SpeechSettings, value: never, machine: ConfigMachine) => KeyEffect;
}

/** A key that acts. */
function acts<T>(
  schema: z.ZodType<T>,
  about: string,
  apply: (settings: SpeechSettings, value: T, machine: ConfigMachine) => KeyEffect,
): ConfigKey {
  return { schema, about, apply: apply as NonNullable<ConfigKey["apply"]> };
}

const cannotAct = (schema: z.ZodType, about: string): ConfigKey => ({ schema, about });

/** A key that is one field of one group of settings. */
function sets<
  G extends "translation" | "voice" | "audio" | "narration" | "limits",
  F extends keyof SpeechSettings[G],
>(group: G, field: F, schema: z.ZodType<NonNullable<SpeechSettings[G][F]>>, about: string): ConfigKey {
  return acts(schema, about, (settings, value) => ({
    settings: { ...settings, [group]: { ...settings[group], [field]: value } },
  }));
}

const text = z.string().min(1);
const whole = (least: number): z.ZodType<number> => z.number().int().min(least);
const mib = 2 ** 20;

/** Weights as transformers.js names them, by the names that people write. */
const dtypes: Readonly<Record<string, string>> = {
  float32: "fp32",
  fp32: "fp32",
  float16: "fp16",
  fp16: "fp16",
  q8: "q8",
  int8: "int8",
  q4: "q4",
};

const noDevice = "translators and voices run on the CPU here";
const noNeuralEngine =
  "the Neural Engine is reached through Core ML alone, and no translator or voice here is a Core ML model";

/** Every key of a speech configuration, `section.key`: what it sets, or why it cannot act. */
export const configKeys: Readonly<Record<string, ConfigKey>> = {
  "hardware.chip": acts(text, "checked: a warning where this machine is another", (_, value, { soc }) =>
    soc.toLowerCase().includes(value.toLowerCase())
      ? {}
      : { warning: `the file is for ${value}, this machine is ${soc}: nothing here is tuned to a chip` },
  ),
  "hardware.memory_gb": acts(
    z.number().positive(),
    "checked: a warning where this machine has less",
    (_, value, { memoryBytes }) => {
      const has = memoryBytes / 1e9;
      return has >= value * 0.95
        ? {}
        : { warning: `the file is for ${value} GB, this machine has ${has.toFixed(0)}` };
    },
  ),
  "hardware.gpu_cores": cannotAct(whole(0), "nothing here runs on the GPU"),
  "hardware.neural_engine": cannotAct(z.boolean(), noNeuralEngine),

  "translation.engine": sets(
    "translation",
    "engine",
    z.enum(translatorEngines),
    "the engine, as `--translate`",
  ),
  "translation.to": sets("translation", "to", text, "the language to speak, as `--to`"),
  "translation.model": sets(
    "translation",
    "model",
    text,
    "the model of the engines `transformers` and `openai`: folder or name; used once a translation is asked for",
  ),
  "translation.base_url": sets("translation", "baseUrl", z.url(), "address of the engine `openai`"),
  "translation.timeout_ms": sets(
    "translation",
    "timeoutMs",
    whole(1),
    "longest wait for a translation; then the segment is said in its own language",
  ),
  "translation.dtype": acts(
    text,
    "weights of the engine `transformers`: fp32, fp16, q8, int8, q4",
    (settings, value) => {
      const dtype = Object.hasOwn(dtypes, value) ? dtypes[value] : undefined;
      if (dtype !== undefined)
        return { settings: { ...settings, translation: { ...settings.translation, dtype } } };
      return {
        warning: `transformers.js has no weights of that type, expected one of ${Object.keys(dtypes).join(", ")}: the model's default is used`,
      };
    },
  ),
  "translation.device": cannotAct(text, noDevice),
  "translation.use_neural_engine": cannotAct(z.boolean(), noNeuralEngine),
  "translation.batch_size": cannotAct(
    whole(1),
    "segments are translated one by one as they come: a batch would wait for its last sentence; queue.look_ahead says how many are made ready",
  ),

  "tts.voice": sets("voice", "name", text, "the voice, as `--voice`"),
  "tts.model": acts(text, "a voice as `--voice` takes it, `engine:name`", (settings, value) => {
    if (value.includes(":")) return { settings: { ...settings, voice: { ...settings.voice, name: value } } };
    const why = /xtts/i.test(value)
      ? "XTTS has no engine here, and its licence allows no commercial use"
      : "it is no voice of an engine here";
    return { warning: `${why}: the default voice speaks; \`limbeck speak --list-voices\` lists the others` };
  }),
  "tts.rate": sets(
    "voice",
    "rate",
    z.number().min(rateRange.least).max(rateRange.most),
    `speed, 1 is the voice's own (${rateRange.least} to ${rateRange.most})`,
  ),
  "tts.first_piece_length": acts(
    whole(0),
    "into silence a longer segment is said in two pieces, the first while the other is voiced (characters; 0: never)",
    (settings, firstPieceLength) => ({ settings: { ...settings, firstPieceLength } }),
  ),
  "tts.quality": acts(
    z.enum(["low", "medium", "high"]),
    "chooses the mode where none is given: low is fast, medium balanced, high quality",
    () => ({}),
  ),
  "tts.sample_rate": sets(
    "audio",
    "sampleRateHz",
    whole(8000),
    "sample rate of the sound that is played or written",
  ),
  "tts.device": cannotAct(text, noDevice),
  "tts.use_neural_engine": cannotAct(z.boolean(), noNeuralEngine),

  "performance.use_async_streams": acts(
    z.boolean(),
    "whether the translator and the voice may work at the same time",
    (settings, value) => ({
      settings: { ...settings, limits: { ...settings.limits, concurrency: value ? 2 : 1 } },
    }),
  ),
  "performance.cache_models": acts(
    z.boolean(),
    "models stay open; true also keeps voiced phrases",
    (settings, value) =>
      value
        ? {}
        : {
            settings: { ...settings, cacheBytes: 0 },
            warning: "no phrase is kept; models are opened once and stay open all the same",
          },
  ),
  "performance.enable_compilation": cannotAct(
    z.boolean(),
    "there is no PyTorch here to compile with; ONNX Runtime always optimises its graphs, a wasm voice is compiled as it loads",
  ),
  "performance.memory_fraction": cannotAct(
    z.number().positive().max(1),
    "memory is the models' and is not reserved beforehand; cache.budget_mb bounds the phrases that are kept",
  ),

  "speech.language": acts(text, "the language of the stream, as `--language`", (settings, language) => ({
    settings: { ...settings, language },
  })),
  "narration.max_segment_length": sets(
    "narration",
    "maxSegmentLength",
    z.number().int().min(20).max(2000),
    "a longer sentence is cut at a clause (characters, 20 to 2000)",
  ),
  "narration.tool_calls": sets(
    "narration",
    "toolCalls",
    z.enum(["say", "skip"]),
    "whether what tools do is told: say, skip",
  ),
  "narration.burst_window_ms": sets(
    "narration",
    "burstWindowMs",
    whole(0),
    "calls of tools within this time are told in one sentence",
  ),
  "narration.idle_flush_ms": sets(
    "narration",
    "idleFlushMs",
    whole(0),
    "so long after its last word a sentence is taken for whole",
  ),
  "audio.volume": sets("audio", "volume", z.number().min(0).max(1), "from 0 to 1"),
  "audio.device": sets("audio", "device", text, "the loudspeaker's name, as the system lists it"),
  "queue.look_ahead": sets("limits", "lookAhead", whole(1), "segments made ready while one is said"),
  "queue.max_segments": sets(
    "limits",
    "maxSegments",
    whole(1),
    "segments that wait before the writer has to",
  ),
  "queue.max_stall_ms": sets(
    "limits",
    "maxStallMs",
    whole(0),
    "longest wait of the writer before the oldest segment is left out for the newest",
  ),
  "queue.chatter_max_age_ms": sets(
    "limits",
    "chatterMaxAgeMs",
    whole(0),
    "age at which what tools do is old news",
  ),
  "queue.turn_segments": acts(
    whole(1),
    "segments that one agent says in its turn",
    (settings, turnSegments) => ({
      settings: { ...settings, turnSegments },
    }),
  ),
  "cache.budget_mb": acts(
    z.number().min(0),
    "memory for phrases that were voiced, in MiB",
    (settings, value) => ({
      settings: { ...settings, cacheBytes: value * mib },
    }),
  ),
  "thermal.enabled": acts(z.boolean(), "whether heat makes it work less far ahead", (settings, value) => ({
    settings: { ...settings, isThermalWatched: value },
  })),
};
