import assert from "node:assert/strict";
import { test } from "node:test";
import { LimbeckError } from "../../base/errors.ts";
import type { Sound } from "../types.ts";
import { createVirtualClock, type VirtualClock } from "../virtual-clock.test.support.ts";
import { openDeviceContext, type WebAudioModule } from "./device-context.ts";
import { type AudioContextLike, createDeviceSink } from "./device-sink.ts";

const rate = 48000;

interface FakeSource {
  samples: Float32Array;
  gain: FakeGain;
  startFrame: number;
  stopFrame: number;
}
/** [time, value] points, straight lines between them. */
interface FakeGain {
  readonly points: [number, number][];
}

/**
 * A device that renders what the Web Audio API says: sources start at their frame, gains follow their ramps. Its time is the virtual
 * clock's, in quanta of 128 frames as a device's is.
 */
class FakeContext implements AudioContextLike {
  readonly sampleRate = rate;
  readonly destination = {};
  readonly outputLatency = 0.02;
  readonly clock: VirtualClock;
  readonly sources: FakeSource[] = [];
  isClosed = false;
  isStill = false;

  constructor(clock: VirtualClock) {
    this.clock = clock;
  }
  get currentTime(): number {
    return this.isStill ? 0 : (Math.floor((this.clock.now() * rate) / 1000 / 128) * 128) / rate;
  }
  createBuffer(_channels: number, length: number, sampleRate: number) {
    assert.equal(sampleRate, rate);
    const samples = new Float32Array(length);
    return { samples, copyToChannel: (given: Float32Array) => samples.set(given) };
  }
  createBufferSource() {
    const made = {
      samples: new Float32Array(0),
      gain: { points: [] },
      startFrame: Infinity,
      stopFrame: Infinity,
    };
    const source: FakeSource = made;
    this.sources.push(source);
    const node = {
      buffer: null as null | { samples: Float32Array; copyToChannel: (given: Float32Array) => void },
      onended: null as null | (() => void),
      connect: (gain: object) => {
        source.gain = gain as FakeGain;
      },
      start: (when: number) => {
        source.samples = node.buffer!.samples;
        source.startFrame = Math.max(Math.round(when * rate), Math.round(this.currentTime * rate));
        const endMs = ((source.startFrame + source.samples.length) * 1000) / rate;
        this.clock.sleep(endMs - this.clock.now()).then(() => node.onended?.());
      },
      stop: (when: number) => {
        source.stopFrame = Math.round(when * rate);
      },
    };
    return node;
  }
  createGain() {
    const points: [number, number][] = [];
    return {
      points,
      gain: {
        set value(value: number) {
          points.push([0, value]);
        },
        get value() {
          return points.at(-1)![1];
        },
        setValueAtTime: (value: number, time: number) => void points.push([time, value]),
        linearRampToValueAtTime: (value: number, time: number) => void points.push([time, value]),
      },
      connect: () => undefined,
      disconnect: () => undefined,
    };
  }
  async resume() {}
  async close() {
    this.isClosed = true;
  }
  /** All that was heard, from the start of the device's time. */
  render(): Float32Array {
    const out = new Float32Array(Math.ceil((this.clock.now() * rate) / 1000));
    for (const { samples, gain, startFrame, stopFrame } of this.sources) {
      for (let i = 0; i < samples.length && startFrame + i < Math.min(stopFrame, out.length); i++) {
        const frame = startFrame + i;
        out[frame] = out[frame]! + samples[i]! * gainAt(gain, frame / rate);
      }
    }
    return out;
  }
}

function gainAt({ points }: FakeGain, time: number): number {
  const after = points.findIndex(([at]) => at > time);
  if (after < 0) return points.at(-1)![1];
  const [a, b] = [points[after - 1]!, points[after]!];
  return a[1] + ((time - a[0]) / (b[0] - a[0])) * (b[1] - a[1]);
}

const constant = (length: number, value: number): Sound => ({
  samples: new Float32Array(length).fill(value),
  sampleRateHz: rate,
});
const codeIs =
  (code: string, words = /./) =>
  (error: unknown): boolean =>
    error instanceof LimbeckError && error.code === code && words.test(`${error.message} ${error.cure}`);

async function openFake() {
  const clock = createVirtualClock();
  const context = new FakeContext(clock);
  const opening = createDeviceSink({ context, name: "fake", clock, volume: 0.5 });
  await clock.run();
  return { clock, context, sink: await opening, openedMs: clock.now() };
}

test("sounds follow each other on the device without a gap, at the sink's volume and at the device's rate", async () => {
  const { clock, context, sink, openedMs } = await openFake();
  const playing = [
    sink.play(constant(1000, 0.2)),
    sink.play(constant(1, 0.4)),
    sink.play(constant(0, 1)),
    sink.play({ samples: new Float32Array(1600).fill(0.8), sampleRateHz: 16000 }),
  ];
  clock.at(openedMs + 30, () => playing.push(sink.play(constant(500, 1))));
  await clock.run();
  const heard = context.render();
  const first = heard.findIndex((sample) => sample !== 0);
  const loud = heard.slice(first, heard.findLastIndex((sample) => sample !== 0) + 1);
  assert.ok(first / rate < 0.02 + openedMs / 1000, `starts at frame ${first}`);
  assert.equal(loud.length, 1000 + 1 + 4800 + 500);
  assert.ok(loud.every((sample) => sample > 0.05));
  assert.ok(Math.abs(loud[0]! - 0.1) < 1e-6 && Math.abs(loud[1000]! - 0.2) < 1e-6);
  for (const { ended } of playing) assert.equal(await ended, "played");
  // Heard after the device's latency.
  const startMs = await playing[0]!.started;
  assert.ok(Math.abs(startMs - ((first * 1000) / rate + 20)) < 3, `${startMs} ms, frame ${first}`);
  assert.ok(Math.abs((await playing[3]!.started) - startMs - 1001 / 48) < 3);
});

