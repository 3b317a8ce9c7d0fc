import type { ChatResult, GenerateResult, TokenEvent } from "./types.ts";

/**
 * Token events as they are made; the generator returns the result, which `result` holds as well. Leaving the loop
 * early cancels the generation.
 */
export interface TokenStream<Result extends GenerateResult> extends AsyncGenerator<TokenEvent, Result, void> {
  readonly result: Promise<Result>;
}

export type ChatStream = TokenStream<ChatResult>;

/** Starts a generation that reports its tokens to `onToken` and can be cancelled. */
export type StartStream<Result extends GenerateResult> = (
  onToken: (event: TokenEvent) => void,
  signal: AbortSignal,
) => Promise<Result>;

/** A stream over `start`. `signal` cancels it too. */
export function streamTokens<Result extends GenerateResult>(
  start: StartStream<Result>,
  signal?: AbortSignal,
): TokenStream<Result> {
  const stop = new AbortController();
  const either = signal === undefined ? stop.signal : AbortSignal.any([stop.signal, signal]);
  let waiting: TokenEvent[] = [];
  let isSettled = false;
  let wake: (() => void) | undefined;
  const result = start((event) => {
    waiting.push(event);
    wake?.();
  }, either);
  const settle = (): void => {
    isSettled = true;
    wake?.();
  };
  // Who iterates learns of a failure there; without this it would also count as unhandled on `result`.
  result.then(settle, settle);

  async function* events(): AsyncGenerator<TokenEvent, Result, void> {
    try {
      for (;;) {
        const ready = waiting;
        waiting = [];
        yield* ready;
        if (waiting.length > 0) continue;
        if (isSettled) return await result;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      if (!isSettled) stop.abort();
    }
  }
  return Object.assign(events(), { result });
}
