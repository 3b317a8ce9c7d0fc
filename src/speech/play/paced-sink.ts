import { LimbeckError } from "../../base/errors.ts";
import { resample } from "../sound/resample.ts";
import type { PlayingSound, Sink, SpeechClock } from "../types.ts";
import { type QueuedSound, SampleQueue } from "./sample-queue.ts";

/** Where a paced sink's samples go, in order and without a hole. */
export interface SampleOutput {
  readonly name: string;
  /** Errors: `disk_full`, `not_writable`. */
  write(samples: Float32Array): void;
  close(): void;
}

export interface PacedOptions {
  readonly output: SampleOutput;
  readonly sampleRateHz: number;
  readonly clock: SpeechClock;
  /**
   * `real`: as a loudspeaker would, on the clock; pauses of the speaker are silence in the output. `fast`: at once and without
   * pauses, on a clock that runs with the samples from when the first was written.
   */
  readonly pace: "real" | "fast";
  /** 0 to 1. */
  readonly volume: number;
}

/** Written ahead of the clock. With the fade this bounds how long is heard after `silence`: 28 ms. */
const blockMs = 20;
const fadeMs = 8;

/**
 * A sink that is not a device: it writes what a loudspeaker would play to an output, which is what its listener has heard. After an error of
 * the output everything fails with it, `close` too. Errors: those of the output.
 */
export function createPacedSink(options: PacedOptions): Sink {
  const { output, sampleRateHz, clock, pace, volume } = options;
  const queue = new SampleQueue();
  const samplesOf = (ms: number): number => Math.round((ms * sampleRateHz) / 1000);
  const blockSamples = Math.max(1, samplesOf(blockMs));
  /** When the output's first sample was played; unknown until there is one. */
  let originMs: number | undefined;
  let written = 0;
  let isRunning = false;
  let running: Promise<void> = Promise.resolve();
  let failure: { readonly error: unknown } | undefined;
  let closing: Promise<void> | undefined;

  /** When the next sample that is written will be played. */
  const nextMs = (): number => {
    originMs ??= clock.now();
    return originMs + (written * 1000) / sampleRateHz;
  };
  const write = (samples: Float32Array): void => {
    if (samples.length === 0) return;
    output.write(samples);
    written += samples.length;
  };
  /** A pause may last for hours: it is written a second at a time. */
  const writeSilence = (samples: number): void => {
    for (let left = samples; left > 0; left -= sampleRateHz)
      write(new Float32Array(Math.min(left, sampleRateHz)));
  };
  const fail = (error: unknown): void => {
    failure ??= { error };
    for (const sound of queue.cut(0).dropped) {
      sound.start(clock.now());
      sound.fail(error);
    }
  };
  /** Writes the next block of the first sound; returns that sound where it was its last. */
  const writeBlock = (sound: QueuedSound, most: number): QueuedSound | undefined => {
    if (sound.taken === 0) {
      // It was given after the one before had ended: nothing was heard in between.
      if (pace === "real") writeSilence(samplesOf(sound.givenMs - nextMs()));
      sound.start(nextMs());
    }
    const { samples, finished } = queue.take(most);
    write(samples);
    return finished;
  };
  const playFast = (): void => {
    for (let sound = queue.first; sound; sound = queue.first) {
      writeBlock(sound, sound.samples.length)?.end("played");
    }
  };
  const playReal = async (): Promise<void> => {
    isRunning = true;
    try {
      for (let sound = queue.first; sound; sound = queue.first) {
        const finished = writeBlock(sound, blockSamples);
        // By the count of samples, not by what was slept: errors of timers do not add up.
        await clock.sleep(Math.max(0, nextMs() - clock.now()));
        finished?.end("played");
      }
    } catch (error) {
      fail(error);
    } finally {
      // In the same turn as the last look at the queue: who adds to it later starts again.
      isRunning = false;
    }
  };

  return {
    name: output.name,
    sampleRateHz,
    play(sound): PlayingSound {
      if (closing) throw new LimbeckError("internal", `${output.name}: expected an open sink, it is closed`);
      const { samples } = resample(sound, sampleRateHz);
      const queued = queue.add(
        volume === 1 ? samples : samples.map((sample) => sample * volume),
        clock.now(),
      );
      if (failure) fail(failure.error);
      else if (pace === "real") {
        if (!isRunning) running = playReal();
      } else {
        try {
          playFast();
        } catch (error) {
          queued.fail(error);
          fail(error);
        }
      }
      return queued.playing;
    },
    silence() {
      const { fade, dropped } = queue.cut(samplesOf(fadeMs));
      try {
        write(fade);
      } catch (error) {
        failure ??= { error };
      }
      for (const sound of dropped) {
        sound.start(clock.now());
        sound.end("cut");
      }
    },
    close() {
      closing ??= (async () => {
        await running;
        output.close();
        if (failure) throw failure.error;
      })();
      return closing;
    },
  };
}
