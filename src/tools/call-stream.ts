import { createBareCallStream } from "./call-bare.ts";
import type { CallEvent, CallStream } from "./call-events.ts";
import { type CallFormat, callFormats } from "./call-format.ts";
import { createMarkedCallStream } from "./call-marked.ts";
import type { ToolCall } from "./types.ts";

export type { CallEvent, CallStream } from "./call-events.ts";

/** A parser for one model output. Text is never lost: text events and the places of calls tile what was pushed. */
export function createCallStream(format: CallFormat = "limbeck"): CallStream {
  return callFormats[format].open === "" ? createBareCallStream(format) : createMarkedCallStream(format);
}

/** Every event of a whole text. */
export function parseCalls(text: string, format: CallFormat = "limbeck"): CallEvent[] {
  const stream = createCallStream(format);
  return [...stream.push(text), ...stream.flush()];
}

export interface ReadCalls {
  /** The words beside the calls; without the line breaks around calls where the format writes such. */
  readonly content: string;
  readonly calls: readonly ToolCall[];
  /** How many calls were begun and are none. */
  readonly malformed: number;
}

/** The words between calls; the white space that lays out the calls is none of them. */
function wordsOf(events: readonly CallEvent[]): string {
  const stretches = [""];
  for (const event of events) {
    if (event.kind === "text") stretches[stretches.length - 1] += event.text;
    else stretches.push("");
  }
  const last = stretches.length - 1;
  return stretches
    .map((text, i) => (i > 0 ? text.trimStart() : text))
    .map((text, i) => (i < last ? text.trimEnd() : text))
    .filter((text) => text.length > 0)
    .join("\n");
}

/** What a whole text says and what it calls. */
export function readCalls(text: string, format: CallFormat = "limbeck"): ReadCalls {
  const events = parseCalls(text, format);
  return {
    content: callFormats[format].isSpaced
      ? wordsOf(events)
      : events.map((event) => (event.kind === "text" ? event.text : "")).join(""),
    calls: events.flatMap((event) => (event.kind === "call" ? [event.call] : [])),
    malformed: events.filter((event) => event.kind === "malformed_call").length,
  };
}
