import { z } from "zod";
import { isJsonObject } from "../base/json.ts";
import type { ChatMessage, JsonObject, ToolCall } from "../tools/types.ts";
import { readJsonText } from "./json-body.ts";
import { refuseField } from "./wire-error.ts";

const textPart = z.object({ type: z.literal("text"), text: z.string() });
const text = z.union([z.string(), z.array(textPart)], {
  error: "expected text or an array of text parts: images, audio and files are not served",
});
const absent = (what: string) => z.null({ error: `expected none: ${what}` }).optional();

const callSchema = z.object({
  id: z.string(),
  type: z.literal("function"),
  function: z.object({ name: z.string().min(1), arguments: z.string() }),
});

/** A message of the OpenAI format. A `name` of a person and a null `refusal` say nothing that a template writes. */
const messageSchema = z.discriminatedUnion("role", [
  z.object({ role: z.enum(["system", "developer", "user"]), content: text }),
  z.object({
    role: z.literal("assistant"),
    content: text.nullish(),
    tool_calls: z.array(callSchema).nullish(),
    function_call: absent("use tool_calls"),
    audio: absent("audio is not served"),
  }),
  z.object({ role: z.literal("tool"), content: text, tool_call_id: z.string() }),
]);

/** Every role's messages, at least one. */
export const messagesSchema = z.array(messageSchema).min(1);

type WireMessage = z.output<typeof messageSchema>;

const joined = (content: string | readonly { readonly text: string }[]): string =>
  typeof content === "string" ? content : content.map((part) => part.text).join("");

function readArguments(json: string, param: string): JsonObject {
  // A call without arguments, as some clients write it.
  if (json.trim() === "") return {};
  const value = readJsonText(json, param);
  if (isJsonObject(value)) return value;
  throw refuseField(param, "expected the JSON text of an object");
}

/**
 * Messages as the chat template takes them: parts joined, arguments parsed, a tool's answer named by the call that it
 * answers, "developer" as "system". Error: `invalid_request` with the message's place.
 */
export function readMessages(messages: readonly WireMessage[]): ChatMessage[] {
  const nameOfCall = new Map<string, string>();
  return messages.map((message, m): ChatMessage => {
    const place = `messages[${m}]`;
    switch (message.role) {
      case "assistant": {
        const calls = (message.tool_calls ?? []).map((call, c): ToolCall => {
          nameOfCall.set(call.id, call.function.name);
          const param = `${place}.tool_calls[${c}].function.arguments`;
          return { name: call.function.name, arguments: readArguments(call.function.arguments, param) };
        });
        const content = message.content == null ? null : joined(message.content);
        return { role: "assistant", content, ...(calls.length > 0 ? { tool_calls: calls } : {}) };
      }
      case "tool": {
        const name = nameOfCall.get(message.tool_call_id);
        if (name === undefined) {
          throw refuseField(`${place}.tool_call_id`, "expected the id of a call in an earlier message");
        }
        return { role: "tool", name, content: joined(message.content) };
      }
      default:
        return { role: message.role === "user" ? "user" : "system", content: joined(message.content) };
    }
  });
}