test("`silence` fades the device out within 50 ms, cuts all that waits, and what comes next is heard", async () => {
  for (const afterMs of [0, 5, 11, 40.3, 999]) {
    const { clock, context, sink, openedMs } = await openFake();
    const playing = [sink.play(constant(rate, 0.8)), sink.play(constant(rate, 0.8))];
    const atMs = openedMs + afterMs;
    clock.at(atMs, () => sink.silence());
    await clock.run(atMs + 500);
    const heard = context.render();
    for (const { stopFrame } of context.sources)
      assert.ok((stopFrame * 1000) / rate - atMs < 15, "stopped too");
    const lastMs = ((heard.findLastIndex((sample) => Math.abs(sample) > 1e-4) + 1) * 1000) / rate;
    assert.ok(lastMs - atMs < 15, `heard for ${lastMs - atMs} ms after`);
    const steps = heard
      .slice(Math.round((atMs / 1000) * rate))
      .map((s, i, all) => (i === 0 ? 0 : Math.abs(s - all[i - 1]!)));
    if (afterMs > 20) assert.ok(Math.max(...steps) < 0.01, `a step of ${Math.max(...steps)}`);
    assert.deepEqual(await Promise.all(playing.map(({ ended }) => ended)), ["cut", "cut"]);
    await Promise.all(playing.map(({ started }) => started));

    const next = sink.play(constant(100, 0.6));
    await clock.run();
    assert.equal(await next.ended, "played");
    assert.equal(context.render().filter((sample) => Math.abs(sample - 0.3) < 1e-6).length >= 100, true);
    sink.silence();
  }
});

test("closing waits for the last sound, then the device is given back", async () => {
  const { clock, context, sink } = await openFake();
  const playing = sink.play(constant(4800, 0.1));
  const closing = Promise.all([sink.close(), sink.close()]);
  assert.ok(!context.isClosed);
  await clock.run();
  await closing;
  assert.ok(context.isClosed);
  assert.equal(await playing.ended, "played");
  assert.throws(() => sink.play(constant(1, 0.1)), codeIs("internal"));
});

test("a device whose clock stands still is none", async () => {
  const clock = createVirtualClock();
  const context = new FakeContext(clock);
  context.isStill = true;
  const opening = assert.rejects(
    createDeviceSink({ context, name: "dead", clock, volume: 1 }),
    codeIs("audio_unavailable", /--out/),
  );
  await clock.run();
  await opening;
  assert.ok(context.isClosed);
});

test("devices are chosen by name or id; without one, or without the package, the error says what to do", async () => {
  const outputs = [
    { kind: "audioinput", deviceId: "0", label: "Microphone" },
    { kind: "audiooutput", deviceId: "1", label: "Built-in Speakers" },
    { kind: "audiooutput", deviceId: "2", label: "Headphones" },
  ];
  const opened: (string | undefined)[] = [];
  const moduleWith = (devices: typeof outputs, failure?: Error) => async (): Promise<WebAudioModule> => ({
    AudioContext: class extends FakeContext {
      constructor({ sinkId }: { sinkId?: string }) {
        super(createVirtualClock());
        if (failure) throw failure;
        opened.push(sinkId);
      }
    },
    mediaDevices: { enumerateDevices: async () => devices },
  });
  const names: string[] = [];
  for (const device of [undefined, "2", "Headphones", "speakers"]) {
    names.push((await openDeviceContext(device, moduleWith(outputs))).name);
  }
  assert.deepEqual(opened, [undefined, "2", "2", "1"]);
  assert.deepEqual(names, ["default", "Headphones", "Headphones", "Built-in Speakers"]);
  await assert.rejects(
    openDeviceContext("Microphone", moduleWith(outputs)),
    codeIs("audio_unavailable", /"Built-in Speakers", "Headphones", got "Microphone"/),
  );
  const none = codeIs("audio_unavailable", /--out/);
  await assert.rejects(openDeviceContext(undefined, moduleWith(outputs.slice(0, 1))), none);
  await assert.rejects(
    openDeviceContext(undefined, moduleWith(outputs, new Error("cpal: no such device"))),
    none,
  );
});

test("the missing package is named with the Node that it needs", async (t) => {
  try {
    import.meta.resolve("node-web-audio-api");
    t.skip("node-web-audio-api is installed here");
  } catch {
    await assert.rejects(
      openDeviceContext(undefined),
      codeIs("missing_dependency", /node-web-audio-api.*Node 22.*npm install node-web-audio-api.*--out/s),
    );
  }
});
