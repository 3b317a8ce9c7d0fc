import type { JsonObject } from "../../tools/types.ts";
import type { EventSink, FormatReader } from "./event-sink.ts";
import { numberOf, objectOf, objectsOf, stringOf } from "./fields.ts";
import { errorNotice, notice } from "./notices.ts";
import { createSaidOnce } from "./said-once.ts";
import { createToolCalls } from "./tool-calls.ts";

interface Call {
  readonly name: string;
  readonly input: JsonObject;
}

/** Items that are calls of tools, in the words that Claude Code has for them: the narrator knows one set. */
const callsOf: Readonly<Record<string, (item: JsonObject) => readonly Call[]>> = {
  command_execution: (item) => [{ name: "Bash", input: { command: item["command"] ?? "" } }],
  file_change: (item) => {
    const changes = objectsOf(item["changes"]);
    return (changes.length > 0 ? changes : [item]).map((change) => ({
      name: (change["kind"] ?? change["change_type"]) === "add" ? "Write" : "Edit",
      input: { file_path: change["path"] ?? "" },
    }));
  },
  mcp_tool_call: (item) => [
    {
      name: `mcp__${stringOf(item["server"]) ?? ""}__${stringOf(item["tool"]) ?? ""}`,
      input: objectOf(item["arguments"]) ?? {},
    },
  ],
  web_search: (item) => [{ name: "WebSearch", input: { query: item["query"] ?? "" } }],
  todo_list: () => [{ name: "TodoWrite", input: {} }],
};

/** Codex's `exec --json`: threads, turns, items. */
export function createCodexReader(sink: EventSink): FormatReader {
  const texts = createSaidOnce(sink);
  const calls = createToolCalls(sink);
  let agent = "agent";

  const readItem = (item: JsonObject, isWhole: boolean): void => {
    const id = stringOf(item["id"]) ?? "";
    const type = stringOf(item["type"]) ?? stringOf(item["item_type"]) ?? "";
    if (type === "agent_message" || type === "assistant_message") {
      const text = stringOf(item["text"]) ?? "";
      if (isWhole) texts.whole(agent, id, text);
      else texts.grown(agent, id, 0, text);
      return;
    }
    if (type === "error") {
      sink.emit(errorNotice(agent, item));
      return;
    }
    if (type === "reasoning") return;
    const made = callsOf[type]?.(item);
    if (made === undefined) {
      sink.unknown(`item/${type}`);
      return;
    }
    made.forEach(({ name, input }, i) => {
      calls.whole(agent, i === 0 ? id : `${id}#${i}`, name, input);
    });
    const exitCode = numberOf(item["exit_code"]);
    const isError = item["status"] === "failed" || (exitCode !== undefined && exitCode !== 0);
    if (isWhole && type !== "todo_list") sink.emit({ type: "tool_result", agent, id, isError });
  };

  return {
    read: (event) => {
      const type = stringOf(event["type"]) ?? "";
      const item = objectOf(event["item"]);
      if (type === "thread.started") agent = stringOf(event["thread_id"]) ?? agent;
      else if (type === "turn.started") return;
      else if (type === "turn.completed") sink.emit(notice(agent, "done", "Finished."));
      else if (type === "turn.failed" || type === "error")
        sink.emit(errorNotice(agent, objectOf(event["error"]) ?? event));
      else if (/^item\.(?:started|updated|completed)$/.test(type) && item)
        readItem(item, type === "item.completed");
      else sink.unknown(type);
    },
    end: texts.endAll,
  };
}
