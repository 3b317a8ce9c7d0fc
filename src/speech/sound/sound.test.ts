import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LimbeckError } from "../../base/errors.ts";
import type { Sound } from "../types.ts";
import { activeRms, fadeOut, level, mostPeak, peakOf, trim } from "./level.ts";
import { resample } from "./resample.ts";
import { stretch } from "./stretch.ts";
import { fromPcm16, readWav, toPcm16, toWav, wavHeader } from "./wav.ts";

const tone = (hz: number, ms: number, sampleRateHz = 16000, size = 0.5): Sound => ({
  samples: Float32Array.from(
    { length: (ms * sampleRateHz) / 1000 },
    (_, i) => size * Math.sin((2 * Math.PI * hz * i) / sampleRateHz),
  ),
  sampleRateHz,
});

/** Strength of one frequency: the size of a sine of it, by correlation, without the ends. */
function strength({ samples, sampleRateHz }: Sound, hz: number): number {
  const skip = Math.round(samples.length / 8);
  let re = 0;
  let im = 0;
  for (let i = skip; i < samples.length - skip; i++) {
    const angle = (2 * Math.PI * hz * i) / sampleRateHz;
    re += samples[i]! * Math.cos(angle);
    im += samples[i]! * Math.sin(angle);
  }
  return (2 * Math.hypot(re, im)) / (samples.length - 2 * skip);
}

const silence = (ms: number): Float32Array => new Float32Array(ms * 16);
const joined = (...parts: readonly Float32Array[]): Sound => ({
  samples: Float32Array.from(parts.flatMap((part) => [...part])),
  sampleRateHz: 16000,
});

test("a WAVE file says what was put in, and its samples are held at full scale", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -32768, max: 32767 })), (values) => {
      const samples = Float32Array.from(values, (value) => value / 32768);
      const read = readWav(toWav({ samples, sampleRateHz: 22050 }), "test");
      assert.equal(read.sampleRateHz, 22050);
      assert.equal(read.samples.length, samples.length);
      for (const [i, sample] of samples.entries()) assert.ok(Math.abs(sample - read.samples[i]!) < 2 / 32768);
    }),
  );
  assert.deepEqual([...fromPcm16(toPcm16(Float32Array.of(2, -2)))], [32767 / 32768, -32767 / 32768]);
});

test("every format of samples is read, channels are averaged, unknown chunks are passed over", () => {
  const file = (kind: number, bits: number, channels: number, data: Uint8Array, extra = 0): Uint8Array => {
    const header = wavHeader(8000, data.length);
    const view = new DataView(header.buffer);
    view.setUint16(20, kind, true);
    view.setUint16(22, channels, true);
    view.setUint16(32, (channels * bits) / 8, true);
    view.setUint16(34, bits, true);
    const chunk = new Uint8Array(extra === 0 ? 0 : 8 + extra + (extra & 1));
    if (extra > 0) {
      chunk.set(Buffer.from("LIST"));
      new DataView(chunk.buffer).setUint32(4, extra, true);
    }
    return Buffer.concat([header.subarray(0, 36), chunk, header.subarray(36), data]);
  };
  const only = (bytes: Uint8Array): number[] => [...readWav(bytes, "test").samples];
  assert.deepEqual(only(file(1, 8, 1, Uint8Array.of(0, 128, 192))), [-1, 0, 0.5]);
  assert.deepEqual(only(file(1, 24, 1, Uint8Array.of(0, 0, 0xc0, 0, 0, 0x40))), [-0.5, 0.5]);
  assert.deepEqual(only(file(1, 32, 1, new Uint8Array(Int32Array.of(1 << 30).buffer))), [0.5]);
  assert.deepEqual(only(file(3, 32, 1, new Uint8Array(Float32Array.of(0.25).buffer))), [0.25]);
  assert.deepEqual(only(file(1, 16, 2, new Uint8Array(Int16Array.of(16384, 0).buffer), 5)), [0.25]);
});

