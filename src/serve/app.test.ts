import assert from "node:assert/strict";
import { test } from "node:test";
import { LimbeckError } from "../base/errors.ts";
import { writeCalls } from "../tools/call-format.ts";
import { createServeApp } from "./app.ts";
import type { AccessEntry, ServeOptions } from "./options.ts";
import {
  eventData,
  post,
  type Script,
  scriptedEngine,
  tokenText,
  until,
} from "./scripted-engine.test.support.ts";
import type { WireError } from "./wire-error.ts";

const chatPath = "/v1/chat/completions";
const hello = { model: "scripted", messages: [{ role: "user", content: "hello" }] };
const tools = [{ type: "function", function: { name: "f" } }];
const call = writeCalls([{ name: "f", arguments: { x: 1 } }]);

function serve(script: Script = () => ["Hel", "lo."], options: ServeOptions = {}) {
  const engine = scriptedEngine(script);
  const log: AccessEntry[] = [];
  const app = createServeApp(engine, { tokenText, onAccess: (entry) => log.push(entry), ...options });
  return { engine, app, log };
}

const get = (path: string, headers: Record<string, string> = {}): Request =>
  new Request(`http://localhost${path}`, { headers });

/** An array in an array, so many levels deep. */
const nested = (levels: number): unknown => JSON.parse("[".repeat(levels) + "]".repeat(levels));

async function errorOf(response: Response): Promise<WireError["error"] & { readonly status: number }> {
  const { error } = (await response.json()) as WireError;
  return { ...error, status: response.status };
}

/** A script that says nothing until it is released, or its request is cancelled. */
function gate(): { readonly script: Script; readonly open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return {
    open: () => open(),
    script: async function* ({ options: { signal } }) {
      yield "a";
      const cancelled = new Promise<void>((resolve) => {
        signal?.addEventListener("abort", () => resolve());
      });
      await Promise.race([opened, cancelled]);
      yield "b";
    },
  };
}

test("an answer holds text, usage and why it ended", async () => {
  const { app, log } = serve();
  const response = await app.fetch(post(chatPath, hello));
  const answer = (await response.json()) as Record<string, unknown>;
  assert.match(String(answer["id"]), /^chatcmpl-/);
  assert.match(String(answer["system_fingerprint"]), /^fp_\w{10}$/);
  assert.deepEqual(
    { ...answer, id: 0, created: 0, system_fingerprint: 0 },
    {
      id: 0,
      created: 0,
      system_fingerprint: 0,
      model: "scripted",
      object: "chat.completion",
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: "Hello.", refusal: null },
          logprobs: null,
          finish_reason: "stop",
        },
      ],
      usage: {
        prompt_tokens: 7,
        completion_tokens: 3,
        total_tokens: 10,
        prompt_tokens_details: { cached_tokens: 3 },
      },
    },
  );
  assert.equal(response.headers.get("x-request-id"), log[0]?.request_id);
  assert.deepEqual(
    { ...log[0], time: 0, request_id: 0, duration_ms: 0 },
    {
      time: 0,
      request_id: 0,
      method: "POST",
      path: chatPath,
      status: 200,
      duration_ms: 0,
      error_code: null,
      prompt_tokens: 7,
      cached_tokens: 3,
      output_tokens: 3,
    },
  );
});

interface Chunk {
  readonly choices: readonly {
    readonly delta: { readonly content?: string; readonly tool_calls?: readonly object[] };
    readonly logprobs: { readonly content: readonly unknown[] } | null;
    readonly finish_reason: string | null;
  }[];
  readonly usage?: object | null;
}

async function chunksOf(response: Response): Promise<Chunk[]> {
  const events = eventData(await response.text());
  assert.equal(events.at(-1), "[DONE]");
  return events.slice(0, -1).map((event) => JSON.parse(event) as Chunk);
}

