import { mayCall } from "../runtime/chat.ts";
import { streamTokens } from "../runtime/chat-stream.ts";
import type { ChatResult, GenerateOptions, GenerateResult, TokenEvent } from "../runtime/types.ts";
import type { CallFormat } from "../tools/call-format.ts";
import { readCalls } from "../tools/call-stream.ts";
import type { ChatMessage, ToolDefinition } from "../tools/types.ts";
import type { ServedEngine } from "./endpoints.ts";

/** One generation that was asked for. */
export interface Asked {
  readonly messages: readonly ChatMessage[];
  readonly tools: readonly ToolDefinition[];
  readonly options: GenerateOptions;
}

/** What the model says to a request, piece by piece; waiting in it is what makes it slow. */
export type Script = (asked: Asked) => AsyncIterable<string> | Iterable<string>;

export interface ScriptedEngine extends ServedEngine {
  /** Every request that reached the engine, in order. */
  readonly asked: readonly Asked[];
  /** Generations that go on. */
  readonly running: number;
}

const callFormat: CallFormat = "limbeck";

/** The pieces of a script as tokens: their ids count from 10, the last is an end token of id 1. */
async function generate(
  script: Script,
  asked: Asked,
  onToken: (event: TokenEvent) => void,
): Promise<GenerateResult> {
  const { signal, maxTokens = Number.POSITIVE_INFINITY, topLogprobs } = asked.options;
  const tokens: TokenEvent[] = [];
  const add = (id: number, text: string): void => {
    const index = tokens.length;
    const others = Array.from({ length: topLogprobs ?? 0 }, (_, i) => ({ id: id + i, logprob: -0.5 - i }));
    const chances = topLogprobs === undefined ? {} : { logprob: -0.5, topLogprobs: others };
    const event = { id, text, index, timeMs: index + 1, ...chances };
    tokens.push(event);
    onToken(event);
  };
  let finishReason: GenerateResult["finishReason"] = "stop";
  for await (const piece of script(asked)) {
    if (signal?.aborted) finishReason = "cancelled";
    else if (tokens.length >= maxTokens) finishReason = "length";
    if (finishReason !== "stop") break;
    add(10 + tokens.length, piece);
  }
  if (signal?.aborted) finishReason = "cancelled";
  if (finishReason === "stop") add(1, "");
  const timing = {
    tokenizerMs: 1,
    firstStepMs: 1,
    ttftMs: 2,
    totalMs: 2 + tokens.length,
    prefillSessionMs: 1,
    decodeSessionMs: tokens.length,
  };
  const text = tokens.map((token) => token.text).join("");
  return { promptTokens: 7, cachedTokens: 3, tokens, text, finishReason, timing };
}

/** An engine that says what a script says, obeying limits and signals as a real one does. */
export function scriptedEngine(script: Script): ScriptedEngine {
  const asked: Asked[] = [];
  let running = 0;
  const run = async (one: Asked, onToken: (event: TokenEvent) => void): Promise<GenerateResult> => {
    asked.push(one);
    running++;
    try {
      return await generate(script, one, onToken);
    } finally {
      running--;
    }
  };
  const chat = async (one: Asked, onToken: (event: TokenEvent) => void): Promise<ChatResult> => {
    const result = await run(one, onToken);
    const { content, calls } = mayCall(one.tools, one.options.toolChoice)
      ? readCalls(result.text, callFormat)
      : { content: result.text, calls: [] };
    return { ...result, content, calls };
  };
  const raw = (prompt: string, options: GenerateOptions): Asked => ({
    messages: [{ role: "user", content: prompt }],
    tools: [],
    options,
  });
  const ignore = (): void => undefined;
  return {
    name: "scripted",
    info: { artefactDir: "", callFormat, fingerprints: { model: "0" } },
    chat: (messages, tools, options = {}) => chat({ messages, tools, options }, ignore),
    stream: (messages, tools, options = {}) =>
      streamTokens(
        (onToken, signal) => chat({ messages, tools, options: { ...options, signal } }, onToken),
        options.signal,
      ),
    complete: (prompt, options = {}) => run(raw(prompt, options), ignore),
    streamComplete: (prompt, options = {}) =>
      streamTokens((onToken, signal) => run(raw(prompt, { ...options, signal }), onToken), options.signal),
    asked,
    get running() {
      return running;
    },
  };
}

/** Token ids as text, for engines without a tokenizer. */
export const tokenText = (id: number): string => (id === 1 ? "<|end|>" : `t${id}`);

/** A request as `app.fetch` takes it. */
export function post(path: string, body: unknown, headers: Record<string, string> = {}): Request {
  return new Request(`http://localhost${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

/** The `data:` lines of server-sent events. */
export function eventData(text: string): string[] {
  return text
    .split("\n\n")
    .filter((event) => event !== "")
    .map((event) => event.replace(/^data: /, ""));
}

/** Resolves when `holds` does, looking every few milliseconds. */
export async function until(holds: () => boolean, timeoutMs = 2000): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`did not hold within ${timeoutMs} ms: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
