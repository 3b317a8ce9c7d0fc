import type { JsonObject } from "../../tools/types.ts";
import type { EventSink, FormatReader } from "./event-sink.ts";
import { numberOf, objectOf, objectsOf, parseObject, stringOf } from "./fields.ts";
import { errorNotice, notice } from "./notices.ts";
import { createSaidOnce } from "./said-once.ts";
import { createToolCalls } from "./tool-calls.ts";

const agent = "agent";

/** Events that say nothing, or nothing that another event does not say. */
const silentTypes =
  /^response\.(?:created|in_progress|queued|content_part\.\w+|output_item\.added|function_call_arguments\.\w+|reasoning\w*\.\w+)$/;

/** The Responses API: its stream, and whole responses. */
export function createOpenAiResponsesReader(sink: EventSink): FormatReader {
  const texts = createSaidOnce(sink);
  const calls = createToolCalls(sink);

  const readItem = (item: JsonObject): void => {
    const type = stringOf(item["type"]) ?? "";
    const id = stringOf(item["id"]) ?? "";
    if (type === "message") {
      for (const part of objectsOf(item["content"]))
        texts.whole(agent, id, stringOf(part["text"]) ?? stringOf(part["refusal"]) ?? "");
      texts.endMessage(agent, id);
    } else if (type === "function_call") {
      const input = parseObject(stringOf(item["arguments"]) ?? "") ?? {};
      calls.whole(agent, stringOf(item["call_id"]) ?? id, stringOf(item["name"]) ?? "", input);
    } else if (type !== "reasoning" && type !== "function_call_output") sink.unknown(`output_item/${type}`);
  };

  const readResponse = (response: JsonObject): void => {
    for (const item of objectsOf(response["output"])) readItem(item);
    texts.endAll();
    const error = objectOf(response["error"]);
    if (error !== undefined) sink.emit(errorNotice(agent, error));
    if (response["status"] === "incomplete")
      sink.emit(notice(agent, "error", "The answer was cut off: it reached its limit."));
  };

  return {
    read: (value) => {
      const type = stringOf(value["type"]) ?? "";
      const item = stringOf(value["item_id"]) ?? "";
      const block = numberOf(value["content_index"]) ?? 0;
      if (type === "response.output_text.delta" || type === "response.refusal.delta")
        texts.delta(agent, item, block, stringOf(value["delta"]) ?? "");
      else if (type === "response.output_text.done" || type === "response.refusal.done") {
        texts.whole(agent, item, stringOf(value["text"]) ?? stringOf(value["refusal"]) ?? "");
        texts.endBlock(agent, item, block);
      } else if (type === "response.output_item.done") readItem(objectOf(value["item"]) ?? {});
      else if (/^response\.(?:completed|failed|incomplete)$/.test(type))
        readResponse(objectOf(value["response"]) ?? {});
      else if (value["object"] === "response") readResponse(value);
      else if (type === "error") sink.emit(errorNotice(agent, objectOf(value["error"]) ?? value));
      else if (!silentTypes.test(type)) sink.unknown(type);
    },
    end: texts.endAll,
  };
}