test("a stream says the same as the whole answer, in pieces cut anywhere", async () => {
  const text = `So: ${call} and ${call}<|call|>broken<|/call|> 1 <|ca`;
  for (const size of [1, 3, 7, 100]) {
    const pieces = text.match(new RegExp(`[\\s\\S]{1,${size}}`, "g")) ?? [];
    const { app } = serve(() => pieces);
    const body = { ...hello, tools, logprobs: true, top_logprobs: 1 };
    const whole = (await (await app.fetch(post(chatPath, body))).json()) as {
      choices: {
        message: { content: string; tool_calls: { function: object }[] };
        logprobs: { content: object[] };
      }[];
      usage: object;
    };
    const streamed = await app.fetch(
      post(chatPath, { ...body, stream: true, stream_options: { include_usage: true } }),
    );
    assert.equal(streamed.headers.get("content-type"), "text/event-stream");
    const chunks = await chunksOf(streamed);
    const choices = chunks.flatMap((chunk) => chunk.choices);
    const { message, logprobs } = whole.choices[0]!;
    assert.equal(choices.map(({ delta }) => delta.content ?? "").join(""), message.content);
    assert.deepEqual(
      choices
        .flatMap(({ delta }) => delta.tool_calls ?? [])
        .map((one) => (one as { function: object }).function),
      message.tool_calls.map((one) => one.function),
    );
    assert.deepEqual(
      choices.flatMap((choice) => choice.logprobs?.content ?? []),
      logprobs.content,
    );
    assert.deepEqual(choices.at(-1)?.finish_reason, "tool_calls");
    assert.deepEqual(chunks.at(-1)?.usage, whole.usage);
    assert.equal(message.tool_calls.length, 2);
  }
});

test("without parallel calls only the first is shown, whole and streamed", async () => {
  const { app } = serve(() => [call, call]);
  const body = { ...hello, tools, parallel_tool_calls: false };
  const whole = (await (await app.fetch(post(chatPath, body))).json()) as {
    choices: [{ message: { tool_calls: unknown[]; content: null } }];
  };
  const chunks = await chunksOf(await app.fetch(post(chatPath, { ...body, stream: true })));
  assert.equal(whole.choices[0].message.tool_calls.length, 1);
  assert.equal(whole.choices[0].message.content, null);
  assert.equal(chunks.flatMap((chunk) => chunk.choices[0]?.delta.tool_calls ?? []).length, 1);
});

test("without tools to call, a call is text, whole and streamed", async () => {
  const { app } = serve(() => ["So: ", ...call]);
  for (const more of [{}, { tools: [] }, { tools, tool_choice: "none" }]) {
    const body = { ...hello, ...more };
    const whole = (await (await app.fetch(post(chatPath, body))).json()) as {
      choices: [{ message: { tool_calls?: unknown; content: string }; finish_reason: string }];
    };
    const [{ message, finish_reason: finish }] = whole.choices;
    assert.deepEqual([message.content, message.tool_calls, finish], [`So: ${call}`, undefined, "stop"]);
    const chunks = await chunksOf(await app.fetch(post(chatPath, { ...body, stream: true })));
    const choices = chunks.flatMap((chunk) => chunk.choices);
    assert.equal(choices.map(({ delta }) => delta.content ?? "").join(""), message.content);
    assert.equal(choices.at(-1)?.finish_reason, "stop");
  }
});

test("raw text is continued, with the older form of log-probabilities", async () => {
  const { app, engine } = serve();
  const body = { model: "scripted", prompt: "Once", logprobs: 1 };
  const whole = (await (await app.fetch(post("/v1/completions", body))).json()) as {
    choices: [{ text: string; logprobs: { tokens: string[]; text_offset: number[] } }];
  };
  assert.deepEqual([whole.choices[0].text, engine.asked[0]?.messages[0]?.content], ["Hello.", "Once"]);
  assert.deepEqual(whole.choices[0].logprobs.tokens, ["t10", "t11", "<|end|>"]);
  assert.deepEqual(whole.choices[0].logprobs.text_offset, [0, 3, 6]);
  const streamed = await app.fetch(post("/v1/completions", { ...body, stream: true }));
  const choices = (await chunksOf(streamed)).map(
    (chunk) => chunk.choices[0] as unknown as { text: string; logprobs: { text_offset: number[] } },
  );
  assert.equal(choices.map((choice) => choice.text).join(""), "Hello.");
  assert.deepEqual(
    choices.flatMap((choice) => choice.logprobs.text_offset),
    [0, 3, 6],
  );
});

