import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after, before, test } from "node:test";
import { LimbeckError } from "../base/errors.ts";
import { packagePath } from "../flow/package-files.ts";
import { checkSpeech } from "./doctor.ts";
import { createNullSink } from "./play/sinks.ts";
import { readWav } from "./sound/wav.ts";
import { openSpeaker } from "./speak.ts";
import type { SpeakerEvent, SpeakerOptions } from "./speaker-types.ts";
import type { ThermalLevel } from "./thermal.ts";
import type { Language, SpeechClock, Translator, Voice } from "./types.ts";
import { createVirtualClock, type VirtualClock } from "./virtual-clock.test.support.ts";

const sampleRateHz = 8000;
let folder = "";
before(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-speak-"));
});
after(() => fs.rmSync(folder, { recursive: true }));

const free = { name: "none", isCommercial: true };

/** A voice that takes 30 ms for each text, and hums 50 ms for each of its characters. */
function hum(clock: SpeechClock, language: Language = "en"): Voice & { readonly texts: string[] } {
  const texts: string[] = [];
  return {
    name: "hum",
    licence: free,
    isRemote: false,
    languages: [language],
    sampleRateHz,
    texts,
    speak: async (text, { rate, signal }) => {
      texts.push(text);
      await clock.sleep(30, signal);
      return { samples: new Float32Array(Math.round((text.length * 400) / rate)).fill(0.25), sampleRateHz };
    },
    close: async () => undefined,
  };
}

const spanishOf: Readonly<Record<string, string>> = {
  "All tests pass.": "Todas las pruebas pasan.",
  "It works again.": "Funciona otra vez.",
};

/** What it knows is translated; what contains "bad" fails. */
function translator(clock: SpeechClock, target: Language, source: Language = "en"): Translator {
  return {
    name: "fake",
    licence: free,
    isRemote: false,
    direction: { source, target },
    translate: async (texts, signal) => {
      await clock.sleep(40, signal);
      if (texts.some((text) => text.includes("bad")))
        throw new LimbeckError("translation_failed", "no words for it");
      return texts.map((text) => spanishOf[text] ?? text);
    },
    close: async () => undefined,
  };
}

/** A speaker on a virtual clock, and what its listener hears: samples with the times at which they were written. */
async function setUp(options: SpeakerOptions = {}) {
  const clock = (options.clock as VirtualClock | undefined) ?? createVirtualClock();
  const events: SpeakerEvent[] = [];
  const blocks: { readonly atMs: number; readonly samples: Float32Array }[] = [];
  const sink = createNullSink({
    sampleRateHz,
    clock,
    onSamples: (samples) => blocks.push({ atMs: clock.now(), samples }),
  });
  const voice = hum(clock);
  const speaker = await openSpeaker({
    clock,
    sink,
    voice,
    thermal: null,
    onEvent: (event) => events.push(event),
    ...options,
  });
  return { clock, events, blocks, voice, speaker };
}

const heard = (events: readonly SpeakerEvent[]): string[] =>
  events.flatMap((event) => (event.type === "heard" ? [event.wording.text] : []));

const stream = fs.readFileSync(packagePath("examples", "agent-stream.jsonl"));

