import { type CallEvent, type CallStream, heldBack, PendingText } from "./call-events.ts";
import {
  type CallFormat,
  type CallMarks,
  callFormats,
  isMeantAsCall,
  mayBecomeCall,
  readCallBody,
} from "./call-format.ts";

/** Finds the end of a JSON object in text that grows; each character is looked at once. */
class ObjectEnd {
  private at = 0;
  private depth = 0;
  private isInString = false;

  /** The position after the closing brace of the object at the beginning of `text`, -1 where it is not there yet. */
  find(text: string): number {
    for (; this.at < text.length; this.at++) {
      const c = text.charCodeAt(this.at);
      if (this.isInString) {
        // An escape whose second half has not come is looked at again, whole.
        if (c === 0x5c && this.at + 1 >= text.length) return -1;
        if (c === 0x5c) this.at++;
        else if (c === 0x22) this.isInString = false;
      } else if (c === 0x22) this.isInString = true;
      else if (c === 0x7b) this.depth++;
      else if (c === 0x7d && --this.depth === 0) return this.at + 1;
    }
    return -1;
  }
}

const spaceLength = (text: string): number => text.length - text.trimStart().length;

/**
 * A parser for answers that are calls as a whole: JSON from the first character on, several calls apart by ";", or JSON after
 * a tag. Once ordinary words have come, a brace is a brace.
 */
export function createBareCallStream(format: CallFormat): CallStream {
  const { between, alsoOpen }: CallMarks = callFormats[format];
  const separator = between.trim();
  const tag = alsoOpen[0] ?? "";
  const pending = new PendingText();
  let isText = false;
  let calls = 0;
  let objectEnd = new ObjectEnd();

  const words = (events: CallEvent[], isEnd: boolean): boolean => {
    const { text } = pending;
    const at = text.indexOf(tag);
    pending.takeText(at >= 0 ? at : text.length - (isEnd ? 0 : heldBack(text, tag)), events);
    isText = at < 0;
    return at >= 0;
  };

  const toWords = (): true => {
    isText = true;
    // A brace that was no call may have been looked into; the next object is another one.
    objectEnd = new ObjectEnd();
    return true;
  };

  /** A call at the beginning of `pending`, or the certainty that there is none. */
  const call = (events: CallEvent[], isEnd: boolean): boolean => {
    const { text } = pending;
    const start = spaceLength(text);
    let at = start;
    if (calls > 0 && text.startsWith(separator, at)) {
      at += separator.length;
      at += spaceLength(text.slice(at));
    }
    const isTagged = text.startsWith(tag, at);
    if (!isTagged && tag.startsWith(text.slice(at))) return isEnd && toWords();
    if (isTagged) at += tag.length;
    at += spaceLength(text.slice(at));
    const body = text.slice(at);
    if (!isTagged && !mayBecomeCall(body)) return toWords();
    const end = body.startsWith("{") ? objectEnd.find(body) : -1;
    if (end < 0 && !isEnd) return false;
    const json = end < 0 ? body : body.slice(0, end);
    const reading = readCallBody(json, format);
    if (!reading.ok && !isTagged && !isMeantAsCall(json)) return toWords();
    pending.takeText(start, events);
    const length = at - start + json.length;
    if (end >= 0 && reading.ok) pending.takeCall(length, json, reading.call, events);
    else {
      const reason = end < 0 || reading.ok ? "the call is not closed" : reading.reason;
      pending.takeMalformed(length, json, reason, events);
    }
    calls++;
    objectEnd = new ObjectEnd();
    return true;
  };

  const advance = (isEnd: boolean): CallEvent[] => {
    const events: CallEvent[] = [];
    while (pending.text.length > 0 && (isText ? words(events, isEnd) : call(events, isEnd)));
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
