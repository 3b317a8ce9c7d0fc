import { fadeOut } from "../sound/level.ts";
import type { PlayingSound } from "../types.ts";

/** Sound that a sink has accepted and not ended. */
export interface QueuedSound {
  readonly samples: Float32Array;
  /** When it was given, milliseconds of the sink's clock: it cannot start before. */
  readonly givenMs: number;
  readonly playing: PlayingSound;
  /** Samples of it that were taken. */
  taken: number;
  start(ms: number): void;
  end(how: "played" | "cut"): void;
  fail(error: unknown): void;
}

function createQueued(samples: Float32Array, givenMs: number): QueuedSound {
  let start!: (ms: number) => void;
  let end!: (how: "played" | "cut") => void;
  let fail!: (error: unknown) => void;
  const started = new Promise<number>((resolve) => {
    start = resolve;
  });
  const ended = new Promise<"played" | "cut">((resolve, reject) => {
    [end, fail] = [resolve, reject];
  });
  // The sink's `close` says it too: whoever does not look at `ended` need not.
  ended.catch(() => undefined);
  return { samples, givenMs, playing: { started, ended }, taken: 0, start, end, fail };
}

/** Sounds in order, of which samples are taken one after the other: the end of one touches the start of the next. */
export class SampleQueue {
  #sounds: QueuedSound[] = [];

  get first(): QueuedSound | undefined {
    return this.#sounds[0];
  }

  add(samples: Float32Array, givenMs: number): QueuedSound {
    const sound = createQueued(samples, givenMs);
    this.#sounds.push(sound);
    return sound;
  }

  /** The next samples of the first sound, at most `most`; a sound that is taken whole leaves the queue, and is `finished`. */
  take(most: number): { readonly samples: Float32Array; readonly finished: QueuedSound | undefined } {
    const sound = this.#sounds[0];
    if (!sound) return { samples: new Float32Array(0), finished: undefined };
    const samples = sound.samples.subarray(sound.taken, sound.taken + most);
    sound.taken += samples.length;
    const isWhole = sound.taken === sound.samples.length;
    if (isWhole) this.#sounds.shift();
    return { samples, finished: isWhole ? sound : undefined };
  }

  /** Drops all; returns what fades out what is being heard, at most `fadeSamples` long, and the sounds that were dropped. */
  cut(fadeSamples: number): { readonly fade: Float32Array; readonly dropped: readonly QueuedSound[] } {
    const dropped = this.#sounds;
    this.#sounds = [];
    const sound = dropped[0];
    if (!sound || sound.taken === 0) return { fade: new Float32Array(0), dropped };
    return { fade: fadeOut(sound.samples.slice(sound.taken, sound.taken + fadeSamples)), dropped };
  }
}
