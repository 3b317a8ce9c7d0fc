import { LimbeckError } from "../base/errors.ts";
import { monotonicMs } from "../measure/clock.ts";
import type { SpeechClock } from "./types.ts";

/** The machine's monotonic clock. A sleep never ends early: a timer of Node may, by up to a millisecond. */
export const systemClock: SpeechClock = {
  now: monotonicMs,
  sleep: (ms, signal) => {
    const endMs = monotonicMs() + ms;
    return new Promise((resolve, reject) => {
      const cancel = (): void => {
        clearTimeout(timer);
        reject(new LimbeckError("cancelled", "sleep: cancelled before its end"));
      };
      const wake = (): void => {
        const leftMs = endMs - monotonicMs();
        if (leftMs > 0) {
          timer = setTimeout(wake, leftMs);
          return;
        }
        signal?.removeEventListener("abort", cancel);
        resolve();
      };
      let timer = setTimeout(wake, ms);
      if (signal?.aborted === true) cancel();
      else signal?.addEventListener("abort", cancel, { once: true });
    });
  },
};
