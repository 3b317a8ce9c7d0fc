import { LimbeckError } from "../../base/errors.ts";
import { type Clock, monotonicMs } from "../../measure/clock.ts";
import { abortable, type TranslationEngine, translationCancelled, translationFailed } from "./engine.ts";

export interface Limits {
  /** From the call to its answer, waiting for a turn included. */
  readonly timeoutMs: number;
  readonly mostAtOnce: number;
  /** Calls that may wait for a turn; one more fails at once. */
  readonly mostWaiting: number;
  /** Failures in a row after which the engine is left alone, and for how long. */
  readonly failuresToRest: number;
  readonly restMs: number;
}

export const defaultLimits: Limits = {
  timeoutMs: 5000,
  mostAtOnce: 4,
  mostWaiting: 32,
  failuresToRest: 3,
  restMs: 30_000,
};

/** How busy a limited engine is; for tests and `--stats`. */
export interface LimitedEngine extends TranslationEngine {
  readonly running: number;
  readonly waiting: number;
}

/**
 * An engine whose calls end in time, `mostAtOnce` at most together. After some failures in a row it rests: calls fail at
 * once and say so; the first call after the rest decides whether it goes on. Interrupted calls count neither way.
 * A call that ran out of time is over for its caller and for the counter, whatever the engine still does.
 */
export function limitEngine(
  engine: TranslationEngine,
  limits: Limits,
  clock: Clock = monotonicMs,
): LimitedEngine {
  const { timeoutMs, mostAtOnce, mostWaiting, failuresToRest, restMs } = limits;
  const waiting: (() => void)[] = [];
  let running = 0;
  let failuresInRow = 0;
  let restsUntilMs = Number.NEGATIVE_INFINITY;
  let lastFailure = "";
  let isClosed = false;

  const takeTurn = async (signal: AbortSignal): Promise<void> => {
    if (running < mostAtOnce) {
      running++;
      return;
    }
    let begin: () => void;
    const turn = new Promise<void>((resolve) => {
      begin = resolve;
      waiting.push(resolve);
    });
    try {
      await abortable(turn, signal);
    } catch (error) {
      const at = waiting.indexOf(begin!);
      if (at >= 0) waiting.splice(at, 1);
      // It was handed a turn in the same moment.
      else endTurn();
      throw error;
    }
  };
  // A turn goes straight to the next in line, so that nobody can slip in between.
  const endTurn = (): void => {
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  };

  const noteFailure = (error: unknown): void => {
    lastFailure = (error as Error).message;
    failuresInRow++;
    if (failuresInRow >= failuresToRest) restsUntilMs = clock() + restMs;
  };

  return {
    name: engine.name,
    licence: engine.licence,
    isRemote: engine.isRemote,
    direction: engine.direction,
    placeholders: engine.placeholders,
    get running() {
      return running;
    },
    get waiting() {
      return waiting.length;
    },
    translate: async (texts, signal) => {
      if (isClosed) throw translationFailed(engine.name, "was closed");
      if (signal.aborted) throw translationCancelled(engine.name);
      if (texts.length === 0) return [];
      const restMsLeft = restsUntilMs - clock();
      if (restMsLeft > 0) {
        const seconds = Math.ceil(restMsLeft / 1000);
        throw translationFailed(
          engine.name,
          `rests for ${seconds} s after ${failuresInRow} failures in a row, the last: ${lastFailure}`,
        );
      }
      // A crowd is no failure of the engine.
      if (running >= mostAtOnce && waiting.length >= mostWaiting) {
        throw translationFailed(engine.name, `expected at most ${mostWaiting} waiting calls, got one more`);
      }
      const ending = new AbortController();
      const timer = setTimeout(
        () => ending.abort(translationFailed(engine.name, `expected an answer in ${timeoutMs} ms, got none`)),
        timeoutMs,
      );
      const cancel = (): void => ending.abort(translationCancelled(engine.name));
      signal.addEventListener("abort", cancel, { once: true });
      let hasTurn = false;
      try {
        await takeTurn(ending.signal);
        hasTurn = true;
        const answer = await abortable(engine.translate(texts, ending.signal), ending.signal);
        if (answer.length !== texts.length) {
          throw translationFailed(engine.name, `expected ${texts.length} texts, got ${answer.length}`);
        }
        failuresInRow = 0;
        return answer;
      } catch (error) {
        if (signal.aborted) throw translationCancelled(engine.name);
        noteFailure(error);
        if (error instanceof LimbeckError) throw error;
        throw translationFailed(engine.name, (error as Error).message, error);
      } finally {
        clearTimeout(timer);
        signal.removeEventListener("abort", cancel);
        if (hasTurn) endTurn();
      }
    },
    close: async () => {
      isClosed = true;
      await engine.close();
    },
  };
}
