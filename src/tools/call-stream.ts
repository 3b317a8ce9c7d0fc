import { type CallFormat, callFormats, readCallBody } from "./call-format.ts";
import type { ToolCall } from "./types.ts";

/** Offsets are UTF-16 positions in all the text that was pushed; `raw` is the text between the marks. */
export type CallEvent =
  | { readonly kind: "text"; readonly text: string }
  | {
      readonly kind: "call";
      readonly call: ToolCall;
      readonly raw: string;
      readonly startOffset: number;
      /** Just after the closing mark. */
      readonly endOffset: number;
    }
  | {
      readonly kind: "malformed_call";
      readonly raw: string;
      readonly reason: string;
      readonly startOffset: number;
      readonly endOffset: number;
    };

/** Finds calls in text that comes in pieces of any size. */
export interface CallStream {
  push(text: string): CallEvent[];
  /** What is left: held-back text, or a call that was never closed (malformed). */
  flush(): CallEvent[];
}

/** How many of the last characters might be the beginning of `mark`. */
function heldBack(text: string, mark: string): number {
  for (let n = Math.min(mark.length - 1, text.length); n > 0; n--)
    if (text.endsWith(mark.slice(0, n))) return n;
  return 0;
}

/** Whether JSON text ends inside a string. */
function endsInString(json: string): boolean {
  let inside = false;
  for (let i = 0; i < json.length; i++) {
    const c = json.charCodeAt(i);
    if (inside && c === 0x5c) i++;
    else if (c === 0x22) inside = !inside;
  }
  return inside;
}

/** A parser for one model output. */
export function createCallStream(format: CallFormat = "limbeck"): CallStream {
  const { open, close } = callFormats[format];
  /** Text not yet given away; it begins at `offset`, with the opening mark where `isInCall`. */
  let pending = "";
  let offset = 0;
  let isInCall = false;
  /** Where to look for the next closing mark. */
  let searchFrom = 0;

  const take = (length: number): string => {
    const taken = pending.slice(0, length);
    pending = pending.slice(length);
    offset += length;
    return taken;
  };

  const outside = (events: CallEvent[], isEnd: boolean): boolean => {
    const at = pending.indexOf(open);
    const length = at >= 0 ? at : pending.length - (isEnd ? 0 : heldBack(pending, open));
    if (length > 0) events.push({ kind: "text", text: take(length) });
    if (at < 0) return false;
    isInCall = true;
    searchFrom = open.length;
    return true;
  };

  const leaveCall = (
    events: CallEvent[],
    length: number,
    event: (start: number, end: number) => CallEvent,
  ): void => {
    const start = offset;
    take(length);
    events.push(event(start, offset));
    isInCall = false;
  };

  /** A call that is broken off: everything up to `length` is one malformed call with this body. */
  const giveUp = (events: CallEvent[], length: number, bodyEnd: number, reason: string): void => {
    const raw = pending.slice(open.length, bodyEnd);
    leaveCall(events, length, (startOffset, endOffset) => ({
      kind: "malformed_call",
      raw,
      reason,
      startOffset,
      endOffset,
    }));
  };

  const inside = (events: CallEvent[], isEnd: boolean): boolean => {
    const at = pending.indexOf(close, searchFrom);
    if (at < 0) {
      if (isEnd) {
        const first = pending.indexOf(close, open.length);
        const next = pending.indexOf(open, open.length);
        // A mark inside a string was let pass in hope of a later one; there was none, so the first one counts.
        if (first >= 0)
          giveUp(events, first + close.length, first, readReason(pending.slice(open.length, first)));
        else if (next >= 0) giveUp(events, next, next, "the call is not closed");
        else giveUp(events, pending.length, pending.length, "the call is not closed");
        return pending.length > 0;
      }
      searchFrom = Math.max(searchFrom, pending.length - close.length + 1);
      return false;
    }
    const body = pending.slice(open.length, at);
    const reading = readCallBody(body);
    if (reading.ok) {
      const { call } = reading;
      leaveCall(events, at + close.length, (startOffset, endOffset) => ({
        kind: "call",
        call,
        raw: body,
        startOffset,
        endOffset,
      }));
      return true;
    }
    const reopened = body.indexOf(open);
    if (reopened >= 0 && !endsInString(body.slice(0, reopened))) {
      giveUp(events, open.length + reopened, open.length + reopened, "the call is not closed");
      return true;
    }
    if (endsInString(body)) {
      searchFrom = at + close.length;
      return true;
    }
    giveUp(events, at + close.length, at, reading.reason);
    return true;
  };

  const advance = (isEnd: boolean): CallEvent[] => {
    const events: CallEvent[] = [];
    while (pending.length > 0 && (isInCall ? inside(events, isEnd) : outside(events, isEnd)));
    return events;
  };

  return {
    push: (text) => {
      pending += text;
      return advance(false);
    },
    flush: () => advance(true),
  };
}

function readReason(body: string): string {
  const reading = readCallBody(body);
  return reading.ok ? "the call is not closed" : reading.reason;
}

/** Every event of a whole text. */
export function parseCalls(text: string, format: CallFormat = "limbeck"): CallEvent[] {
  const stream = createCallStream(format);
  return [...stream.push(text), ...stream.flush()];
}

export interface ReadCalls {
  /** The words beside the calls. */
  readonly content: string;
  readonly calls: readonly ToolCall[];
  /** How many calls were begun and are none. */
  readonly malformed: number;
}

/** What a whole text says and what it calls. */
export function readCalls(text: string, format: CallFormat = "limbeck"): ReadCalls {
  const events = parseCalls(text, format);
  return {
    content: events.map((event) => (event.kind === "text" ? event.text : "")).join(""),
    calls: events.flatMap((event) => (event.kind === "call" ? [event.call] : [])),
    malformed: events.filter((event) => event.kind === "malformed_call").length,
  };
}
