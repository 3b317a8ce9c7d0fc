import * as path from "node:path";
import * as z from "zod";
import type { Json } from "../base/json.ts";
import { writeCalls } from "../tools/call-format.ts";
import type { ChatMessage, JsonObject, ToolCall } from "../tools/types.ts";
import type { ReadDataset, ReadOptions } from "./dataset.ts";
import { type Fault, firstFault } from "./dataset-schema.ts";
import { readImported } from "./imported.ts";
import type { DatasetHeader, Fixture, TeacherOutput } from "./types.ts";

/** Chats in the words of the OpenAI API: `{messages, tools?, id?}` a line, calls with their arguments as JSON text. */

const openAiCall = z.looseObject({
  id: z.string().optional(),
  function: z.looseObject({
    name: z.string(),
    arguments: z.union([z.string(), z.record(z.string(), z.json())]),
  }),
});
const openAiMessage = z.looseObject({
  role: z.enum(["system", "developer", "user", "assistant", "tool"]),
  content: z.string().nullish(),
  tool_calls: z.array(openAiCall).nullish(),
  tool_call_id: z.string().optional(),
  name: z.string().optional(),
});
const openAiLine = z.looseObject({
  id: z.string().optional(),
  messages: z.array(openAiMessage).min(2),
  tools: z.array(z.json()).optional(),
});
type OpenAiMessage = z.infer<typeof openAiMessage>;

class Unusable extends Error {
  readonly fault: Fault;

  constructor(field: string, reason: string) {
    super(reason);
    this.fault = { field, reason };
  }
}

function readCallsOf(message: OpenAiMessage, field: string): ToolCall[] {
  return (message.tool_calls ?? []).map(({ function: called }, i) => {
    if (typeof called.arguments !== "string")
      return { name: called.name, arguments: called.arguments as JsonObject };
    let args: Json;
    try {
      args = JSON.parse(called.arguments) as Json;
    } catch (cause) {
      throw new Unusable(
        `${field}.tool_calls[${i}].function.arguments`,
        `not JSON: ${(cause as Error).message}`,
      );
    }
    return { name: called.name, arguments: args as JsonObject };
  });
}

function toMessage(message: OpenAiMessage, field: string): ChatMessage {
  const calls = readCallsOf(message, field);
  return {
    // "developer" is the newer name of the same role.
    role: message.role === "developer" ? "system" : message.role,
    content: message.content ?? null,
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
    ...(message.name === undefined ? {} : { name: message.name }),
  };
}

function parseResult(content: string): Json {
  try {
    return JSON.parse(content) as Json;
  } catch {
    // Tools may answer in words: then the words are the result.
    return content;
  }
}

/** What the assistant did after the last request is what is expected; what came before is the prompt. */
function toExample(value: unknown, fallbackId: string, model: string): unknown {
  const parsed = openAiLine.safeParse(value);
  if (!parsed.success) {
    const { field, reason } = firstFault(parsed.error);
    throw new Unusable(field, reason);
  }
  const { messages, tools = [], id = fallbackId } = parsed.data;
  const lastUser = messages.findLastIndex((message) => message.role === "user");
  const reply = messages[lastUser + 1];
  if (lastUser < 0 || reply?.role !== "assistant") {
    throw new Unusable("messages", "expected an assistant's message after the last user's, got none");
  }
  const field = `messages[${lastUser + 1}]`;
  const calls = readCallsOf(reply, field);
  const rest = messages.slice(lastUser + 2);
  const results = rest.filter((message) => message.role === "tool");
  const answer = rest.findLast(
    (message) => message.role === "assistant" && (message.tool_calls ?? []).length === 0,
  );
  const fixtures = calls.flatMap((call, i): Fixture[] => {
    const callId = reply.tool_calls?.[i]?.id;
    const found =
      results.find((result) => callId !== undefined && result.tool_call_id === callId) ?? results[i];
    return found === undefined ? [] : [{ ...call, result: parseResult(found.content ?? "") }];
  });
  const teacher: TeacherOutput = {
    text: (reply.content ?? "") + writeCalls(calls),
    ...(calls.length > 0 && fixtures.length === calls.length && answer?.content
      ? { answer: answer.content }
      : {}),
    model,
  };
  return {
    id,
    messages: messages.slice(0, lastUser + 1).map((message, i) => toMessage(message, `messages[${i}]`)),
    tools,
    expect: { behaviour: calls.length > 0 ? "tool" : "no_tool", calls },
    teacher,
    ...(fixtures.length > 0 ? { fixtures } : {}),
  };
}

export interface ImportOptions extends ReadOptions {
  /** Default: the file's name. */
  readonly name?: string;
  readonly split?: DatasetHeader["split"];
  /** Who wrote the replies (default "imported"). */
  readonly model?: string;
}

/** A dataset of chats. Errors: `invalid_dataset` with file, line, field and reason; `file_not_found`. */
export function importChatJsonl(file: string, options: ImportOptions = {}): ReadDataset {
  const {
    name = path.basename(file, path.extname(file)),
    split = "train",
    model = "imported",
    maxBad = 0,
  } = options;
  return readImported(file, { name, split, what: "chat", maxBad }, (value, line, collector) => {
    try {
      return collector.take(toExample(value, `${name}-${line}`, model), line);
    } catch (cause) {
      if (cause instanceof Unusable) return cause.fault;
      throw cause;
    }
  });
}
