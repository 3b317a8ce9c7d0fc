import { LimbeckError } from "../../base/errors.ts";
import { resample } from "../sound/resample.ts";
import type { PlayingSound, Sink, SpeechClock } from "../types.ts";
import { type QueuedSound, SampleQueue } from "./sample-queue.ts";

/** The part of the Web Audio API that is used, as `node-web-audio-api` has it. */
export interface AudioContextLike {
  readonly sampleRate: number;
  /** Seconds that the device has been given. */
  readonly currentTime: number;
  readonly outputLatency: number;
  readonly destination: object;
  createBuffer(channels: number, length: number, sampleRate: number): AudioBufferLike;
  createBufferSource(): SourceLike;
  createGain(): GainLike;
  resume(): Promise<void>;
  close(): Promise<void>;
}
interface AudioBufferLike {
  copyToChannel(samples: Float32Array, channel: number): void;
}
interface SourceLike {
  buffer: AudioBufferLike | null;
  onended: (() => void) | null;
  connect(target: object): void;
  start(when: number): void;
  stop(when: number): void;
}
interface GainLike {
  readonly gain: {
    value: number;
    setValueAtTime(value: number, time: number): void;
    linearRampToValueAtTime(value: number, time: number): void;
  };
  connect(target: object): void;
  disconnect(): void;
}

/** The device takes samples in quanta: what starts this much ahead is not late. */
const leadMs = 10;
const fadeMs = 8;
/** A device that runs moves its clock within this. */
const wakeUpMs = 2000;

interface Scheduled {
  readonly sound: QueuedSound;
  readonly source: SourceLike;
  readonly waiting: AbortController;
}

/**
 * Plays on a device: each sound starts at the sample at which the one before ends. `silence` fades what is heard within 8 ms of the device's own
 * clock. Error: `audio_unavailable` where the device's clock stands still.
 */
export async function createDeviceSink(options: {
  readonly context: AudioContextLike;
  readonly name: string;
  readonly clock: SpeechClock;
  readonly volume: number;
}): Promise<Sink> {
  const { context, name, clock, volume } = options;
  const rate = context.sampleRate;
  await assertRunning(context, name, clock);

  let scheduled: Scheduled[] = [];
  let gain = openGain();
  /** First sample of the device's time that is free. */
  let nextFrame = 0;
  let closing: Promise<void> | undefined;

  function openGain(): GainLike {
    const made = context.createGain();
    made.gain.value = volume;
    made.connect(context.destination);
    return made;
  }
  const frameNow = (): number => Math.ceil(context.currentTime * rate);
  /** When a frame is heard, on our clock. */
  const msOf = (frame: number): number =>
    clock.now() + (frame / rate - context.currentTime + (context.outputLatency || 0)) * 1000;

  const announce = async ({ sound, waiting }: Scheduled, startFrame: number): Promise<void> => {
    const startMs = msOf(startFrame);
    try {
      await clock.sleep(Math.max(0, startMs - clock.now()), waiting.signal);
      sound.start(startMs);
    } catch {
      // Cut before it was heard: `silence` has said when.
    }
  };

  return {
    name,
    sampleRateHz: rate,
    play(given): PlayingSound {
      if (closing) throw new LimbeckError("internal", `${name}: expected an open sink, it is closed`);
      const { samples } = resample(given, rate);
      const sound = new SampleQueue().add(samples, clock.now());
      if (samples.length === 0) {
        sound.start(msOf(Math.max(nextFrame, frameNow())));
        sound.end("played");
        return sound.playing;
      }
      const buffer = context.createBuffer(1, samples.length, rate);
      buffer.copyToChannel(samples, 0);
      const source = context.createBufferSource();
      source.buffer = buffer;
      source.connect(gain);
      const startFrame = Math.max(nextFrame, frameNow() + Math.round((leadMs / 1000) * rate));
      nextFrame = startFrame + samples.length;
      const entry: Scheduled = { sound, source, waiting: new AbortController() };
      scheduled.push(entry);
      source.onended = () => {
        if (!scheduled.includes(entry)) return;
        scheduled = scheduled.filter((other) => other !== entry);
        entry.waiting.abort();
        sound.start(msOf(startFrame));
        sound.end("played");
      };
      source.start(startFrame / rate);
      void announce(entry, startFrame);
      return sound.playing;
    },
    silence() {
      const cut = scheduled;
      scheduled = [];
      if (cut.length === 0) return;
      const now = context.currentTime;
      const endTime = now + fadeMs / 1000;
      gain.gain.setValueAtTime(volume, now);
      gain.gain.linearRampToValueAtTime(0, endTime);
      for (const { sound, source, waiting } of cut) {
        source.stop(endTime);
        waiting.abort();
        sound.start(clock.now());
        sound.end("cut");
      }
      // What is played next has a gain of its own: the faded one stays at 0.
      gain = openGain();
      nextFrame = Math.ceil(endTime * rate);
    },
    close() {
      closing ??= (async () => {
        await Promise.all(scheduled.map(({ sound }) => sound.playing.ended));
        await context.close();
      })();
      return closing;
    },
  };
}

async function assertRunning(context: AudioContextLike, name: string, clock: SpeechClock): Promise<void> {
  await context.resume();
  const start = context.currentTime;
  const endMs = clock.now() + wakeUpMs;
  while (context.currentTime <= start) {
    if (clock.now() >= endMs) {
      await context.close();
      throw new LimbeckError(
        "audio_unavailable",
        `${name}: expected a running device, its clock stands still`,
        {
          cure: "Write to a file instead: --out FILE.wav. Or choose another device.",
        },
      );
    }
    await clock.sleep(5);
  }
}
