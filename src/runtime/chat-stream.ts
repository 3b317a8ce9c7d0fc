import type { ChatResult, TokenEvent } from "./types.ts";

/**
 * Token events as they are made; the generator returns the result, which `result` holds as well. Leaving the loop
 * early cancels the generation.
 */
export interface ChatStream extends AsyncGenerator<TokenEvent, ChatResult, void> {
  readonly result: Promise<ChatResult>;
}

/** Starts a chat that reports its tokens to `onToken` and can be cancelled. */
export type StartChat = (onToken: (event: TokenEvent) => void, signal: AbortSignal) => Promise<ChatResult>;

/** A stream over `start`. `signal` cancels it too. */
export function streamChat(start: StartChat, signal?: AbortSignal): ChatStream {
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

  async function* events(): AsyncGenerator<TokenEvent, ChatResult, void> {
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