test("a WAVE file from a pipe ends with its bytes; what is none is refused", () => {
  const whole = toWav(tone(100, 10));
  const view = new DataView(whole.buffer);
  for (const claimed of [0xffffffff, 0x7fffffff, 0]) {
    view.setUint32(40, claimed, true);
    assert.equal(readWav(whole, "test").samples.length, 160);
  }
  for (const bytes of [new Uint8Array(0), Buffer.from("not sound at all"), whole.subarray(0, 40)]) {
    assert.throws(
      () => readWav(bytes, "test"),
      (error) => error instanceof LimbeckError && error.code === "voice_failed",
    );
  }
});

test("another rate keeps the tone, its size and its length, and lets nothing alias", () => {
  for (const [from, to] of [
    [16000, 48000],
    [16000, 44100],
    [22050, 16000],
    [48000, 16000],
  ] as const) {
    const got = resample(tone(1000, 400, from), to);
    assert.equal(got.sampleRateHz, to);
    assert.ok(Math.abs(got.samples.length / to - 0.4) < 1e-3);
    assert.ok(Math.abs(strength(got, 1000) - 0.5) < 0.002, `${from} to ${to}: ${strength(got, 1000)}`);
  }
  // 11 kHz does not exist at 16 kHz; taking every third sample would make 5 kHz of it.
  const gone = resample(tone(11000, 400, 48000), 16000);
  assert.ok(strength(gone, 5000) < 1e-4, `${strength(gone, 5000)}`);
  const sound = tone(300, 20);
  assert.equal(resample(sound, 16000), sound);
});

test("a stretched sound has the new length and the old pitch", () => {
  for (const rate of [0.5, 0.8, 1.5, 2, 3]) {
    const got = stretch(tone(200, 1000), rate);
    assert.equal(got.samples.length, Math.round(16000 / rate));
    assert.ok(strength(got, 200) > 0.47, `rate ${rate}: ${strength(got, 200)} at 200 Hz`);
    assert.ok(
      strength(got, 200 * rate) < 0.05,
      `rate ${rate}: ${strength(got, 200 * rate)} at ${200 * rate}`,
    );
    assert.ok(peakOf(got.samples) < 0.52);
  }
  const sound = tone(200, 10);
  assert.equal(stretch(sound, 1), sound);
  assert.equal(stretch({ ...sound, samples: new Float32Array(0) }, 2).samples.length, 0);
});

test("levelled sounds are equally loud and never reach full scale", () => {
  const loud = level(tone(200, 100, 16000, 0.99));
  const quiet = level(joined(tone(200, 100, 16000, 0.02).samples, silence(500)));
  assert.ok(Math.abs(activeRms(loud) - 0.1) < 1e-3);
  assert.ok(Math.abs(activeRms(quiet) - 0.1) < 1e-3, "silence does not count");
  const click = Float32Array.from({ length: 1600 }, (_, i) => (i === 800 ? 1 : 0.01));
  assert.ok(peakOf(level(joined(click)).samples) <= mostPeak + 1e-6);
  const nothing = joined(silence(10));
  assert.deepEqual(level(nothing), nothing);
});

test("silence before is cut, a short pause after is kept, silence alone is empty", () => {
  const { samples } = trim(joined(silence(300), tone(200, 100).samples, silence(900)));
  const first = samples.findIndex((sample) => sample !== 0);
  assert.ok(first > 0 && first <= 16 * 16, `${first}`);
  assert.ok(Math.abs(samples.length / 16 - 295) < 3, `${samples.length / 16} ms`);
  assert.equal(trim(joined(silence(50))).samples.length, 0);
});

test("a fade ends at zero without a step", () => {
  const faded = fadeOut(new Float32Array(128).fill(1));
  assert.ok(faded[0]! > 0.99 && Math.abs(faded[127]!) < 1e-6);
  for (let i = 1; i < faded.length; i++) assert.ok(Math.abs(faded[i]! - faded[i - 1]!) < 0.02);
});
