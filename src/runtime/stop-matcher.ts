import { LimbeckError } from "../base/errors.ts";

/** Text that may be shown, and whether a stop text ended it. */
export interface StopStep {
  readonly text: string;
  readonly isStopped: boolean;
}

/** Finds stop texts in a stream of pieces. What might begin a stop text is held back until it is decided. */
export interface StopMatcher {
  push(piece: string): StopStep;
  /** Takes a piece in which no stop text is looked for; none begins before it and ends behind it. */
  pass(piece: string): StopStep;
  /** What was held back: the stream ended without a stop text. */
  flush(): string;
}

const most = 16;

/** A matcher for `stops`; the stop text that begins first wins. Error: `invalid_request` for an empty one. */
export function createStopMatcher(stops: readonly string[]): StopMatcher {
  if (stops.length > most || stops.some((stop) => stop.length === 0)) {
    throw new LimbeckError(
      "invalid_request",
      `stop: expected at most ${most} texts of at least one character, got ${JSON.stringify(stops)}`,
      { cure: "Leave the empty stop text out.", fields: { stops: stops.length } },
    );
  }
  const longest = stops.reduce((length, stop) => Math.max(length, stop.length), 0);
  let held = "";

  /** How many characters at the end of `text` begin a stop text. */
  const undecided = (text: string): number => {
    for (let length = Math.min(longest - 1, text.length); length > 0; length--) {
      const tail = text.slice(text.length - length);
      if (stops.some((stop) => stop.length > length && stop.startsWith(tail))) return length;
    }
    return 0;
  };

  const flush = (): string => {
    const text = held;
    held = "";
    return text;
  };

  return {
    push: (piece) => {
      if (longest === 0) return { text: piece, isStopped: false };
      const text = held + piece;
      let at = -1;
      for (const stop of stops) {
        const found = text.indexOf(stop);
        if (found >= 0 && (at < 0 || found < at)) at = found;
      }
      if (at >= 0) {
        held = "";
        return { text: text.slice(0, at), isStopped: true };
      }
      const cut = text.length - undecided(text);
      held = text.slice(cut);
      return { text: text.slice(0, cut), isStopped: false };
    },
    pass: (piece) => ({ text: flush() + piece, isStopped: false }),
    flush,
  };
}
