import * as http from "node:http";
import * as net from "node:net";
import type { Random } from "#limbeck/base/random.js";
import type { ChatMessage, ToolCall, ToolDefinition } from "#limbeck/tools/types.js";

/** A request and what the engine alone answers to it at temperature 0. */
export interface Case {
  readonly messages: readonly ChatMessage[];
  readonly tools: readonly ToolDefinition[];
  readonly content: string;
  readonly calls: readonly ToolCall[];
}

/** How one request is made. */
export const behaviours = ["whole", "streamed", "slow", "leaving", "malformed"] as const;
export type Behaviour = (typeof behaviours)[number];

/** What became of one request; `fault` says what was wrong with it, null: nothing. */
export interface Outcome {
  readonly behaviour: Behaviour;
  readonly fault: "wrong_answer" | "undeclared_5xx" | "no_answer" | null;
  readonly status: number | null;
  readonly detail: string;
}

interface Received {
  readonly status: number;
  readonly text: string;
}

export const maxTokens = 60;

/** Of the engine that is served and of the one alone: at one size, cached and uncached prompts agree to the bit. */
export const prefillChunk = 128;

interface Reading {
  readonly pauseMs?: number;
  /** Called with the request once; may destroy it. */
  readonly onSent?: (request: http.ClientRequest) => void;
  readonly onFirstData?: (request: http.ClientRequest) => void;
}

/** Posts a body; null: the connection ended first. */
function post(
  port: number,
  agent: http.Agent,
  body: string,
  reading: Reading = {},
): Promise<Received | null> {
  const { pauseMs, onSent, onFirstData } = reading;
  return new Promise((resolve) => {
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const request = http.request(
      { host: "127.0.0.1", port, path: "/v1/chat/completions", method: "POST", agent, headers },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (part: string) => {
          if (text === "") onFirstData?.(request);
          text += part;
          if (pauseMs !== undefined) {
            response.pause();
            setTimeout(() => response.resume(), pauseMs);
          }
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
        response.on("close", () => resolve(null));
      },
    );
    request.on("error", () => resolve(null));
    request.end(body);
    onSent?.(request);
  });
}

/** Garbage in place of HTTP. */
function sendGarbage(port: number, bytes: string): Promise<Received | null> {
  return new Promise((resolve) => {
    let text = "";
    const socket = net.connect(port, "127.0.0.1", () => socket.end(bytes));
    socket.on("data", (part) => {
      text += part.toString();
    });
    socket.on("error", () => resolve(null));
    socket.on("close", () => {
      const status = Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0);
      resolve({ status, text: text.slice(text.indexOf("\r\n\r\n") + 4) });
    });
  });
}

const malformed: readonly string[] = [
  "",
  "{",
  "[]",
  '{"model": "served"}',
  '{"model": "served", "messages": [{"role": "user", "content": 5}]}',
  '{"model": "served", "messages": [{"role": "user", "content": "x"}], "n": 2}',
  `{"model": "served", "messages": ${"[".repeat(5000)}${"]".repeat(5000)}}`,
  "\u0000".repeat(300),
];

/** Content and calls of an answer, from one document or from events. */
function readAnswer(text: string, isStreamed: boolean): { readonly content: string; readonly calls: string } {
  interface Part {
    readonly content?: string | null;
    readonly tool_calls?: readonly {
      readonly function: { readonly name: string; readonly arguments: string };
    }[];
  }
  const documents = isStreamed
    ? text.split("\n\n").flatMap((event) => (/^data: \{/.test(event) ? [JSON.parse(event.slice(6))] : []))
    : [JSON.parse(text)];
  const parts = (documents as { choices: { message?: Part; delta?: Part }[] }[]).map(
    ({ choices }) => choices[0]?.message ?? choices[0]?.delta ?? {},
  );
  return {
    content: parts.map((part) => part.content ?? "").join(""),
    calls: callsText(
      parts.flatMap((part) =>
        (part.tool_calls ?? []).map((call) => ({
          name: call.function.name,
          arguments: call.function.arguments,
        })),
      ),
    ),
  };
}

const callsText = (calls: readonly { readonly name: string; readonly arguments: string }[]): string =>
  calls.map((call) => `${call.name} ${call.arguments}`).join("\n");

/** Every server error that a client may meet is one of these. */
const declared5xx = ["shutting_down", "deadline_exceeded"];

function errorCode(text: string): string | undefined {
  try {
    return (JSON.parse(text) as { error?: { code?: string } }).error?.code;
  } catch {
    return undefined; // no JSON, so no error of OpenAI's form: the caller counts it as undeclared
  }
}

/** Makes one request in the way of `behaviour` and judges what came back. */
export async function makeRequest(
  port: number,
  agent: http.Agent,
  behaviour: Behaviour,
  { messages, tools, content, calls }: Case,
  random: Random,
): Promise<Outcome> {
  const isStreamed =
    behaviour === "streamed" || behaviour === "slow" || (behaviour === "leaving" && random.next() < 0.5);
  const body = JSON.stringify({
    model: "served",
    messages,
    tools,
    max_tokens: maxTokens,
    stream: isStreamed,
  });
  const outcome = (fault: Outcome["fault"], received: Received | null): Outcome => ({
    behaviour,
    fault,
    status: received?.status ?? null,
    detail: fault === null ? "" : (received?.text.slice(0, 300) ?? "the connection ended"),
  });
  const judge5xx = (received: Received): Outcome | null =>
    received.status >= 500 && !declared5xx.includes(errorCode(received.text) ?? "")
      ? outcome("undeclared_5xx", received)
      : null;

  if (behaviour === "leaving") {
    const leaveAfterMs = random.next() * 500;
    const received = await post(
      port,
      agent,
      body,
      random.next() < 0.5
        ? { onFirstData: (request) => request.destroy() }
        : { onSent: (request) => void setTimeout(() => request.destroy(), leaveAfterMs) },
    );
    return (received && judge5xx(received)) ?? outcome(null, received);
  }
  if (behaviour === "malformed") {
    const received =
      random.next() < 0.3
        ? await sendGarbage(port, `\u0001${body}`)
        : await post(port, agent, random.pick(malformed));
    if (received === null) return outcome("no_answer", received);
    const isRefused =
      received.status >= 400 && received.status < 500 && errorCode(received.text) !== undefined;
    return judge5xx(received) ?? outcome(isRefused ? null : "wrong_answer", received);
  }
  const received = await post(port, agent, body, behaviour === "slow" ? { pauseMs: 50 } : {});
  if (received === null) return outcome("no_answer", received);
  if (received.status !== 200)
    return judge5xx(received) ?? outcome(received.status === 429 ? null : "wrong_answer", received);
  const answer = readAnswer(received.text, isStreamed);
  const expected = callsText(
    calls.map((call) => ({ name: call.name, arguments: JSON.stringify(call.arguments) })),
  );
  const isRight = answer.content === content && answer.calls === expected;
  return outcome(isRight ? null : "wrong_answer", received);
}
