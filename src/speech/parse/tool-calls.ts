import type { JsonObject } from "../../tools/types.ts";
import type { EventSink } from "./event-sink.ts";
import { parseObject } from "./fields.ts";

/** Tool calls that come in pieces and once more whole: each is told once, by its id. */
export interface ToolCalls {
  /** A call begins whose arguments follow as pieces of JSON; `slot` is its place in the message. */
  open(slot: string, id: string, name: string): void;
  piece(slot: string, json: string): void;
  /** Its arguments are whole. Arguments that are no JSON object leave the call without arguments, counted as unknown. */
  close(agent: string, slot: string): void;
  closeAll(agent: string, prefix: string): void;
  whole(agent: string, id: string, name: string, input: JsonObject): void;
}

const maxIds = 4096;

export function createToolCalls(sink: EventSink): ToolCalls {
  const opened = new Map<string, { id: string; name: string; json: string }>();
  const told = new Set<string>();

  const whole = (agent: string, id: string, name: string, input: JsonObject): void => {
    const key = `${agent} ${id}`;
    if (id !== "" && told.has(key)) return;
    told.add(key);
    for (const oldest of told) {
      if (told.size <= maxIds) break;
      told.delete(oldest);
    }
    sink.emit({ type: "tool_call", agent, id, name, input });
  };

  const close = (agent: string, slot: string): void => {
    const call = opened.get(slot);
    if (call === undefined) return;
    opened.delete(slot);
    const input = parseObject(call.json);
    if (input === undefined) sink.unknown("tool arguments that are no JSON object");
    whole(agent, call.id, call.name, input ?? {});
  };

  return {
    open: (slot, id, name) => {
      opened.set(slot, { id, name, json: "" });
    },
    piece: (slot, json) => {
      const call = opened.get(slot);
      if (call !== undefined) call.json += json;
    },
    close,
    closeAll: (agent, prefix) => {
      for (const slot of [...opened.keys()].filter((key) => key.startsWith(prefix))) close(agent, slot);
    },
    whole,
  };
}
