import type { Json } from "../../base/json.ts";
import type { JsonObject } from "../../tools/types.ts";
import { phraseText, toolPhrases } from "../text/tool-phrases.ts";
import type { EventSink, FormatReader } from "./event-sink.ts";
import { numberOf, objectOf, objectsOf, stringOf } from "./fields.ts";
import { errorNotice, notice, noticeKindOf } from "./notices.ts";
import { createSaidOnce } from "./said-once.ts";
import { createToolCalls } from "./tool-calls.ts";

/** What one agent (a session, or a sub-agent of it) is at. */
interface Turn {
  /** Of the message that its stream events build. */
  message: string;
  count: number;
  /** Said anything since its run began: else the result's text is all there is. */
  hasSpoken: boolean;
}

/** Events that say nothing to a person. */
const silentTypes = new Set([
  "control_cancel_request",
  "control_response",
  "init",
  "keep_alive",
  "message_delta",
  "ping",
  "tool_progress",
]);
const silentBlocks = new Set([
  "redacted_thinking",
  "server_tool_result",
  "thinking",
  "web_search_tool_result",
]);
const silentDeltas = new Set(["citations_delta", "signature_delta", "thinking_delta"]);
const silentSubtypes = new Set(["compact_boundary", "hook_response", "hook_started", "init", "status"]);

const deniedTool = /requested permissions? to|haven't granted|permission to use .+ (?:was|has been) denied/i;

const stopReasons: Readonly<Record<string, string>> = {
  error_during_execution: "The run stopped with an error.",
  error_max_budget_usd: "The run stopped: its budget is spent.",
  error_max_turns: "The run stopped: it reached its limit of turns.",
};

/** How long, in words: "42 seconds", "3 minutes". */
function durationText(ms: number): string {
  const count = (amount: number, unit: string): string => `${amount} ${unit}${amount === 1 ? "" : "s"}`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 90) return count(Math.max(1, seconds), "second");
  return seconds < 5400
    ? count(Math.round(seconds / 60), "minute")
    : count(Math.round(seconds / 3600), "hour");
}

function doneText(result: JsonObject): string {
  const ms = numberOf(result["duration_ms"]);
  const cents = Math.round((numberOf(result["total_cost_usd"]) ?? 0) * 100);
  const time = ms === undefined ? "" : ` in ${durationText(ms)}`;
  return `Finished${time}${cents >= 1 ? `, for ${cents} ${cents === 1 ? "cent" : "cents"}` : ""}.`;
}

/** Text of a tool's result: a string, or a list of text blocks. */
function resultText(content: Json | undefined): string {
  return (
    stringOf(content) ??
    objectsOf(content)
      .map((block) => stringOf(block["text"]) ?? "")
      .join(" ")
  );
}

