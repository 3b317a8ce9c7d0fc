import assert from "node:assert/strict";
import * as net from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { errorCodes } from "../base/errors.ts";
import { createServeApp } from "./app.ts";
import { listen } from "./listen.ts";
import { post, scriptedEngine, tokenText } from "./scripted-engine.test.support.ts";
import type { WireError } from "./wire-error.ts";

// Whatever is sent, the answer is a success or a declared refusal: never a fault of ours, never silence.
const paths = ["/v1/chat/completions", "/v1/completions"] as const;
const app = createServeApp(
  scriptedEngine(() => ["fine"]),
  { tokenText, maxBodyBytes: 20_000 },
);

/** Status and, where it is a refusal, its checked error. */
async function judge(request: Request): Promise<number> {
  const response = await app.fetch(request);
  const text = await response.text();
  assert.ok(response.status < 500, `${response.status} ${text}`);
  if (response.status < 400) return response.status;
  const { error } = JSON.parse(text) as WireError;
  assert.ok(Object.hasOwn(errorCodes, error.code), text);
  assert.equal(errorCodes[error.code as keyof typeof errorCodes].httpStatus, response.status);
  return response.status;
}

/** Bodies that are nearly right: one or two fields of a good one replaced by anything. */
const good = {
  model: "scripted",
  prompt: "once",
  messages: [
    { role: "system", content: "s" },
    { role: "user", content: [{ type: "text", text: "u" }] },
    {
      role: "assistant",
      content: null,
      tool_calls: [{ id: "a", type: "function", function: { name: "f", arguments: "{}" } }],
    },
    { role: "tool", tool_call_id: "a", content: "t" },
  ],
  tools: [{ type: "function", function: { name: "f", parameters: { type: "object", properties: {} } } }],
  tool_choice: "auto",
  response_format: { type: "json_schema", json_schema: { name: "n", schema: {} } },
  stream: false,
  logprobs: true,
  top_logprobs: 1,
  temperature: 1,
  top_p: 1,
  seed: 1,
  stop: ["x"],
  max_tokens: 3,
};
const fieldsOf = [
  ["prompt", "model", "stream", "temperature", "top_p", "seed", "stop", "max_tokens"],
  Object.keys(good).filter((name) => name !== "prompt"),
] as const;
const anything = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.string({ unit: "binary" }),
  fc.constantFrom(
    -1,
    1e308,
    2 ** 53,
    Number.MAX_VALUE,
    "",
    {},
    [],
    null,
    [{}],
    { type: "function" },
    "\ud800",
  ),
);

/** `value` with the part at a place that `pick` walks to replaced. */
function replaced(value: unknown, picks: readonly number[], by: unknown): unknown {
  if (value === null || typeof value !== "object" || picks.length === 0) return by;
  const keys = Object.keys(value);
  const key = keys[picks[0]! % Math.max(keys.length, 1)];
  if (key === undefined) return by;
  const inner = replaced((value as Record<string, unknown>)[key], picks.slice(1), by);
  return Array.isArray(value) ? value.with(Number(key), inner) : { ...value, [key]: inner };
}

const nearlyRight = fc
  .tuple(
    fc.constantFrom(0, 1),
    fc.boolean(),
    fc.array(fc.tuple(fc.array(fc.nat(40), { minLength: 1, maxLength: 6 }), anything), { maxLength: 2 }),
  )
  .map(([kind, isStreamed, changes]) => {
    const fields = Object.fromEntries(
      fieldsOf[kind === 1 ? 1 : 0].map((name) => [name, good[name as keyof typeof good]]),
    );
    const body = changes.reduce<unknown>((made, [picks, by]) => replaced(made, picks, by), {
      ...fields,
      stream: isStreamed,
    });
    return { path: paths[kind === 1 ? 0 : 1], body };
  });

test("4,000 bodies that are nearly right", async () => {
  const statuses = new Map<number, number>();
  await fc.assert(
    fc.asyncProperty(nearlyRight, async ({ path, body }) => {
      const status = await judge(post(path, body));
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }),
    { numRuns: 4000 },
  );
  // Both sides are met often: the fuzzer is neither all noise nor all harmless.
  assert.ok((statuses.get(200) ?? 0) > 400 && (statuses.get(400) ?? 0) > 400, JSON.stringify([...statuses]));
});