test("errors have their own status, code and field", async () => {
  const { app, log } = serve(undefined, { maxBodyBytes: 500 });
  const cases: readonly (readonly [Request, number, string, string | null])[] = [
    [post(chatPath, { ...hello, n: 3 }), 400, "invalid_request", "n"],
    [post(chatPath, "{"), 400, "invalid_request", "body"],
    [post(chatPath, "[]"), 400, "invalid_request", "body"],
    [post(chatPath, { ...hello, metadata: nested(101) }), 400, "invalid_request", "body"],
    [post(chatPath, "x".repeat(501)), 413, "body_too_large", null],
    [post(chatPath, hello, { "content-type": "text/plain" }), 415, "unsupported_media_type", "content-type"],
    [post(chatPath, { ...hello, model: "gpt" }), 404, "model_not_found", "model"],
    [get("/v1/models/gpt"), 404, "model_not_found", "model"],
    [get("/v1/nothing"), 404, "not_found", null],
    [get(chatPath), 405, "method_not_allowed", null],
    [post("/health", {}), 405, "method_not_allowed", null],
  ];
  for (const [request, status, code, param] of cases) {
    const error = await errorOf(await app.fetch(request));
    assert.deepEqual([error.status, error.code, error.param], [status, code, param]);
    assert.equal(error.type, "invalid_request_error");
    assert.deepEqual([log.at(-1)?.status, log.at(-1)?.error_code], [status, code]);
  }
  assert.equal(log.length, cases.length);
});

test("a body that lies about its length is cut off at the limit", async () => {
  const { app } = serve(undefined, { maxBodyBytes: 100 });
  let pulled = 0;
  const body = new ReadableStream({
    pull: (controller) => {
      pulled++;
      controller.enqueue(new Uint8Array(50));
    },
  });
  const request = new Request(`http://localhost${chatPath}`, {
    method: "POST",
    headers: { "content-type": "application/json", "content-length": "10" },
    body,
    duplex: "half",
  } as RequestInit);
  assert.equal((await app.fetch(request)).status, 413);
  assert.ok(pulled < 6, `${pulled} pieces were read`);
});

test("faults of ours tell the client nothing and the owner everything", async () => {
  const faults: [LimbeckError, string][] = [];
  const secret = "model.onnx in /home/qx-secret";
  const script: Script = async function* () {
    yield "a";
    throw new Error(secret);
  };
  const { app } = serve(script, { onFault: (error, id) => faults.push([error, id]) });
  const response = await app.fetch(post(chatPath, hello));
  const error = await errorOf(response);
  assert.deepEqual([error.status, error.code, error.type], [500, "internal", "server_error"]);
  assert.doesNotMatch(error.message, /qx-secret/);
  assert.match(faults[0]![0].message, /qx-secret/);
  assert.equal(faults[0]![1], response.headers.get("x-request-id"));
  // In a stream it comes after the first chunk: as an event, and nothing follows.
  const events = eventData(await (await app.fetch(post(chatPath, { ...hello, stream: true }))).text());
  assert.equal((JSON.parse(events.at(-1)!) as WireError).error.code, "internal");
  assert.doesNotMatch(events.join(), /qx-secret/);
});

test("what fails before the first token of a stream has a status of its own", async () => {
  const { app } = serve(() => {
    throw new LimbeckError("context_length_exceeded", "prompt: expected at most 5 tokens, got 9");
  });
  const error = await errorOf(await app.fetch(post(chatPath, { ...hello, stream: true })));
  assert.deepEqual([error.status, error.code], [400, "context_length_exceeded"]);
});

test("a key is asked for everywhere but at /health", async () => {
  const { app, engine } = serve(undefined, { apiKey: "sesame" });
  for (const authorization of ["", "Bearer", "Bearer sesam", "Bearer sesame!", "Basic sesame", "sesame"]) {
    for (const request of [post(chatPath, hello, { authorization }), get("/metrics", { authorization })]) {
      const error = await errorOf(await app.fetch(request));
      assert.deepEqual(
        [error.status, error.code, error.type],
        [401, "invalid_api_key", "authentication_error"],
      );
    }
  }
  assert.equal(engine.asked.length, 0);
  const authorization = "Bearer sesame";
  assert.equal((await app.fetch(post(chatPath, hello, { authorization }))).status, 200);
  assert.equal((await app.fetch(get("/health"))).status, 200);
});

