import type { PlayingSound, Priority, Segment, Sink, Sound, SpeechClock } from "../types.ts";
import type { VirtualClock } from "../virtual-clock.test.support.ts";

/** One sample a millisecond: lengths and offsets are times. */
const sampleRateHz = 1000;

/** A sound of `ms`, its first sample telling which one it is. */
export function soundOf(index: number, ms: number): Sound {
  const samples = new Float32Array(ms).fill(0.5);
  samples[0] = index / 1024;
  return { samples, sampleRateHz };
}

/** What was heard of one sound. */
export interface Heard {
  /** Of `soundOf`; null where the sound's first sample was cut away before. */
  readonly index: number | null;
  readonly startMs: number;
  endMs: number;
  readonly peak: number;
}

export interface FakeSink extends Sink {
  readonly heard: readonly Heard[];
  /** When each sound was handed over. */
  readonly askedMs: readonly number[];
}

/** A loudspeaker in virtual time. */
export function createFakeSink(clock: SpeechClock): FakeSink {
  const heard: Heard[] = [];
  const askedMs: number[] = [];
  let freeMs = 0;
  let hush = new AbortController();
  return {
    name: "fake",
    sampleRateHz,
    heard,
    askedMs,
    play: ({ samples }): PlayingSound => {
      askedMs.push(clock.now());
      const { signal } = hush;
      const startMs = Math.max(clock.now(), freeMs);
      freeMs = startMs + samples.length;
      let start: (ms: number) => void = () => undefined;
      const started = new Promise<number>((resolve) => {
        start = resolve;
      });
      const play = async (): Promise<"played" | "cut"> => {
        let entry: Heard | undefined;
        try {
          await clock.sleep(startMs - clock.now(), signal);
          const first = (samples[0] ?? 0) * 1024;
          entry = {
            index: Number.isInteger(first) && first < 400 ? first : null,
            startMs,
            endMs: Number.NaN,
            peak: samples.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0),
          };
          heard.push(entry);
          start(startMs);
          await clock.sleep(samples.length, signal);
          entry.endMs = clock.now();
          return "played";
        } catch {
          if (entry !== undefined) entry.endMs = clock.now();
          return "cut";
        }
      };
      return { started, ended: play() };
    },
    silence: () => {
      hush.abort();
      hush = new AbortController();
      freeMs = clock.now();
    },
    close: async () => undefined,
  };
}

let made = 0;

/** A segment that says its own index. */
export function segmentOf(part: Partial<Segment> & { readonly index: number }): Segment {
  made++;
  return {
    agent: "a",
    priority: "normal" satisfies Priority,
    text: `segment ${made}`,
    verbatim: [],
    atMs: 0,
    ...part,
  };
}

/** An engine that takes a known time, does one call at a time by itself, and remembers when it was asked. */
export function createEngine(clock: VirtualClock, ms: (index: number) => number) {
  const calls: { readonly index: number; readonly startMs: number }[] = [];
  let running = 0;
  return {
    calls,
    /** Most calls at once. */
    most: 0,
    async call(index: number, signal: AbortSignal): Promise<void> {
      calls.push({ index, startMs: clock.now() });
      running++;
      this.most = Math.max(this.most, running);
      try {
        await clock.sleep(ms(index), signal);
      } finally {
        running--;
      }
    },
  };
}
