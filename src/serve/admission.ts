import { LimbeckError } from "../base/errors.ts";
import type { Clock } from "../measure/clock.ts";

/** One request's place in the server, from its admission to the last byte that its reader took. */
export interface Place {
  /** Resolves when the engine is this request's. Rejects with the signal's reason where that comes first. */
  turn(signal: AbortSignal): Promise<void>;
  /** Hands the engine to the next request; this one's reader may take its time. */
  endTurn(): void;
  /** Gives the place back, and the turn where it is still held. */
  leave(): void;
}

/** Who may ask the engine, and when: first come, first served, one at a time, and a bound on how many. */
export interface Admission {
  /** Requests that wait for the engine. */
  readonly waiting: number;
  /** Requests that hold a place: the one that runs, waiting ones, and answers whose reader is slow. */
  readonly open: number;
  /** Takes a place. Error: `queue_full` with `retry_after_seconds`. */
  enter(): Place;
}

interface Waiter {
  readonly start: () => void;
}

/** How much the newest turn counts in the mean of how long one takes. */
const newest = 0.2;
const mostRetrySeconds = 60;

/** At most `maxQueue` requests beside the one that has the engine. */
export function createAdmission(maxQueue: number, clock: Clock): Admission {
  const queue = new Set<Waiter>();
  let open = 0;
  let isBusy = false;
  let meanTurnMs = 0;

  const startNext = (): void => {
    const [next] = queue;
    isBusy = next !== undefined;
    if (next === undefined) return;
    queue.delete(next);
    next.start();
  };

  const place = (): Place => {
    let startedAt: number | null = null;
    let isOpen = true;
    const endTurn = (): void => {
      if (startedAt === null) return;
      meanTurnMs += newest * (clock() - startedAt - meanTurnMs);
      startedAt = null;
      startNext();
    };
    return {
      turn: (signal) =>
        new Promise((resolve, reject) => {
          if (signal.aborted) return reject(signal.reason);
          const waiter: Waiter = {
            start: () => {
              signal.removeEventListener("abort", giveUp);
              startedAt = clock();
              resolve();
            },
          };
          const giveUp = (): void => {
            queue.delete(waiter);
            reject(signal.reason);
          };
          signal.addEventListener("abort", giveUp, { once: true });
          queue.add(waiter);
          if (!isBusy) startNext();
        }),
      endTurn,
      leave: () => {
        if (!isOpen) return;
        isOpen = false;
        open--;
        endTurn();
      },
    };
  };

  return {
    get waiting() {
      return queue.size;
    },
    get open() {
      return open;
    },
    enter: () => {
      if (open > maxQueue) {
        const seconds = Math.ceil(((queue.size + 1) * meanTurnMs) / 1000);
        const wait = Math.min(Math.max(seconds, 1), mostRetrySeconds);
        throw new LimbeckError(
          "queue_full",
          `queue: expected at most ${maxQueue} other open requests, got ${open}`,
          {
            cure: `Try again in ${wait} s.`,
            fields: { retry_after_seconds: wait },
          },
        );
      }
      open++;
      return place();
    },
  };
}