test("over the bound a request is told when to come back", async () => {
  const slow = gate();
  const { app, engine } = serve(slow.script, { maxQueue: 1 });
  const first = app.fetch(post(chatPath, hello));
  await until(() => engine.running === 1);
  const second = app.fetch(post(chatPath, hello));
  await until(() => engine.running === 1);
  await new Promise((resolve) => setTimeout(resolve, 10));
  const refused = await app.fetch(post(chatPath, hello));
  assert.equal(refused.headers.get("retry-after"), "1");
  const error = await errorOf(refused);
  assert.deepEqual([error.status, error.code, error.type], [429, "queue_full", "rate_limit_error"]);
  slow.open();
  assert.deepEqual([(await first).status, (await second).status], [200, 200]);
});

test("a client that leaves frees the engine, and its place in the queue", async () => {
  const slow = gate();
  const { app, engine, log } = serve(slow.script);
  const leaving = [new AbortController(), new AbortController()] as const;
  const asked = leaving.map(({ signal }) => app.fetch(new Request(post(chatPath, hello), { signal })));
  await until(() => engine.running === 1);
  leaving[1].abort();
  await until(() => log.length === 1);
  assert.equal(engine.asked.length, 1, "who left while waiting never reached the engine");
  leaving[0].abort();
  await Promise.all(asked);
  assert.deepEqual([engine.running, log.map(({ status }) => status)], [0, [499, 499]]);
  slow.open();
  assert.equal((await app.fetch(post(chatPath, hello))).status, 200);
});

test("a reader who leaves a stream, before or within it, cancels the generation", async () => {
  for (const chunksRead of [0, 1]) {
    const { app, engine, log } = serve(gate().script);
    const response = await app.fetch(post(chatPath, { ...hello, stream: true }));
    const reader = response.body!.getReader();
    for (let i = 0; i < chunksRead; i++) await reader.read();
    await reader.cancel();
    await until(() => engine.running === 0 && log.length === 1);
    assert.equal(log[0]?.status, 499);
    const health = (await (await app.fetch(get("/health"))).json()) as { open_requests: number };
    assert.equal(health.open_requests, 0);
  }
});

test("the deadline ends a request that waits, one that runs and one that streams", async () => {
  const { app, engine, log } = serve(gate().script, { deadlineMs: 60 });
  const stream = app.fetch(post(chatPath, { ...hello, stream: true }));
  const waiting = app.fetch(post(chatPath, hello));
  const events = eventData(await (await stream).text());
  assert.equal((JSON.parse(events.at(-1)!) as WireError).error.code, "deadline_exceeded");
  const errors = [await waiting, await app.fetch(post(chatPath, hello))];
  for (const response of errors) {
    const { status, code } = await errorOf(response);
    assert.deepEqual([status, code], [504, "deadline_exceeded"]);
  }
  assert.deepEqual([engine.running, log.map(({ status }) => status)], [0, [504, 504, 504]]);
});

test("a slow reader keeps no one from the engine, and is cut after the deadline", async () => {
  const { app, log } = serve(() => Array.from({ length: 50 }, () => "word "), { deadlineMs: 80 });
  let isCut = false;
  const slow = await app.fetch(post(chatPath, { ...hello, stream: true }), {
    cut: () => {
      isCut = true;
    },
  });
  assert.equal((await app.fetch(post(chatPath, hello))).status, 200);
  assert.equal(log.length, 1, "the slow one is still open");
  await until(() => isCut, 3000);
  assert.deepEqual([log[1]?.status, log[1]?.output_tokens], [504, 51]);
  await slow.body?.cancel();
});

test("stopping lets open requests end, then cancels, and refuses new ones", async () => {
  const slow = gate();
  const { app, engine } = serve(slow.script);
  const open = app.fetch(post(chatPath, hello));
  await until(() => engine.running === 1);
  const stopped = app.stop(40);
  for (const request of [post(chatPath, hello), get("/health")]) {
    const error = await errorOf(await app.fetch(request));
    assert.deepEqual([error.status, error.code], [503, "shutting_down"]);
  }
  const error = await errorOf(await open);
  await stopped;
  assert.deepEqual([error.status, error.code, engine.running], [503, "shutting_down", 0]);

  const patient = gate();
  const other = serve(patient.script);
  const ending = other.app.fetch(post(chatPath, hello));
  await until(() => other.engine.running === 1);
  const done = other.app.stop(5000);
  assert.equal((await other.app.fetch(post(chatPath, hello))).status, 503, "at once, not after the grace");
  patient.open();
  assert.equal((await ending).status, 200);
  await done;
});

