import { type CallEvent, type CallStream, heldBack, PendingText } from "./call-events.ts";
import {
  type CallFormat,
  type CallMarks,
  callFormats,
  isMeantAsCall,
  mayBecomeCall,
  readCallBody,
} from "./call-format.ts";

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

/** A parser for calls between marks. */
export function createMarkedCallStream(format: CallFormat): CallStream {
  const { open, close, alsoOpen }: CallMarks = callFormats[format];
  const openings = [open, ...alsoOpen];
  const pending = new PendingText();
  /** The mark with which `pending` begins, inside a call. */
  let begun: string | null = null;
  /** Where to look for the next closing mark. */
  let searchFrom = 0;

  const begin = (opening: string | null): void => {
    begun = opening;
    searchFrom = opening?.length ?? 0;
  };

  /** Gives text away up to the next opening mark; true where there is one. */
  const outside = (events: CallEvent[], isEnd: boolean): boolean => {
    const { text } = pending;
    let at = -1;
    let found: string | null = null;
    for (const opening of openings) {
      const place = text.indexOf(opening);
      if (place >= 0 && (at < 0 || place < at)) [at, found] = [place, opening];
    }
    const held = isEnd ? 0 : Math.max(...openings.map((opening) => heldBack(text, opening)));
    pending.takeText(at >= 0 ? at : text.length - held, events);
    begin(found);
    return found !== null;
  };

  /** What a code fence holds that is no call is text; the closing fence may open the next one. */
  const giveBack = (opening: string, events: CallEvent[]): true => {
    pending.takeText(opening.length, events);
    begin(null);
    return true;
  };

  /** A call that is broken off: everything up to `length` is one malformed call with this body. */
  const giveUp = (events: CallEvent[], length: number, raw: string, reason: string): true => {
    pending.takeMalformed(length, raw, reason, events);
    begin(null);
    return true;
  };

  const atEnd = (opening: string, events: CallEvent[]): true => {
    const { text } = pending;
    const body = text.slice(opening.length);
    const first = body.indexOf(close);
    const next = body.indexOf(open);
    // A mark inside a string was let pass in hope of a later one; there was none, so the first one counts.
    if (first >= 0) {
      const raw = body.slice(0, first);
      return giveUp(events, opening.length + first + close.length, raw, reasonOf(raw, format));
    }
    const end = next >= 0 ? next : body.length;
    return giveUp(events, opening.length + end, body.slice(0, end), "the call is not closed");
  };

  const inside = (opening: string, events: CallEvent[], isEnd: boolean): boolean => {
    const { text } = pending;
    const isCertain = opening === open;
    if (!isCertain && !mayBecomeCall(text.slice(opening.length))) return giveBack(opening, events);
    const at = text.indexOf(close, searchFrom);
    if (at < 0) {
      searchFrom = Math.max(searchFrom, text.length - close.length + 1);
      if (!isEnd) return false;
      return isCertain || isMeantAsCall(text.slice(opening.length))
        ? atEnd(opening, events)
        : giveBack(opening, events);
    }
    const body = text.slice(opening.length, at);
    const reading = readCallBody(body, format);
    if (reading.ok) {
      pending.takeCall(at + close.length, body, reading.call, events);
      begin(null);
      return true;
    }
    const reopened = body.indexOf(open);
    if (isCertain && reopened >= 0 && !endsInString(body.slice(0, reopened)))
      return giveUp(events, opening.length + reopened, body.slice(0, reopened), "the call is not closed");
    if (endsInString(body)) {
      searchFrom = at + close.length;
      return true;
    }
    return isCertain || isMeantAsCall(body)
      ? giveUp(events, at + close.length, body, reading.reason)
      : giveBack(opening, events);
  };

  const advance = (isEnd: boolean): CallEvent[] => {
    const events: CallEvent[] = [];
    while (
      pending.text.length > 0 &&
      (begun === null ? outside(events, isEnd) : inside(begun, events, isEnd))
    );
    return events;
  };

  return {
    push: (text) => {
      pending.text += text;
      return advance(false);
    },
    flush: () => advance(true),
  };
}

function reasonOf(body: string, format: CallFormat): string {
  const reading = readCallBody(body, format);
  return reading.ok ? "the call is not closed" : reading.reason;
}