test("4,000 bodies of any JSON, and 2,500 of any bytes", async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...paths), fc.jsonValue({ maxDepth: 6 }), async (path, body) => {
      await judge(post(path, JSON.stringify(body)));
    }),
    { numRuns: 4000 },
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...paths), fc.uint8Array({ maxLength: 300 }), async (path, bytes) => {
      const headers = { "content-type": "application/json" };
      await judge(new Request(`http://localhost${path}`, { method: "POST", headers, body: bytes }));
    }),
    { numRuns: 2500 },
  );
});

test("500 requests of any method, path and header", async () => {
  const path = fc.oneof(
    fc.webPath(),
    fc.constantFrom("/v1/models/%ff", "/../../etc/passwd", "//", "/%2e%2e/%00"),
  );
  const method = fc.constantFrom("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "POST");
  await fc.assert(
    fc.asyncProperty(method, path, fc.string(), async (method, path, value) => {
      const headers = { authorization: value.replace(/[^\x20-\x7e]/g, "") };
      const response = await app.fetch(new Request(`http://localhost${path}`, { method, headers }));
      assert.ok(response.status < 500, `${method} ${path} ${response.status}`);
    }),
    { numRuns: 500 },
  );
});

/** Sends raw bytes and half-closes; resolves with what came back until the server closed or fell silent. */
function sendRaw(port: number, bytes: Uint8Array): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const socket = net.connect(port, "127.0.0.1", () => socket.end(bytes));
    socket.setTimeout(2000, () => socket.destroy());
    socket.on("data", (part) => {
      text += part.toString("latin1");
    });
    socket.on("error", () => undefined); // a reset is an answer too
    socket.on("close", () => resolve(text));
  });
}

test("400 malformed requests over sockets leave the server answering", async () => {
  const listening = await listen(app, { port: 0 });
  const line = fc.constantFrom(
    "POST /v1/chat/completions HTTP/1.1",
    "POST /v1/chat/completions HTTP/9.9",
    "GET http:///x HTTP/1.1",
    "GET /a\\b HTTP/1.1",
    "GET //[ HTTP/1.1",
    "BREW /health HTTP/1.1",
    "",
  );
  const header = fc.constantFrom(
    "Host: a",
    "Host: a b<>",
    "Host:",
    "Content-Length: 5",
    "Content-Length: -1",
    "Content-Length: 99999999999999999999",
    "Transfer-Encoding: chunked",
    "Content-Type: application/json",
    "Expect: 100-continue",
    "Upgrade: websocket\r\nConnection: Upgrade",
    ": x",
    `X: ${"y".repeat(20_000)}`,
  );
  const body = fc.oneof(
    fc.constantFrom("", "{}", "5\r\nhello\r\n0\r\n\r\n", "zz\r\n"),
    fc.string({ unit: "binary" }),
  );
  try {
    const request = fc
      .tuple(line, fc.array(header, { maxLength: 4 }), body)
      .map(([first, headers, rest]) => Buffer.from(`${[first, ...headers].join("\r\n")}\r\n\r\n${rest}`));
    const many = fc.sample(fc.oneof(request, fc.uint8Array({ maxLength: 200 })), { numRuns: 400, seed: 3 });
    const answers = await Promise.all(many.map((bytes) => sendRaw(listening.port, bytes)));
    for (const answer of answers) assert.doesNotMatch(answer, /^HTTP\/1\.1 5/);
    const refused = answers.filter((answer) => answer.startsWith("HTTP/1.1 400"));
    assert.ok(refused.length > 100, `${refused.length} were refused`);
    for (const answer of refused) assert.match(answer, /"code":"invalid_request"/);
    const health = await fetch(`${listening.url}/health`);
    assert.deepEqual(
      [health.status, ((await health.json()) as { open_requests: number }).open_requests],
      [200, 0],
    );
  } finally {
    await listening.close(0);
  }
});
