import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import fc from "fast-check";
import { LimbeckError } from "../../base/errors.ts";
import { readWav, toWav } from "../sound/wav.ts";
import type { PlayingSound, Sink, Sound } from "../types.ts";
import { createVirtualClock, type VirtualClock } from "../virtual-clock.test.support.ts";
import { createPacedSink } from "./paced-sink.ts";
import { createNullSink, openSink } from "./sinks.ts";
import { writeSrt } from "./srt.ts";
import { openWavFile } from "./wav-file.ts";

const rate = 16000;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-play-"));
after(() => fs.rmSync(folder, { recursive: true }));
const fileIn = (name: string): string => path.join(folder, name);

/** A tone that is never 0, so that every sample of it can be told from silence. */
const tone = (ms: number, size = 0.5): Sound => ({
  samples: Float32Array.from(
    { length: (ms * rate) / 1000 },
    (_, i) => size * Math.sin((2 * Math.PI * 330 * (i + 0.5)) / rate),
  ),
  sampleRateHz: rate,
});
const constant = (length: number, value: number): Sound => ({
  samples: new Float32Array(length).fill(value),
  sampleRateHz: rate,
});

interface Heard {
  readonly clock: VirtualClock;
  readonly sink: Sink;
  readonly stream: number[];
}
function listen(): Heard {
  const stream: number[] = [];
  const clock = createVirtualClock();
  const sink = createNullSink({ sampleRateHz: rate, clock, onSamples: (samples) => stream.push(...samples) });
  return { clock, sink, stream };
}
const times = ({ started, ended }: PlayingSound): Promise<[number, string]> => Promise.all([started, ended]);
const codeIs =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof LimbeckError && error.code === code;

test("queued sounds follow each other with no sample between, and start when they say", async () => {
  const { clock, sink, stream } = listen();
  const sounds = [
    constant(1234, 0.1),
    constant(1, 0.2),
    constant(4321, 0.3),
    constant(0, 1),
    constant(777, 0.4),
  ];
  const playing = sounds.map((sound) => sink.play(sound));
  await clock.run();
  assert.deepEqual(
    stream,
    sounds.flatMap(({ samples }) => [...samples]),
  );
  const starts = await Promise.all(playing.map(times));
  const expected = [0, 1234, 1235, 5556, 5556].map((at) => (at * 1000) / rate);
  for (const [i, [startMs, how]] of starts.entries()) {
    assert.ok(Math.abs(startMs - expected[i]!) < 1e-6, `sound ${i}: ${startMs} ms, expected ${expected[i]}`);
    assert.equal(how, "played");
  }
  assert.ok(Math.abs(clock.now() - (6333 * 1000) / rate) < 1e-6, `${clock.now()}`);
});

test("a sound that is given when the one before ends leaves no gap either", async () => {
  const { clock, sink, stream } = listen();
  const first = sink.play(constant(1003, 0.1));
  const second = first.ended.then(() => sink.play(constant(1003, 0.2)));
  await clock.run();
  assert.equal(await (await second).ended, "played");
  assert.equal(stream.length, 2006);
  assert.ok(!stream.includes(0));
});

test("a pause of the speaker is a pause in the stream", async () => {
  const { clock, sink, stream } = listen();
  sink.play(constant(160, 0.1));
  clock.at(2500, () => sink.play(constant(160, 0.2)));
  await clock.run();
  assert.equal(
    stream.findIndex((sample) => sample > 0.15),
    2500 * 16,
  );
  assert.equal(stream.slice(160, 2500 * 16).filter((sample) => sample !== 0).length, 0);
});

test("after `silence` nothing is heard 50 ms later, there is no click, and what comes next is whole", async () => {
  for (const atMs of [0, 1, 13, 20, 20.5, 333.3, 999]) {
    const { clock, sink, stream } = listen();
    const playing = [tone(1000), tone(1000), tone(1000)].map((sound) => sink.play(sound));
    clock.at(atMs, () => sink.silence());
    await clock.run(5000);
    const last = stream.findLastIndex((sample) => sample !== 0);
    const heardMs = ((last + 1) * 1000) / rate - atMs;
    assert.ok(heardMs <= 30, `silence at ${atMs} ms: heard for ${heardMs} ms`);
    // The last block of the first sound is out by then.
    const first = atMs === 999 ? "played" : "cut";
    assert.deepEqual(await Promise.all(playing.map(({ ended }) => ended)), [first, "cut", "cut"]);
    for (const { started } of playing) assert.ok((await started) <= atMs + 20);
    // The tone itself changes by at most 0.065 from sample to sample.
    const steps = [...stream, 0].map((sample, i) => Math.abs(sample - (stream[i - 1] ?? 0)));
    assert.ok(Math.max(...steps) < 0.07, `silence at ${atMs} ms: a step of ${Math.max(...steps)}`);

    const next = sink.play(constant(500, 0.25));
    await clock.run();
    assert.equal(await next.ended, "played");
    assert.equal(await next.started, 5000);
    assert.deepEqual(stream.slice(-500), [...constant(500, 0.25).samples]);
  }
});

