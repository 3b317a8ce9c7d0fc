import type { Json } from "../../base/json.ts";
import type { JsonObject } from "../../tools/types.ts";
import type { AgentEvent } from "../types.ts";
import { createClaudeReader } from "./claude.ts";
import { createCodexReader } from "./codex.ts";
import { detectFormat, detectKind, type JsonFormat } from "./detect.ts";
import type { EventSink, FormatReader } from "./event-sink.ts";
import { objectOf } from "./fields.ts";
import { createFrameReader, type Frame } from "./frames.ts";
import { createLineSplitter, type StreamLine } from "./lines.ts";
import { createOpenAiChatReader } from "./openai-chat.ts";
import { createOpenAiResponsesReader } from "./openai-responses.ts";

export const streamFormats = ["auto", "claude", "codex", "openai", "plain"] as const;
export type StreamFormat = (typeof streamFormats)[number];

export interface ParseReport {
  /** In use; "auto" until the stream told. */
  readonly format: StreamFormat;
  /** Events that came out. */
  readonly events: number;
  /** Events that are not in the format, by their type; types beyond the first 50 count as "other". */
  readonly unknown: Readonly<Record<string, number>>;
  /** Lines that are no JSON, or too long: all counted, the first 20 with their reason. `line` counts from 1. */
  readonly badLines: {
    readonly count: number;
    readonly first: readonly { readonly line: number; readonly reason: string }[];
  };
}

export interface EventParser {
  /** Any chunk boundary, inside UTF-8 and JSON too. */
  push(chunk: Uint8Array): readonly AgentEvent[];
  /** The stream is over: the last line counts without its end, and open texts end. */
  end(): readonly AgentEvent[];
  readonly report: ParseReport;
}

export interface ParserOptions {
  readonly format?: StreamFormat;
  /** A longer line is skipped and reported. Bytes. */
  readonly maxLineBytes?: number;
}

const maxUnknownTypes = 50;
const maxBadLines = 20;
/** Lines that may be either (fields of server-sent events) before a line decides. */
const maxUndecidedLines = 100;
/** White space that a stream may begin with before it counts as plain text. */
const maxHeadBytes = 4096;

function createOpenAiReader(sink: EventSink): FormatReader {
  const chat = createOpenAiChatReader(sink);
  const responses = createOpenAiResponsesReader(sink);
  const isResponses = (value: JsonObject): boolean =>
    value["object"] === "response" || (typeof value["type"] === "string" && value["choices"] === undefined);
  return {
    read: (value) => (isResponses(value) ? responses : chat).read(value),
    end: () => {
      chat.end();
      responses.end();
    },
  };
}

const readers: { readonly [F in JsonFormat]: (sink: EventSink) => FormatReader } = {
  claude: createClaudeReader,
  codex: createCodexReader,
  openai: createOpenAiReader,
};

