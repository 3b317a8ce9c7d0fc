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

/** What has come and is not given away yet: events are cut from its beginning, so nothing is lost or given twice. */
export class PendingText {
  text = "";
  private offset = 0;

  /** Cuts off the first characters as text. */
  takeText(length: number, events: CallEvent[]): void {
    if (length > 0) events.push({ kind: "text", text: this.text.slice(0, length) });
    this.drop(length);
  }

  /** Cuts off the first characters as a call whose JSON is `raw`. */
  takeCall(length: number, raw: string, call: ToolCall, events: CallEvent[]): void {
    const startOffset = this.offset;
    this.drop(length);
    events.push({ kind: "call", call, raw, startOffset, endOffset: this.offset });
  }

  /** Cuts off the first characters as what was to be a call and is none. */
  takeMalformed(length: number, raw: string, reason: string, events: CallEvent[]): void {
    const startOffset = this.offset;
    this.drop(length);
    events.push({ kind: "malformed_call", raw, reason, startOffset, endOffset: this.offset });
  }

  private drop(length: number): void {
    this.text = this.text.slice(length);
    this.offset += length;
  }
}

/** How many of the last characters of `text` might be the beginning of `mark`. */
export function heldBack(text: string, mark: string): number {
  for (let n = Math.min(mark.length - 1, text.length); n > 0; n--)
    if (text.endsWith(mark.slice(0, n))) return n;
  return 0;
}
