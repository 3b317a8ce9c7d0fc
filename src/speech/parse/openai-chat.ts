import type { Json } from "../../base/json.ts";
import type { JsonObject } from "../../tools/types.ts";
import type { EventSink, FormatReader } from "./event-sink.ts";
import { numberOf, objectOf, objectsOf, parseObject, stringOf } from "./fields.ts";
import { errorNotice, notice } from "./notices.ts";
import { createSaidOnce } from "./said-once.ts";
import { createToolCalls } from "./tool-calls.ts";

const contentBlock = 0;
const refusalBlock = 1;

/** A content: a text, or parts of which the texts count. */
function contentText(content: Json | undefined): string {
  return (
    stringOf(content) ??
    objectsOf(content)
      .map((part) => stringOf(part["text"]) ?? stringOf(part["refusal"]) ?? "")
      .join("")
  );
}

/** Chat completions (and the older text completions): chunks, whole responses, and bare messages. */
export function createOpenAiChatReader(sink: EventSink): FormatReader {
  const texts = createSaidOnce(sink);
  const calls = createToolCalls(sink);
  const agents = new Set<string>();
  let bare = 0;

  const readWholeCalls = (agent: string, message: JsonObject): void => {
    for (const call of objectsOf(message["tool_calls"])) {
      const { name, arguments: json } = objectOf(call["function"]) ?? {};
      calls.whole(
        agent,
        stringOf(call["id"]) ?? "",
        stringOf(name) ?? "",
        objectOf(json) ?? parseObject(stringOf(json) ?? "") ?? {},
      );
    }
  };

  const readMessage = (agent: string, id: string, message: JsonObject): void => {
    texts.whole(agent, id, contentText(message["content"]));
    texts.whole(agent, id, stringOf(message["refusal"]) ?? "");
    readWholeCalls(agent, message);
  };

  const readDelta = (agent: string, id: string, delta: JsonObject): void => {
    texts.delta(agent, id, contentBlock, contentText(delta["content"]));
    texts.delta(agent, id, refusalBlock, stringOf(delta["refusal"]) ?? "");
    for (const call of objectsOf(delta["tool_calls"])) {
      const index = numberOf(call["index"]) ?? 0;
      const slot = `${agent} ${id} ${index}`;
      const { name, arguments: json } = objectOf(call["function"]) ?? {};
      if (stringOf(name)) {
        texts.endMessage(agent, id);
        // Servers that give every call the same index begin the next one with a name.
        calls.close(agent, slot);
        calls.open(slot, stringOf(call["id"]) ?? `${id} ${index}`, stringOf(name) ?? "");
      }
      calls.piece(slot, stringOf(json) ?? "");
    }
  };

  const finish = (agent: string, id: string, reason: string): void => {
    texts.endMessage(agent, id);
    calls.closeAll(agent, `${agent} ${id} `);
    if (reason === "length")
      sink.emit(notice(agent, "error", "The answer was cut off: it reached its limit."));
    if (reason === "content_filter")
      sink.emit(notice(agent, "error", "The answer was stopped by the content filter."));
  };

  return {
    read: (value) => {
      const error = objectOf(value["error"]) ?? stringOf(value["error"]);
      if (error !== undefined) {
        sink.emit(errorNotice("agent", error));
        return;
      }
      const id = stringOf(value["id"]) ?? "";
      if (value["choices"] === undefined) {
        if (value["role"] === undefined) {
          sink.unknown(stringOf(value["object"]) ?? "");
          return;
        }
        if (value["role"] === "assistant") readMessage("agent", `message ${++bare}`, value);
        return;
      }
      for (const choice of objectsOf(value["choices"])) {
        const index = numberOf(choice["index"]) ?? 0;
        const agent = index === 0 ? "agent" : `agent ${index + 1}`;
        agents.add(agent);
        const { delta, message } = choice;
        if (objectOf(delta)) readDelta(agent, id, objectOf(delta) ?? {});
        else if (objectOf(message)) readMessage(agent, id, objectOf(message) ?? {});
        else texts.delta(agent, id, contentBlock, stringOf(choice["text"]) ?? "");
        const reason = stringOf(choice["finish_reason"]);
        if (reason !== undefined) finish(agent, id, reason);
      }
    },
    end: () => {
      texts.endAll();
      for (const agent of agents) calls.closeAll(agent, `${agent} `);
    },
  };
}
