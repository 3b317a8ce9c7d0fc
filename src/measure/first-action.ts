import type { TokenEvent } from "../runtime/types.ts";
import type { CallFormat } from "../tools/call-format.ts";
import { createCallStream } from "../tools/call-stream.ts";
import type { ToolDefinition } from "../tools/types.ts";
import { createCallValidator } from "../tools/validator.ts";

/** The first complete, valid call of a stream. */
export interface FirstAction {
  /** Output tokens up to and with the one that completed the call. */
  readonly tokens: number;
  /** Since the request. */
  readonly timeMs: number;
}

/**
 * When the stream first held a complete call that is valid for `tools`; null where it never did. Text and invalid
 * calls before it do not matter. This is TTFA: the same parser and validator as the scorer's.
 */
export function findFirstAction(
  events: readonly TokenEvent[],
  tools: readonly ToolDefinition[],
  format?: CallFormat,
): FirstAction | null {
  if (tools.length === 0) return null;
  const validator = createCallValidator(tools);
  const stream = createCallStream(format);
  for (const { text, index, timeMs } of events) {
    for (const event of stream.push(text)) {
      if (event.kind === "call" && validator.validate(event.call).valid) return { tokens: index + 1, timeMs };
    }
  }
  return null;
}
