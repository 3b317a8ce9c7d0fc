import { type CallFormat, callFormats, writeCalls } from "../tools/call-format.ts";
import { pythonJson } from "../tools/python-json.ts";
import type { ChatMessage, ToolDefinition } from "../tools/types.ts";
import type { ChatRequest } from "./chat-template.ts";

/** Whether a template has a place for tools. Those of Gemma 3, Llama 3 (before 3.1) and SmolLM2 have none. */
export function takesTools(template: string): boolean {
  return /\btools\b/.test(template);
}

/** What the offer of tools says where the template does not say it. */
function offer(tools: readonly ToolDefinition[], format: CallFormat): string {
  const { open, close, gap, argumentsKeys } = callFormats[format];
  const schemas = tools.map((tool) => pythonJson(tool.function)).join("\n");
  const form = `{"name": <function name>, "${argumentsKeys[0]}": <object of arguments>}`;
  return (
    `You have these functions, each with the JSON schema of its parameters:\n${schemas}\n\n` +
    `To call one, answer with nothing but:\n${open}${gap}${form}${gap}${close}`
  );
}

function result(content: string | null, format: CallFormat): string {
  const text = content ?? "";
  return format === "gemma"
    ? `\`\`\`tool_output\n${text}\n\`\`\``
    : `<tool_response>\n${text}\n</tool_response>`;
}

/** Calls become the assistant's words, results the user's; results and the user's next words are one message. */
function spellOut(messages: readonly ChatMessage[], format: CallFormat): ChatMessage[] {
  const spelled: ChatMessage[] = [];
  let isAfterResult = false;
  for (const { role, content, tool_calls = [] } of messages) {
    const calls = tool_calls.length > 0 ? writeCalls(tool_calls, format) : "";
    const words = role === "tool" ? result(content, format) : (content ?? "");
    const text = [words, calls].filter((part) => part.length > 0).join("\n");
    const last = spelled.at(-1);
    if (isAfterResult && last !== undefined && (role === "tool" || role === "user"))
      spelled[spelled.length - 1] = { role: "user", content: `${last.content}\n${text}` };
    else spelled.push({ role: role === "tool" ? "user" : role, content: text });
    isAfterResult = role === "tool" || (isAfterResult && role === "user");
  }
  return spelled;
}

/**
 * A request in plain messages, for a template without a place for tools: the offer goes to the end of the system message
 * or, where there is none, before the first message, since some templates take no system message.
 */
export function putToolsInWords(request: ChatRequest, format: CallFormat): ChatRequest {
  const { tools = [], ...rest } = request;
  const messages = spellOut(request.messages, format);
  const [first] = messages;
  if (tools.length > 0 && first !== undefined) {
    const parts = [offer(tools, format), first.content ?? ""];
    if (first.role === "system") parts.reverse();
    messages[0] = { ...first, content: parts.join("\n\n") };
  }
  return { ...rest, messages };
}
