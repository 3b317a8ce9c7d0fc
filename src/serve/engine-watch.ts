import { LimbeckError } from "../base/errors.ts";

/** Knows whether the engine can answer: one that goes on long after a request was cancelled is stuck in it. */
export interface EngineWatch {
  /** Error: `engine_unavailable` once the engine has died, and while it is stuck. */
  check(): void;
  /** Watches one request's generation: from its signal to its end, and how it ends. */
  follow(generation: Promise<unknown>, signal: AbortSignal): void;
}

const unavailable = (got: string): LimbeckError =>
  new LimbeckError("engine_unavailable", `engine: ${got}`, {
    cure: "Restart the server.",
    fields: { retry_after_seconds: 10 },
  });

const isDeath = (error: unknown): boolean =>
  error instanceof LimbeckError && error.fields["isEngineDead"] === true;

/** Calls `onTrouble` when the engine dies, and each time when it has not ended `stuckAfterMs` after a signal. */
export function createEngineWatch(stuckAfterMs: number, onTrouble: (why: LimbeckError) => void): EngineWatch {
  const stuck = new Map<Promise<unknown>, LimbeckError>();
  let death: LimbeckError | undefined;
  return {
    check: () => {
      const [why = death] = stuck.values();
      if (why !== undefined) throw why;
    },
    follow: (generation, signal) => {
      let timer: NodeJS.Timeout | undefined;
      const begin = (): void => {
        timer = setTimeout(() => {
          const why = unavailable(
            `expected to end a cancelled request within ${stuckAfterMs / 1000} s, is still at it`,
          );
          stuck.set(generation, why);
          onTrouble(why);
        }, stuckAfterMs).unref();
      };
      if (signal.aborted) begin();
      else signal.addEventListener("abort", begin, { once: true });
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", begin);
        stuck.delete(generation);
      };
      generation.then(end, (error: unknown) => {
        end();
        if (death !== undefined || !isDeath(error)) return;
        death = unavailable("expected one that runs, its worker has ended");
        onTrouble(death);
      });
    },
  };
}