test("the sample stream is said in order, whatever the pieces it comes in", async () => {
  const said: string[][] = [];
  for (const size of [7, 1000, stream.length]) {
    const { clock, events, speaker } = await setUp();
    for (let at = 0; at < stream.length; at += size) {
      const writing = speaker.write(stream.subarray(at, at + size));
      await clock.run(clock.now());
      await writing;
    }
    const ending = speaker.end();
    await clock.run();
    const { stream: report, failed, gap } = await ending;
    assert.deepEqual([report.format, report.badLines.count, failed, gap?.max], ["claude", 0, 0, 0]);
    said.push(heard(events));
  }
  assert.deepEqual(said[1], said[0]);
  assert.deepEqual(said[2], said[0]);
  const all = said[0]!.join("\n");
  assert.match(all, /^I'll look at the parser first\.\n/);
  assert.match(all, /refactored loop/);
  assert.doesNotMatch(all, /fn next_line|https|Users|lexer\.rs.*lexer\.rs/);
  assert.match(all, /3\.14\.2/);
  assert.equal(all.match(/Done\./g)?.length, 1);
});

test("after an interrupt the listener hears nothing 50 ms later, and what comes after it is said", async () => {
  const { clock, blocks, speaker, events } = await setUp({ format: "plain" });
  const writing = speaker.write(
    "One sentence of some length. And another one. And a third one to wait for.\n\n",
  );
  await clock.run(700);
  await writing;
  const before = blocks.flatMap(({ samples }) => [...samples]);
  assert.ok(before.length >= 0.6 * sampleRateHz && before.every((sample) => sample === 0.25));
  assert.equal(speaker.interrupt(), 3);
  const interruptMs = clock.now();
  await clock.run(2000);
  const originMs = blocks[0]!.atMs;
  // Every sample with the time at which it is heard: the stream has no holes.
  const samples = blocks.flatMap((block) => [...block.samples]);
  const loud = samples.filter(
    (sample, i) => sample !== 0 && originMs + (i / sampleRateHz) * 1000 > interruptMs + 50,
  );
  assert.equal(loud.length, 0);
  const again = speaker.write("Something new.\n\n");
  await clock.run();
  await again;
  const ending = speaker.end();
  await clock.run();
  const stats = await ending;
  assert.equal(heard(events).at(-1), "Something new.");
  assert.deepEqual([stats.said, stats.dropped.interrupted], [1, 3]);
});

test("what fails to be translated is said in its own language by its own voice, and marked", async () => {
  const srt = path.join(folder, "marked.srt");
  const clock = createVirtualClock();
  const spanish = hum(clock, "es");
  const events: SpeakerEvent[] = [];
  const sink = createNullSink({ sampleRateHz: 16_000, clock });
  const speaker = await openSpeaker({
    clock,
    sink,
    voice: spanish,
    translate: translator(clock, "es"),
    thermal: null,
    format: "plain",
    srt,
    onEvent: (event) => events.push(event),
  });
  const writing = speaker.write("All tests pass. This is bad news. It works again.\n\n");
  // The English voice is a real one: its work is not on this clock.
  let isDone = false;
  const ending = writing
    .then(() => speaker.end())
    .finally(() => {
      isDone = true;
    });
  while (!isDone) {
    await clock.run();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const stats = await ending;
  assert.deepEqual([stats.said, stats.untranslated, stats.failed], [3, 1, 0]);
  assert.deepEqual(spanish.texts, Object.values(spanishOf));
  assert.deepEqual(
    events.flatMap((event) => (event.type === "untranslated" ? [event.reason] : [])),
    ["no words for it"],
  );
  const text = fs.readFileSync(srt, "utf8");
  assert.match(text, /\nTodas las pruebas pasan\.\n/);
  assert.match(text, /\n\[en\] This is bad news\.\n/);
});

test("without a voice for the source language the failure is said once, and no voice reads the foreign words", async () => {
  const clock = createVirtualClock();
  const { speaker, events, voice } = await setUp({
    clock,
    language: "ja",
    translate: translator(clock, "en", "ja"),
    format: "plain",
    sink: createNullSink({ sampleRateHz, clock }),
  });
  const writing = speaker.write("bad one. bad two. 三。\n\n");
  await clock.run();
  await writing;
  const ending = speaker.end();
  await clock.run();
  const stats = await ending;
  assert.equal(heard(events)[0], "A sentence could not be translated.");
  assert.ok(stats.failed >= 1, JSON.stringify(stats));
  assert.ok(!voice.texts.some((text) => text.includes("bad")));
  const failed = events.flatMap((event) => (event.type === "failed" ? [event.error.code] : []));
  assert.deepEqual([...new Set(failed)], ["voice_failed"]);
});

test("phrases that come again are not voiced again", async () => {
  const { clock, speaker, voice } = await setUp({ format: "plain" });
  const writing = speaker.write("The tests pass.\n\nThe tests pass.\n\nThe tests pass.\n\n");
  await clock.run();
  await writing;
  const ending = speaker.end();
  await clock.run();
  const { said, cache } = await ending;
  assert.deepEqual([said, cache.hits, cache.misses, voice.texts.length], [3, 2, 1, 1]);
});

test("heat lowers what is done ahead, says so, and comes back late", async () => {
  let level: ThermalLevel = "nominal";
  const clock = createVirtualClock();
  const { speaker, events } = await setUp({
    clock,
    sink: createNullSink({ sampleRateHz, clock }),
    thermal: { name: "fake", read: async () => level },
  });
  await clock.run(10_000);
  level = "critical";
  await clock.run(20_000);
  assert.equal(speaker.status().heat, "critical");
  // What tools do is left out, what the agent says is not.
  const writing = speaker.write(stream);
  await clock.run(20_000);
  await writing;
  await clock.run(30_000);
  const { dropped, said } = speaker.stats();
  assert.ok(dropped.hot >= 2 && said >= 5, JSON.stringify({ dropped, said }));
  level = "nominal";
  await clock.run(50_000);
  assert.equal(speaker.status().heat, "critical");
  await clock.run(200_000);
  const levels = events.flatMap((event) => (event.type === "heat" ? [event.level] : []));
  assert.deepEqual(levels, ["critical", "serious", "fair", "nominal"]);
  await speaker.close();
});

test("rate and volume stay within their range, and the state is told", async () => {
  const { speaker } = await setUp();
  speaker.setRate(99);
  speaker.setVolume(-1);
  speaker.pause();
  assert.deepEqual(speaker.status(), {
    isPaused: true,
    rate: 3,
    volume: 0,
    waiting: 0,
    said: 0,
    heat: "nominal",
    text: null,
  });
  await speaker.close();
  await assert.rejects(speaker.write("more"), { code: "usage" });
});

test("closing in the middle leaves a whole file with what was heard", async () => {
  const clock = createVirtualClock();
  const out = path.join(folder, "cut.wav");
  const speaker = await openSpeaker({
    clock,
    voice: hum(clock),
    thermal: null,
    out,
    srt: path.join(folder, "cut.srt"),
    format: "plain",
  });
  const writing = speaker.write("This sentence is written. So is this one.\n\n");
  await clock.run(45);
  await writing;
  await speaker.close();
  const { samples } = readWav(fs.readFileSync(out), out);
  assert.ok(samples.length > 0 && samples.every((sample) => Math.abs(sample - 0.25) < 0.001));
  assert.match(fs.readFileSync(path.join(folder, "cut.srt"), "utf8"), /This sentence is written\./);
});

test("the doctor tells a missing loudspeaker from a missing voice", async () => {
  const report = await checkSpeech({ device: "no such loudspeaker", thermal: null });
  assert.deepEqual(
    report.checks.map(({ name, isWorking }) => [name, isWorking]),
    [
      ["voice", true],
      ["sound", false],
    ],
  );
  assert.match(report.checks[1]?.cure ?? "", /--out/);
  assert.deepEqual([report.is_ready, report.response_ms], [false, null]);
});

test("a voice that does not fit, a config that is wrong, a path that cannot be written to: told before a word is read", async () => {
  const clock = createVirtualClock();
  await assert.rejects(openSpeaker({ language: "ja", thermal: null }), { code: "voice_failed" });
  const file = path.join(folder, "bad.yaml");
  fs.writeFileSync(file, "queue: { lookahead: 3 }\n");
  await assert.rejects(openSpeaker({ config: file }), { code: "invalid_config" });
  let closed = 0;
  const voice: Voice = { ...hum(clock), close: async () => void closed++ };
  await assert.rejects(openSpeaker({ voice, out: folder, thermal: null }), { code: "not_writable" });
  assert.equal(closed, 1);
  await assert.rejects(openSpeaker({ voice, translate: "apertium", thermal: null }), { code: "usage" });
  // The model that this file names may not be used commercially; it is not even looked for.
  const config = packagePath("configs", "speech", "m4_max.yaml");
  await assert.rejects(openSpeaker({ config, to: "es", thermal: null, out: path.join(folder, "m4.wav") }), {
    code: "usage",
    message: /CC-BY-NC-4\.0: facebook\/nllb-200-3\.3B/,
  });
});
