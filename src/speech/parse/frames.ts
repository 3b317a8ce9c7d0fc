import type { Json } from "../../base/json.ts";
import type { StreamLine } from "./lines.ts";

/** What one line of a JSON stream gave. */
export type Frame =
  | { readonly type: "value"; readonly line: number; readonly value: Json }
  /** The stream says that it is over (`[DONE]`). */
  | { readonly type: "done"; readonly line: number }
  | { readonly type: "bad"; readonly line: number; readonly reason: string };

export interface FrameReader {
  read(line: StreamLine): readonly Frame[];
  end(): readonly Frame[];
}

/** Fields of server-sent events that carry no data for us. */
const silentField = /^(?:event|id|retry):|^:/;

type Parsed = { readonly value: Json } | { readonly reason: string };

function tryParse(text: string): Parsed {
  try {
    return { value: JSON.parse(text) as Json };
  } catch (thrown) {
    return { reason: (thrown as Error).message.slice(0, 200) };
  }
}

/**
 * JSON values of lines: one value a line, server-sent events (also with data over several lines), or a value
 * printed over several lines, whose first line is
 * a bracket alone and whose last begins with one.
 */
export function createFrameReader(maxBytes: number): FrameReader {
  /** Data lines of one server-sent event, or lines of one printed value, that are no JSON yet. */
  let open: { kind: "data" | "printed"; line: number; text: string; reason: string } | undefined;

  const abandon = (): Frame[] => {
    if (open === undefined) return [];
    const bad: Frame = { type: "bad", line: open.line, reason: open.reason };
    open = undefined;
    return [bad];
  };

  const readData = (line: number, data: string): Frame[] => {
    if (data === "[DONE]") return [...abandon(), { type: "done", line }];
    if (data === "") return [];
    const alone = tryParse(data);
    if ("value" in alone) return [...abandon(), { type: "value", line, value: alone.value }];
    const before = open?.kind === "data" ? open : undefined;
    const left = before === undefined ? abandon() : [];
    const text = before === undefined ? data : `${before.text}\n${data}`;
    const joined = before === undefined ? alone : tryParse(text);
    if ("value" in joined) {
      open = undefined;
      return [{ type: "value", line: before?.line ?? line, value: joined.value }];
    }
    open = { kind: "data", line: before?.line ?? line, text, reason: before?.reason ?? alone.reason };
    return text.length > maxBytes ? abandon() : left;
  };

  const readPrinted = (line: number, text: string): Frame[] | undefined => {
    if (open?.kind !== "printed") return undefined;
    // A new value at the left edge: what was open never ended.
    if (/^[{[]./.test(text) && "value" in tryParse(text)) return undefined;
    open.text += `\n${text}`;
    if (/^[}\]]/.test(text)) {
      const parsed = tryParse(open.text);
      if ("value" in parsed) {
        const value: Frame = { type: "value", line: open.line, value: parsed.value };
        open = undefined;
        return [value];
      }
    }
    return open.text.length > maxBytes || line - open.line > 100_000 ? abandon() : [];
  };

  return {
    read: ({ number, text }) => {
      if (text === undefined) {
        return [
          ...abandon(),
          { type: "bad", line: number, reason: `expected at most ${maxBytes} bytes in a line, got more` },
        ];
      }
      const printed = readPrinted(number, text);
      if (printed !== undefined) return printed;
      const trimmed = text.trim();
      if (trimmed === "") return open?.kind === "data" ? abandon() : [];
      if (trimmed.startsWith("data:")) return readData(number, trimmed.slice(5).trim());
      if (silentField.test(trimmed)) return [];
      const left = abandon();
      if (trimmed === "[DONE]") return [...left, { type: "done", line: number }];
      const parsed = tryParse(trimmed);
      if ("value" in parsed) return [...left, { type: "value", line: number, value: parsed.value }];
      if (trimmed === "{" || trimmed === "[") {
        open = { kind: "printed", line: number, text: trimmed, reason: parsed.reason };
        return left;
      }
      return [...left, { type: "bad", line: number, reason: parsed.reason }];
    },
    end: abandon,
  };
}