/** Reads what an agent writes to its standard output, in any of the formats, and never throws for what it reads. */
export function createEventParser(options: ParserOptions = {}): EventParser {
  const maxLineBytes = options.maxLineBytes ?? 16 * 2 ** 20;
  const lines = createLineSplitter(maxLineBytes);
  const frames = createFrameReader(maxLineBytes);
  const utf8 = new TextDecoder();
  let format: StreamFormat = options.format ?? "auto";
  /** Plain text is read as it comes; all else, and text that began like JSON, in lines. */
  let isByLine = format !== "auto" && format !== "plain";
  let head = new Uint8Array();
  let undecided: StreamLine[] = [];
  let reader: FormatReader | undefined;
  let events = 0;
  const unknown = new Map<string, number>();
  const badLines = { count: 0, first: [] as { line: number; reason: string }[] };
  let out: AgentEvent[] = [];

  const sink: EventSink = {
    emit: (event) => {
      events++;
      out.push(event);
    },
    unknown: (type) => {
      const name = unknown.has(type) || unknown.size < maxUnknownTypes ? type || "untyped" : "other";
      unknown.set(name, (unknown.get(name) ?? 0) + 1);
    },
  };
  const plain = { agent: "agent", message: "0", block: 0 };
  let hasText = false;
  const emitText = (text: string): void => {
    if (text === "") return;
    hasText = true;
    sink.emit({ type: "text", ...plain, text });
  };
  const decide = (decided: JsonFormat): void => {
    format = decided;
    undecided = [];
  };
  const reject = (line: number, reason: string): void => {
    badLines.count++;
    if (badLines.first.length < maxBadLines) badLines.first.push({ line, reason });
  };

  const readValue = (line: number, value: Json): void => {
    if (Array.isArray(value)) {
      for (const item of value) readValue(line, item);
      return;
    }
    const object = objectOf(value);
    if (object === undefined) {
      reject(line, `expected a JSON object, got ${typeof value}`);
      return;
    }
    if (format === "auto") {
      const told = detectFormat(object);
      if (told === undefined) {
        sink.unknown(typeof object["type"] === "string" ? object["type"] : "");
        return;
      }
      decide(told);
    }
    if (format === "auto" || format === "plain") return;
    reader ??= readers[format](sink);
    reader.read(object);
  };

  const readFrame = (frame: Frame): void => {
    if (frame.type === "value") readValue(frame.line, frame.value);
    else if (frame.type === "bad") reject(frame.line, frame.reason);
    else reader?.end();
  };

  /** Whether the lines so far only looked like JSON or events: no line of them begins an object. */
  const isTextAfterAll = (line: StreamLine, found: readonly Frame[]): boolean => {
    if (format !== "auto" || undecided.length > maxUndecidedLines || line.text === undefined) return false;
    if (found.length === 0) return detectKind(line.text) === "plain";
    return found.some((frame) => {
      const opened = undecided.find(({ number }) => number === frame.line) ?? line;
      return frame.type === "bad" && !/^\s*(?:data:\s*)?\{(?:\s*"|\s*$)/.test(opened.text ?? "");
    });
  };

  const readLine = (line: StreamLine): void => {
    if (format === "plain") {
      if (line.text === undefined) reject(line.number, `expected at most ${maxLineBytes} bytes in a line`);
      else emitText(`${line.text}\n`);
      return;
    }
    const isBegun = /^\s*[}\]"\s]/.test(line.text ?? "");
    const found = frames.read(line);
    if (!isBegun && isTextAfterAll(line, found)) {
      format = "plain";
      for (const { text } of undecided) emitText(`${text ?? ""}\n`);
      undecided = [];
      readLine(line);
      return;
    }
    if (format === "auto" && undecided.length <= maxUndecidedLines) undecided.push(line);
    for (const frame of found) readFrame(frame);
  };

  const readBytes = (chunk: Uint8Array): void => {
    if (isByLine) for (const line of lines.push(chunk)) readLine(line);
    else emitText(utf8.decode(chunk, { stream: true }));
  };

  const readHead = (chunk: Uint8Array): void => {
    head = Buffer.concat([head, chunk]);
    const kind = detectKind(new TextDecoder().decode(head, { stream: true }));
    if (kind === undefined && head.length < maxHeadBytes) return;
    if (kind !== "json") format = "plain";
    else isByLine = true;
    const whole = head;
    head = new Uint8Array();
    readBytes(whole);
  };

  const taken = (): readonly AgentEvent[] => {
    const all = out;
    out = [];
    return all;
  };

  return {
    push: (chunk) => {
      if (format === "auto" && !isByLine) readHead(chunk);
      else readBytes(chunk);
      return taken();
    },
    end: () => {
      if (format === "auto" && !isByLine && head.length > 0) {
        format = "plain";
        readBytes(head);
      }
      if (isByLine) {
        for (const line of lines.end()) readLine(line);
        for (const frame of frames.end()) readFrame(frame);
      } else {
        emitText(utf8.decode());
      }
      reader?.end();
      if (hasText) sink.emit({ type: "text_end", ...plain });
      return taken();
    },
    get report() {
      return {
        format,
        events,
        unknown: Object.fromEntries(unknown),
        badLines: { count: badLines.count, first: [...badLines.first] },
      };
    },
  };
}
