import { LimbeckError } from "../base/errors.ts";

/** Knows whether the engine still obeys: one that goes on long after a request was cancelled is stuck in it. */
export interface EngineWatch {
  /** Error: `engine_stuck` until what holds the engine ends after all. */
  check(): void;
  /** Watches one request's work from its signal to its end. */
  follow(work: Promise<unknown>, signal: AbortSignal): void;
}

/** Calls `onStuck` each time when work has not ended `stuckAfterMs` after its signal. */
export function createEngineWatch(stuckAfterMs: number, onStuck: () => void): EngineWatch {
  const stuck = new Set<Promise<unknown>>();
  return {
    check: () => {
      if (stuck.size === 0) return;
      throw new LimbeckError(
        "engine_stuck",
        `engine: expected to end a cancelled request within ${stuckAfterMs / 1000} s, is still at it`,
        { cure: "Restart the server.", fields: { retry_after_seconds: 10 } },
      );
    },
    follow: (work, signal) => {
      let timer: NodeJS.Timeout | undefined;
      const begin = (): void => {
        timer = setTimeout(() => {
          stuck.add(work);
          onStuck();
        }, stuckAfterMs).unref();
      };
      if (signal.aborted) begin();
      else signal.addEventListener("abort", begin, { once: true });
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", begin);
        stuck.delete(work);
      };
      work.then(end, end);
    },
  };
}