test("silence while nothing is played changes nothing", async () => {
  const { clock, sink, stream } = listen();
  sink.silence();
  const playing = sink.play(constant(320, 0.1));
  await clock.run();
  sink.silence();
  assert.equal(await playing.ended, "played");
  assert.equal(stream.length, 320);
});

test("any mixture of sounds, pauses and interrupts: the stream is made of their heads, in order, at their times", async () => {
  const action = fc.record({
    afterMs: fc.integer({ min: 0, max: 120 }),
    samples: fc.integer({ min: 0, max: 2000 }),
    isInterrupt: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 12 }), async (actions) => {
      const { clock, sink, stream } = listen();
      const given: { playing: PlayingSound; samples: number; value: number }[] = [];
      let atMs = 0;
      for (const [i, { afterMs, samples, isInterrupt }] of actions.entries()) {
        atMs += afterMs;
        clock.at(atMs, () => {
          if (isInterrupt) sink.silence();
          // No fade of one passes exactly through another.
          const value = Math.fround(0.83 * 0.93 ** i);
          given.push({ playing: sink.play(constant(samples, value)), samples, value });
        });
      }
      await clock.run();
      let previousEnd = 0;
      for (const { playing, samples, value } of given) {
        const [startMs, how] = await times(playing);
        const heard = stream.filter((sample) => sample === value).length;
        if (how === "played") assert.equal(heard, samples);
        else assert.ok(heard <= samples);
        if (heard === 0) continue;
        const first = stream.indexOf(value);
        assert.equal(stream.lastIndexOf(value), first + heard - 1, "in one piece");
        assert.ok(first >= previousEnd, "after the one before");
        previousEnd = first + heard;
        const origin = await given[0]!.playing.started;
        assert.ok(
          Math.abs(startMs - origin - (first * 1000) / rate) < 0.1,
          `${startMs} ms against sample ${first}`,
        );
      }
    }),
    { numRuns: 60, includeErrorInReport: true },
  );
});

test("closing plays what is queued first; then the sink takes nothing", async () => {
  const { clock, sink, stream } = listen();
  const playing = sink.play(constant(1600, 0.1));
  let isClosed = false;
  const closing = sink.close().then(() => {
    isClosed = true;
  });
  await clock.run(50);
  assert.ok(!isClosed);
  await clock.run();
  await Promise.all([closing, sink.close()]);
  assert.equal(await playing.ended, "played");
  assert.equal(stream.length, 1600);
  assert.throws(() => sink.play(constant(1, 0.1)), codeIs("internal"));
});

test("a file gets everything at once, resampled, quieter, and its times are places in it", async () => {
  const clock = createVirtualClock();
  const file = fileIn("new/fast.wav");
  const sink = await openSink({ out: file, sampleRateHz: 8000, volume: 0.5, clock });
  const first = sink.play({ samples: new Float32Array(16000).fill(0.5), sampleRateHz: 16000 });
  const second = sink.play({ samples: new Float32Array(800).fill(-0.5), sampleRateHz: 8000 });
  assert.deepEqual(await times(first), [0, "played"]);
  assert.deepEqual(await times(second), [1000, "played"]);
  sink.silence();
  await sink.close();
  const { samples, sampleRateHz } = readWav(fs.readFileSync(file), file);
  assert.equal(sampleRateHz, 8000);
  assert.equal(samples.length, 8800);
  assert.ok(Math.abs(samples[4000]! - 0.25) < 1e-3 && Math.abs(samples[8400]! + 0.25) < 1e-3);
});

test("a file written at the pace of speech has the pauses and the interrupts of it", async () => {
  const clock = createVirtualClock();
  const file = fileIn("real.wav");
  const sink = await openSink({ out: file, sampleRateHz: rate, clock, pace: "real" });
  sink.play(tone(1000));
  clock.at(300, () => sink.silence());
  clock.at(600, () => sink.play(tone(100)));
  await clock.run();
  await sink.close();
  const { samples } = readWav(fs.readFileSync(file), file);
  const loud = (from: number, to: number): boolean =>
    samples.slice(from * 16, to * 16).some((s) => Math.abs(s) > 1e-4);
  assert.equal(samples.length, 700 * 16);
  assert.deepEqual([loud(0, 300), loud(350, 600), loud(600, 700)], [true, false, true]);
});

