import { LimbeckError } from "../base/errors.ts";
import type { SpeechClock } from "./types.ts";

export interface VirtualClock extends SpeechClock {
  /** Lets time pass up to `untilMs` (default: until nobody sleeps), one sleeper after the other. */
  run(untilMs?: number): Promise<void>;
  /** Runs `action` at a time, from within the clock. */
  at(ms: number, action: () => void): void;
}

interface Sleeper {
  readonly atMs: number;
  readonly wake: () => void;
}

/** Everything that can happen without time passing has happened. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A clock that stands still while anything is left to do, and then jumps to the next sleeper. */
export function createVirtualClock(): VirtualClock {
  let nowMs = 0;
  const sleepers: Sleeper[] = [];
  const add = (sleeper: Sleeper): void => {
    // Stable: sleepers of one moment wake in the order in which they lay down.
    const after = sleepers.findIndex(({ atMs }) => atMs > sleeper.atMs);
    sleepers.splice(after < 0 ? sleepers.length : after, 0, sleeper);
  };
  return {
    now: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        const sleeper: Sleeper = {
          atMs: nowMs + Math.max(0, ms),
          wake: () => {
            signal?.removeEventListener("abort", cancel);
            resolve();
          },
        };
        const cancel = (): void => {
          const place = sleepers.indexOf(sleeper);
          if (place >= 0) sleepers.splice(place, 1);
          reject(new LimbeckError("cancelled", "sleep: cancelled before its end"));
        };
        if (signal?.aborted === true) {
          cancel();
          return;
        }
        signal?.addEventListener("abort", cancel, { once: true });
        add(sleeper);
      }),
    at: (ms, action) => add({ atMs: ms, wake: action }),
    run: async (untilMs = Number.POSITIVE_INFINITY) => {
      for (;;) {
        await settled();
        const next = sleepers[0];
        if (next === undefined || next.atMs > untilMs) break;
        sleepers.shift();
        nowMs = Math.max(nowMs, next.atMs);
        next.wake();
      }
      if (Number.isFinite(untilMs)) nowMs = Math.max(nowMs, untilMs);
      await settled();
    },
  };
}
