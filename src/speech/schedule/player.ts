import { isCancelled } from "../cancelled.ts";
import type { PlayingSound, Sink, Sound, SpeechClock } from "../types.ts";
import { durationMs, type Job, restOf } from "./job.ts";

/** One stretch of a job that was heard, in milliseconds of the sink's clock. */
export interface Heard {
  readonly startMs: number;
  readonly endMs: number;
  /** Whether something stopped it before its end. */
  readonly isCut: boolean;
}

export interface PlayerOptions {
  readonly sink: Sink;
  readonly clock: SpeechClock;
  /**
   * A sound is handed over this long before the one before it ends: late enough that urgent news can still go first,
   * early enough that a busy event loop makes no gap.
   */
  readonly handOverMs: number;
  onStarted(job: Job, startMs: number): void;
  onHeard(job: Job, heard: Heard): void;
  /** Something may have become possible. */
  wake(): void;
  onFault(error: unknown): void;
}

/** Feeds a sink so that it never runs dry and never holds more than it must. */
export interface Player {
  /** Jobs that the sink has: at most the one that is heard, and the next. */
  readonly jobs: readonly Job[];
  volume: number;
  /** Whether the sink can take one more now. */
  isOpen(): boolean;
  play(job: Job): void;
  /** Silence now. Returns the jobs that were not heard to their end, each with its `offset` where it was cut. */
  withdraw(): readonly Job[];
}

interface Handed {
  readonly job: Job;
  readonly lengthMs: number;
  readonly sampleRateHz: number;
  readonly abort: AbortController;
  startMs: number | undefined;
}

function scaled(sound: Sound, volume: number): Sound {
  return volume === 1 ? sound : { ...sound, samples: sound.samples.map((sample) => sample * volume) };
}

export function createPlayer(options: PlayerOptions): Player {
  const { sink, clock, handOverMs } = options;
  let handed: Handed[] = [];

  const watch = async (entry: Handed, { started, ended }: PlayingSound): Promise<void> => {
    const isGone = (): boolean => entry.abort.signal.aborted;
    const starting = started.then(async (startMs) => {
      if (isGone()) return;
      entry.startMs = startMs;
      options.onStarted(entry.job, startMs);
      options.wake();
      await clock.sleep(startMs + entry.lengthMs - handOverMs - clock.now(), entry.abort.signal);
      options.wake();
    });
    // The end comes before its alarm where a sink does not take as long as the sound, or cuts it.
    starting.catch((error: unknown) => (isCancelled(error) ? undefined : options.onFault(error)));
    const how = await ended;
    if (isGone()) return;
    const startMs = entry.startMs ?? (await started);
    entry.abort.abort();
    handed = handed.filter((other) => other !== entry);
    const isCut = how === "cut";
    const endMs = isCut ? Math.max(startMs, clock.now()) : startMs + entry.lengthMs;
    options.onHeard(entry.job, { startMs, endMs, isCut });
    options.wake();
  };

  return {
    volume: 1,
    get jobs() {
      return handed.map(({ job }) => job);
    },
    isOpen: () => {
      const [first, second] = handed;
      if (first === undefined) return true;
      if (second !== undefined || first.startMs === undefined) return false;
      return clock.now() >= first.startMs + first.lengthMs - handOverMs;
    },
    play(job) {
      const rest = scaled(restOf(job), this.volume);
      const entry: Handed = {
        job,
        lengthMs: durationMs(rest),
        sampleRateHz: rest.sampleRateHz,
        abort: new AbortController(),
        startMs: undefined,
      };
      handed.push(entry);
      watch(entry, sink.play(rest)).catch(options.onFault);
    },
    withdraw: () => {
      sink.silence();
      const nowMs = clock.now();
      const cut = handed;
      handed = [];
      for (const { job, startMs, lengthMs, sampleRateHz, abort } of cut) {
        abort.abort();
        if (startMs === undefined || nowMs <= startMs) continue;
        const heardMs = Math.min(lengthMs, nowMs - startMs);
        job.offset += Math.round((heardMs / 1000) * sampleRateHz);
        options.onHeard(job, { startMs, endMs: startMs + heardMs, isCut: true });
      }
      return cut.map(({ job }) => job);
    },
  };
}