test("the header counts what is there after every write", () => {
  const file = fileIn("steps.wav");
  const output = openWavFile(file, rate);
  assert.equal(readWav(fs.readFileSync(file), file).samples.length, 0);
  let length = 0;
  for (const samples of [tone(20).samples, new Float32Array(0), tone(7).samples]) {
    output.write(samples);
    length += samples.length;
    const bytes = fs.readFileSync(file);
    assert.equal(bytes.readUInt32LE(40), length * 2);
    assert.equal(bytes.readUInt32LE(4), bytes.length - 8);
    assert.equal(readWav(bytes, file).samples.length, length);
  }
  output.close();
  output.close();
});

test("a process that is killed while it writes leaves a valid file", async () => {
  const file = fileIn("killed.wav");
  const program = `
    import { openSink } from ${JSON.stringify(new URL("./sinks.js", import.meta.url).href)};
    const sink = await openSink({ out: ${JSON.stringify(file)}, sampleRateHz: 16000, pace: "real" });
    sink.play({ samples: new Float32Array(160000).fill(0.3), sampleRateHz: 16000 });
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: "inherit" });
  const ended = new Promise((resolve) => child.on("exit", resolve));
  while (!fs.existsSync(file) || fs.statSync(file).size < 5000) await wait(5);
  child.kill("SIGKILL");
  await ended;
  const bytes = fs.readFileSync(file);
  const { samples } = readWav(bytes, file);
  assert.ok(
    bytes.readUInt32LE(40) > 4000 && 44 + bytes.readUInt32LE(40) <= bytes.length,
    "counts no more than there is",
  );
  assert.ok(samples.length < 160000 && samples.every((sample) => Math.abs(sample - 0.3) < 1e-3));
});

test("a full disk ends sounds and sink with `disk_full`, and what was written stays valid", async () => {
  const file = fileIn("full.wav");
  let left = 10_000;
  const clock = createVirtualClock();
  const full = Object.assign(new Error("no space"), { code: "ENOSPC" });
  const calls = {
    ...fs,
    writeSync: (handle: number, bytes: Uint8Array, from: number, length: number, at: number): number => {
      // As a disk does: a part of what was asked for fits, then nothing.
      const fits = at === 0 ? length : Math.min(length, left);
      if (fits === 0) throw full;
      if (at !== 0) left -= fits;
      return fs.writeSync(handle, bytes, from, fits, at);
    },
  } as unknown as typeof fs;
  const output = openWavFile(file, rate, calls);
  const sink = createPacedSink({ output, sampleRateHz: rate, clock, pace: "real", volume: 1 });
  const playing = [tone(1000), tone(1000)].map((sound) => sink.play(sound));
  await clock.run();
  for (const { started, ended } of playing) {
    await started;
    await assert.rejects(ended, codeIs("disk_full"));
  }
  await assert.rejects(sink.play(tone(10)).ended, codeIs("disk_full"));
  await assert.rejects(sink.close(), codeIs("disk_full"));
  assert.ok(readWav(fs.readFileSync(file), file).samples.length > 4000);
});

test("what cannot be opened is an error at once", async () => {
  await assert.rejects(openSink({ out: folder, sampleRateHz: rate }), codeIs("not_writable"));
  await assert.rejects(openSink({ out: fileIn("x.wav"), sampleRateHz: rate, volume: 1.5 }), codeIs("usage"));
  if (fs.existsSync("/dev/full")) {
    await assert.rejects(openSink({ out: "/dev/full", sampleRateHz: rate }), codeIs("disk_full"));
  }
});

test("SubRip: numbered, in its notation of time, nothing overlaps, no text breaks it", () => {
  assert.equal(writeSrt([]), "");
  assert.equal(
    writeSrt([
      { startMs: 0, endMs: 1234.4, text: "Hello." },
      { startMs: 1200, endMs: 1200, text: "no time" },
      { startMs: 1200, endMs: 3_723_004, text: "a --> b\r\n\r\n  next line" },
      { startMs: 3_723_005, endMs: 360_000_000, text: "long after" },
      { startMs: 360_000_000, endMs: 360_000_001, text: " \n " },
    ]),
    [
      "1\n00:00:00,000 --> 00:00:01,200\nHello.\n",
      "2\n00:00:01,200 --> 01:02:03,004\na → b\nnext line\n",
      "3\n01:02:03,005 --> 100:00:00,000\nlong after\n",
    ].join("\n"),
  );
});

test("a whole file made at once is the file that is written in steps", () => {
  const file = fileIn("same.wav");
  const output = openWavFile(file, rate);
  output.write(tone(10).samples);
  output.close();
  assert.deepEqual(new Uint8Array(fs.readFileSync(file)), toWav(tone(10)));
});