/** Never ends, and hears no signal, until it is released: a thread that is busy outside a step. */
function deaf(): { readonly script: Script; readonly release: () => void } {
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  return {
    release: () => release(),
    script: async function* () {
      await released;
      yield "a";
    },
  };
}

test("an engine that does not hear binds neither deadline nor stop, and health says so until it ends", async () => {
  for (const stream of [false, true]) {
    const { script, release } = deaf();
    const warnings: string[] = [];
    const { app, engine } = serve(script, {
      deadlineMs: 60,
      stuckAfterMs: 700,
      onWarning: (text) => warnings.push(text),
    });
    const startedAt = Date.now();
    const late = await errorOf(await app.fetch(post(chatPath, { ...hello, stream })));
    assert.deepEqual([late.status, late.code], [504, "deadline_exceeded"]);
    assert.ok(Date.now() - startedAt < 2000);
    assert.equal((await app.fetch(get("/health"))).status, 200, "it may end yet");
    await until(() => warnings.length === 1);
    for (const request of [get("/health"), post(chatPath, hello)]) {
      const response = await app.fetch(request);
      assert.equal(response.headers.get("retry-after"), "10");
      const error = await errorOf(response);
      assert.deepEqual([error.status, error.code], [503, "engine_unavailable"]);
      assert.match(error.message, /Restart the server/);
    }
    assert.equal(engine.asked.length, 1);
    release();
    await until(() => engine.running === 0);
    assert.equal((await app.fetch(get("/health"))).status, 200);
    assert.equal((await app.fetch(post(chatPath, hello))).status, 200);
    await app.stop(0);
  }
});

test("an engine whose worker has died is unavailable, and health says so", async () => {
  const { app } = serve(() => {
    throw new LimbeckError("internal", "engine's worker failed: boom", { fields: { isEngineDead: true } });
  });
  assert.equal((await app.fetch(post(chatPath, hello))).status, 500);
  for (const request of [get("/health"), post(chatPath, hello)]) {
    const error = await errorOf(await app.fetch(request));
    assert.deepEqual([error.status, error.code], [503, "engine_unavailable"]);
  }
});

test("stopping does not wait for an engine that does not hear", async () => {
  const { app, engine } = serve(deaf().script);
  const open = app.fetch(post(chatPath, hello));
  await until(() => engine.running === 1);
  const startedAt = Date.now();
  await app.stop(20);
  assert.equal((await errorOf(await open)).code, "shutting_down");
  assert.ok(Date.now() - startedAt < 2000);
});

test("models, health and metrics say what is there", async () => {
  const { app } = serve(undefined, { model: "ours" });
  const models = (await (await app.fetch(get("/v1/models"))).json()) as { data: { id: string }[] };
  assert.deepEqual(
    models.data.map(({ id }) => id),
    ["ours"],
  );
  assert.equal((await app.fetch(get("/v1/models/ours"))).status, 200);
  await app.fetch(post(chatPath, { ...hello, model: "ours" }));
  await app.fetch(post(chatPath, hello));
  await (await app.fetch(post(chatPath, { ...hello, model: "ours", stream: true }))).text();
  const text = await (await app.fetch(get("/metrics"))).text();
  for (const line of [
    'limbeck_requests_total{route="/v1/chat/completions",status="200"} 2',
    'limbeck_requests_total{route="/v1/chat/completions",status="404"} 1',
    'limbeck_requests_total{route="other",status="200"} 1',
    'limbeck_tokens_total{kind="output"} 6',
    'limbeck_tokens_total{kind="cached"} 6',
    'limbeck_prompt_cache_lookups_total{result="hit"} 2',
    "limbeck_ttft_seconds_count 2",
    "limbeck_queue_length 0",
    "limbeck_open_requests 0",
  ]) {
    assert.ok(text.includes(line), `${line}\n${text}`);
  }
});