/** Claude Code's stream-json, with and without partial messages, and the bare events of the Messages API. */
export function createClaudeReader(sink: EventSink): FormatReader {
  const texts = createSaidOnce(sink);
  const calls = createToolCalls(sink);
  const turns = new Map<string, Turn>();

  const turnOf = (agent: string): Turn => {
    const found = turns.get(agent) ?? { message: "0", count: 0, hasSpoken: false };
    turns.set(agent, found);
    return found;
  };

  const readStreamEvent = (agent: string, event: JsonObject): void => {
    const turn = turnOf(agent);
    const type = stringOf(event["type"]) ?? "";
    const index = numberOf(event["index"]) ?? 0;
    const slot = `${agent} ${turn.message} ${index}`;
    if (type === "message_start") {
      texts.endMessage(agent, turn.message);
      turn.message = stringOf(objectOf(event["message"])?.["id"]) ?? `#${++turn.count}`;
    } else if (type === "content_block_start") {
      const block = objectOf(event["content_block"]) ?? {};
      const kind = stringOf(block["type"]) ?? "";
      if (kind === "text") say(agent, index, stringOf(block["text"]) ?? "");
      else if (kind === "tool_use" || kind === "server_tool_use" || kind === "mcp_tool_use") {
        calls.open(slot, stringOf(block["id"]) ?? "", stringOf(block["name"]) ?? "");
        const input = objectOf(block["input"]);
        if (input !== undefined && Object.keys(input).length > 0) calls.piece(slot, JSON.stringify(input));
      } else if (!silentBlocks.has(kind)) sink.unknown(`content_block_start/${kind}`);
    } else if (type === "content_block_delta") {
      const delta = objectOf(event["delta"]) ?? {};
      const kind = stringOf(delta["type"]) ?? "";
      if (kind === "text_delta") say(agent, index, stringOf(delta["text"]) ?? "");
      else if (kind === "input_json_delta") calls.piece(slot, stringOf(delta["partial_json"]) ?? "");
      else if (!silentDeltas.has(kind)) sink.unknown(`content_block_delta/${kind}`);
    } else if (type === "content_block_stop") {
      texts.endBlock(agent, turn.message, index);
      calls.close(agent, slot);
    } else if (type === "message_stop") {
      texts.endMessage(agent, turn.message);
      calls.closeAll(agent, `${agent} ${turn.message} `);
    } else if (type === "error") {
      sink.emit(errorNotice(agent, objectOf(event["error"]) ?? event));
    } else if (!silentTypes.has(type)) sink.unknown(`stream_event/${type}`);
  };

  const say = (agent: string, index: number, text: string): void => {
    const turn = turnOf(agent);
    turn.hasSpoken ||= text !== "";
    texts.delta(agent, turn.message, index, text);
  };

  const readAssistant = (agent: string, message: JsonObject, error: string | undefined): void => {
    const turn = turnOf(agent);
    const given = stringOf(message["id"]);
    // Without an id it is the message that was just streamed, or a new one.
    const id = given ?? (texts.has(agent, turn.message) ? turn.message : `#${++turn.count}`);
    const content = message["content"];
    const blocks =
      typeof content === "string" ? [{ type: "text", text: content } as JsonObject] : objectsOf(content);
    for (const block of blocks) {
      const kind = stringOf(block["type"]) ?? "";
      if (kind === "text") {
        const text = stringOf(block["text"]) ?? "";
        turn.hasSpoken = true;
        if (error === undefined) texts.whole(agent, id, text);
        else sink.emit(notice(agent, noticeKindOf(`${error} ${text}`), text));
      } else if (kind === "tool_use" || kind === "server_tool_use" || kind === "mcp_tool_use") {
        calls.whole(
          agent,
          stringOf(block["id"]) ?? "",
          stringOf(block["name"]) ?? "",
          objectOf(block["input"]) ?? {},
        );
      } else if (!silentBlocks.has(kind)) sink.unknown(`assistant/${kind}`);
    }
    if (given === undefined) turn.message = `#${++turn.count}`;
  };

  /** What a user says was typed by a person, or by the harness: only the results of tools are news. */
  const readUser = (agent: string, message: JsonObject): void => {
    for (const block of objectsOf(message["content"])) {
      if (block["type"] !== "tool_result") continue;
      const isError = block["is_error"] === true;
      const text = isError ? resultText(block["content"]).slice(0, 1000) : "";
      if (deniedTool.test(text))
        sink.emit(notice(agent, "permission", "A tool was not run: permission is missing."));
      else sink.emit({ type: "tool_result", agent, id: stringOf(block["tool_use_id"]) ?? "", isError });
    }
  };

  const readSystem = (agent: string, event: JsonObject): void => {
    const subtype = stringOf(event["subtype"]) ?? "";
    if (subtype === "api_retry") {
      const kind = noticeKindOf(stringOf(event["error"]) ?? "");
      const cause = kind === "rate_limit" ? "The rate limit is reached" : "The request failed";
      sink.emit(notice(agent, kind, `${cause}, trying again.`));
    } else if (!silentSubtypes.has(subtype)) sink.unknown(`system/${subtype}`);
  };

  const readResult = (agent: string, event: JsonObject): void => {
    const turn = turnOf(agent);
    const subtype = stringOf(event["subtype"]) ?? "success";
    const text = stringOf(event["result"]) ?? "";
    texts.endAll();
    if (event["is_error"] === true || subtype.startsWith("error")) {
      const fallback = stopReasons[subtype] ?? "The run stopped with an error.";
      sink.emit(notice(agent, noticeKindOf(text), text.trim() === "" ? fallback : text));
    } else {
      if (!turn.hasSpoken) texts.whole(agent, `result#${++turn.count}`, text);
      const denied = objectsOf(event["permission_denials"]).length;
      const calls = denied === 1 ? "1 tool call was" : `${denied} tool calls were`;
      if (denied > 0) sink.emit(notice(agent, "permission", `${calls} not permitted.`));
      sink.emit(notice(agent, "done", doneText(event)));
    }
    turn.hasSpoken = false;
  };

  /** A person must answer before the agent goes on. */
  const readControlRequest = (agent: string, event: JsonObject): void => {
    const request = objectOf(event["request"]) ?? {};
    const subtype = stringOf(request["subtype"]) ?? "";
    if (subtype !== "can_use_tool") {
      sink.unknown(`control_request/${subtype}`);
      return;
    }
    const [phrase] = toolPhrases(stringOf(request["tool_name"]) ?? "", objectOf(request["input"]) ?? {});
    const what = phrase === undefined ? "a tool" : phraseText(phrase);
    sink.emit(notice(agent, "permission", `Permission is needed for ${what}.`));
  };

  const readRateLimit = (agent: string, event: JsonObject): void => {
    if (stringOf(objectOf(event["rate_limit_info"])?.["status"]) === "rejected")
      sink.emit(notice(agent, "rate_limit", "The rate limit is reached."));
  };

  return {
    read: (event) => {
      const session = stringOf(event["session_id"]) ?? "agent";
      const parent = stringOf(event["parent_tool_use_id"]);
      const agent = parent === undefined ? session : `${session}/${parent}`;
      const type = stringOf(event["type"]) ?? "";
      const message = objectOf(event["message"]);
      if (type === "stream_event") readStreamEvent(agent, objectOf(event["event"]) ?? {});
      else if (type === "assistant" && message) readAssistant(agent, message, stringOf(event["error"]));
      else if (type === "user" && message) readUser(agent, message);
      else if (type === "system") readSystem(agent, event);
      else if (type === "result") readResult(agent, event);
      else if (type === "control_request") readControlRequest(agent, event);
      else if (type === "rate_limit_event") readRateLimit(agent, event);
      else if (type === "message" || (type === "" && event["content"] !== undefined)) {
        if ((event["role"] ?? "assistant") === "assistant") readAssistant(agent, event, undefined);
      } else if (/^(?:content_block|message)_|^error$|^ping$/.test(type)) readStreamEvent(agent, event);
      else if (!silentTypes.has(type)) sink.unknown(type);
    },
    end: () => {
      texts.endAll();
      for (const agent of turns.keys()) calls.closeAll(agent, `${agent} `);
    },
  };
}
