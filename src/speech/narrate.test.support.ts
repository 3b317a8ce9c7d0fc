import { createNarrator, type NarratorOptions } from "./narrator.ts";
import { createEventParser, type StreamFormat } from "./parse/parser.ts";
import type { AgentEvent, Segment } from "./types.ts";

const encoder = new TextEncoder();

/** Narrates a stream that comes in these chunks, all at one moment. */
export function narrateChunks(
  chunks: readonly Uint8Array[],
  format: StreamFormat = "auto",
  options: NarratorOptions = {},
): readonly Segment[] {
  const parser = createEventParser({ format });
  const narrator = createNarrator(options);
  const narrate = (events: readonly AgentEvent[]): readonly Segment[] =>
    events.flatMap((event) => narrator.push(event, 0));
  return [
    ...chunks.flatMap((chunk) => narrate(parser.push(chunk))),
    ...narrate(parser.end()),
    ...narrator.end(0),
  ];
}

export function narrate(
  stream: string,
  format: StreamFormat = "auto",
  options: NarratorOptions = {},
): readonly Segment[] {
  return narrateChunks([encoder.encode(stream)], format, options);
}

export function textsOf(segments: readonly Segment[]): readonly string[] {
  return segments.map(({ text }) => text);
}

/** Cuts bytes after each of these places (fractions of the length). */
export function cutBytes(stream: string, places: readonly number[]): readonly Uint8Array[] {
  const bytes = encoder.encode(stream);
  const cuts = [...new Set(places.map((place) => Math.floor(place * bytes.length)))].sort((a, b) => a - b);
  return [0, ...cuts].map((from, i) => bytes.subarray(from, cuts[i] ?? bytes.length));
}

const lines = (values: readonly object[]): string =>
  values.map((value) => `${JSON.stringify(value)}\n`).join("");

/** A text in pieces, as Claude Code streams it with partial messages and says it once more whole. */
export function claudeStream(pieces: readonly string[], session = "s1"): string {
  const event = (inner: object): object => ({
    type: "stream_event",
    session_id: session,
    parent_tool_use_id: null,
    event: inner,
  });
  return lines([
    { type: "system", subtype: "init", session_id: session, tools: ["Read"], model: "m" },
    event({ type: "message_start", message: { id: "msg_1", role: "assistant", content: [] } }),
    event({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } }),
    ...pieces.map((text) =>
      event({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text } }),
    ),
    {
      type: "assistant",
      session_id: session,
      parent_tool_use_id: null,
      message: { id: "msg_1", role: "assistant", content: [{ type: "text", text: pieces.join("") }] },
    },
    event({ type: "content_block_stop", index: 0 }),
    event({ type: "message_stop" }),
  ]);
}

/** The same text as server-sent chunks of a chat completion. */
export function openAiStream(pieces: readonly string[]): string {
  const chunk = (choice: object): string =>
    `data: ${JSON.stringify({ id: "c1", object: "chat.completion.chunk", choices: [{ index: 0, ...choice }] })}\n\n`;
  return [
    chunk({ delta: { role: "assistant", content: "" }, finish_reason: null }),
    ...pieces.map((content) => chunk({ delta: { content }, finish_reason: null })),
    chunk({ delta: {}, finish_reason: "stop" }),
    "data: [DONE]\n\n",
  ].join("");
}
