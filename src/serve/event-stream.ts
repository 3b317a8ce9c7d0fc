import { stringifyJson } from "../base/json.ts";

/** One server-sent event. */
export function eventOf(value: object | "[DONE]"): string {
  return `data: ${value === "[DONE]" ? value : stringifyJson(value)}\n\n`;
}

/**
 * A body that asks `events` for the next one only when its reader has taken the last: a slow reader makes nothing pile
 * up here. `events` never throws: what goes wrong is an event of its own. `onLeave`: the reader left before the end.
 */
export function eventStream(events: AsyncGenerator<string, void, void>, onLeave: () => void): ReadableStream {
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        const { done, value } = await events.next();
        if (done === true) controller.close();
        else controller.enqueue(encoder.encode(value));
      },
      cancel: onLeave,
    },
    { highWaterMark: 0 },
  );
}
