import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after, before, test } from "node:test";
import fc from "fast-check";
import OpenAI from "openai";
import { demoTools } from "../flow/answer.ts";
import { cachedTeacherArtefact, shippedTeacher } from "../flow/teacher-artefact.ts";
import { openEngine } from "../runtime/engine.ts";
import type { Engine } from "../runtime/engine-contract.ts";
import { createServeApp } from "./app.ts";
import { type Listening, listen } from "./listen.ts";
import type { AccessEntry } from "./options.ts";
import { until } from "./scripted-engine.test.support.ts";

// The official client against the shipped teacher, over sockets.
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-openai-"));
const log: AccessEntry[] = [];
let engine: Engine;
let listening: Listening;
let client: OpenAI;

before(async () => {
  engine = await openEngine(await cachedTeacherArtefact(shippedTeacher(), folder));
  const app = createServeApp(engine, {
    model: "teacher",
    apiKey: "sesame",
    onAccess: (entry) => log.push(entry),
  });
  listening = await listen(app, { port: 0 });
  client = new OpenAI({ baseURL: `${listening.url}/v1`, apiKey: "sesame", maxRetries: 0 });
});
after(async () => {
  await listening.close(0);
  await engine.close();
  fs.rmSync(folder, { recursive: true });
});

const model = "teacher";
const tools = demoTools as unknown as OpenAI.ChatCompletionTool[];
const timer: OpenAI.ChatCompletionMessageParam[] = [{ role: "user", content: "set a timer for 12 minutes" }];
const ask = { model, messages: timer, tools, max_tokens: 60 } as const;

test("a chat says what the engine alone says, and a call's answer is read back", async () => {
  const alone = await engine.chat([{ role: "user", content: "set a timer for 12 minutes" }], demoTools, {
    maxTokens: 60,
  });
  const first = await client.chat.completions.create(ask);
  const { message, finish_reason: reason } = first.choices[0]!;
  assert.deepEqual([message.content, reason], [alone.content, "tool_calls"]);
  assert.deepEqual(
    message.tool_calls?.map(
      (call) => call.type === "function" && [call.function.name, call.function.arguments],
    ),
    [["set_timer", '{"minutes":12}']],
  );
  assert.deepEqual(
    [first.usage?.prompt_tokens, first.usage?.completion_tokens],
    [alone.promptTokens, alone.tokens.length],
  );
  const result = '{"ok":true,"minutes":12}';
  const second = await client.chat.completions.create({
    ...ask,
    messages: [
      ...timer,
      message,
      { role: "tool", tool_call_id: message.tool_calls![0]!.id, content: result },
    ],
  });
  const told = await engine.chat(
    [
      { role: "user", content: "set a timer for 12 minutes" },
      { role: "assistant", content: alone.content, tool_calls: alone.calls },
      { role: "tool", name: "set_timer", content: result },
    ],
    demoTools,
    { maxTokens: 60 },
  );
  assert.equal(second.choices[0]?.message.content, told.content);
  assert.ok(told.content.length > 0);
});

test("the client's own stream helper puts the same answer together", async () => {
  const whole = await client.chat.completions.create(ask);
  const stream = client.chat.completions.stream({ ...ask, stream_options: { include_usage: true } });
  let chunks = 0;
  for await (const _ of stream) chunks++;
  const streamed = await stream.finalChatCompletion();
  const essence = ({ choices, usage }: OpenAI.ChatCompletion) => [
    choices[0]?.message.content,
    choices[0]?.message.tool_calls?.map((call) => call.type === "function" && call.function.arguments),
    choices[0]?.finish_reason,
    usage,
  ];
  assert.deepEqual(essence(streamed), essence(whole));
  assert.ok(chunks > 5, `${chunks} chunks`);
});

test("log-probabilities come with every token, alternatives in falling order", async () => {
  const { choices, usage } = await client.chat.completions.create({
    ...ask,
    logprobs: true,
    top_logprobs: 3,
  });
  const content = choices[0]?.logprobs?.content ?? [];
  assert.equal(content.length, usage?.completion_tokens);
  for (const { token, logprob, bytes, top_logprobs: top } of content) {
    // Within a call the grammar may leave fewer tokens than were asked for, and often only one.
    assert.ok(logprob <= 0 && top.length >= 1 && top.length <= 3);
    assert.deepEqual([top[0]?.token, top[0]?.logprob], [token, logprob], "greedy takes the most probable");
    assert.deepEqual(
      top.map((one) => one.logprob),
      top.map((one) => one.logprob).sort((a, b) => b - a),
    );
    assert.equal(Buffer.from(bytes ?? []).toString(), token);
  }
  assert.equal(content[0]?.top_logprobs.length, 3);
  const said = content.map(({ token }) => token).join("");
  assert.ok(said.startsWith(choices[0]?.message.content ?? "?") && said.includes("set_timer"), said);
});

test("a seed repeats a sampled answer; stop and max_tokens end one", async () => {
  const sampled = { ...ask, temperature: 1.5, seed: 5 };
  const [a, b] = await Promise.all([1, 2].map(() => client.chat.completions.create(sampled)));
  assert.equal(a?.choices[0]?.message.content, b?.choices[0]?.message.content);
  const stopped = await client.chat.completions.create({ ...ask, stop: [" timer"] });
  assert.doesNotMatch(stopped.choices[0]?.message.content ?? "", /timer/);
  const short = await client.chat.completions.create({ ...ask, max_tokens: 2 });
  assert.deepEqual([short.choices[0]?.finish_reason, short.usage?.completion_tokens], ["length", 2]);
});

test("raw completions, whole and streamed", async () => {
  const body = { model, prompt: "set a timer", max_tokens: 6, logprobs: 2 } as const;
  const whole = await client.completions.create(body);
  const alone = await engine.complete("set a timer", { maxTokens: 6 });
  assert.equal(whole.choices[0]?.text, alone.text);
  let streamed = "";
  for await (const chunk of await client.completions.create({ ...body, stream: true })) {
    streamed += chunk.choices[0]?.text ?? "";
  }
  assert.equal(streamed, alone.text);
});

test("aborted requests end where they are: in the middle of a stream, or in the queue", async () => {
  const before = log.length;
  const controller = new AbortController();
  const long = { model, messages: timer, temperature: 2, seed: 1, stream: true } as const;
  const asked = Array.from({ length: 30 }, () =>
    client.chat.completions.create(long, { signal: controller.signal }),
  );
  const gone = asked.map((one) => one.catch((error: unknown) => error));
  for await (const _ of await asked[0]!) break; // leaving the loop aborts the first; the engine goes on to others
  controller.abort();
  await Promise.all(gone);
  await until(() => log.length === before + 30);
  const entries = log.slice(before);
  const unread = entries.filter((entry) => entry.status === 499 && entry.output_tokens === null);
  assert.ok(unread.length >= 5, `only ${unread.length} of 30 never reached the engine`);
  assert.equal((await client.chat.completions.create(ask)).choices[0]?.finish_reason, "tool_calls");
});

test("errors become the client's own classes", async () => {
  const tooLong = [{ role: "user" as const, content: "word ".repeat(2000) }];
  await assert.rejects(client.chat.completions.create({ model, messages: tooLong }), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.code, "context_length_exceeded");
    return true;
  });
  await assert.rejects(client.chat.completions.create({ ...ask, n: 2 }), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.deepEqual([error.param, error.type], ["n", "invalid_request_error"]);
    return true;
  });
  await assert.rejects(client.models.retrieve("gpt"), OpenAI.NotFoundError);
  const stranger = new OpenAI({ baseURL: `${listening.url}/v1`, apiKey: "guess", maxRetries: 0 });
  await assert.rejects(stranger.models.list(), OpenAI.AuthenticationError);
  assert.deepEqual(
    (await client.models.list()).data.map(({ id }) => id),
    [model],
  );
});

test("100 odd texts are all answered by the real engine", async () => {
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 40 }),
    fc.constantFrom("\ud800", "<|call|>", "<|end|>", "{{ messages }}", "\0", "../../etc/passwd", "￿"),
  );
  await fc.assert(
    fc.asyncProperty(text, text, fc.boolean(), async (said, described, isRaw) => {
      const { status } = await fetch(`${listening.url}/v1/${isRaw ? "completions" : "chat/completions"}`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: "Bearer sesame" },
        body: JSON.stringify({
          model,
          max_tokens: 1,
          ...(isRaw
            ? { prompt: `${said}.` }
            : {
                messages: [
                  { role: "system", content: described },
                  { role: "user", content: said },
                ],
                tools: [
                  {
                    type: "function",
                    function: {
                      name: "f",
                      description: described,
                      parameters: { type: "object", title: said },
                    },
                  },
                ],
              }),
        }),
      });
      assert.ok(status === 200 || status === 400, `${status}`);
    }),
    { numRuns: 100 },
  );
});

test("requests at one time are answered alone, even while the engine has rows for offline work", async () => {
  const rows = await engine.openBatch(3);
  const streams = await Promise.all(
    ["5 minutes", "6 minutes", "7 minutes"].map((length) =>
      client.chat.completions.create({
        ...ask,
        messages: [{ role: "user", content: `set a timer for ${length}` }],
        stream: true,
      }),
    ),
  );
  const order: number[] = [];
  await Promise.all(
    streams.map(async (stream, i) => {
      for await (const { choices } of stream) if (choices[0]?.delta.tool_calls) order.push(i);
    }),
  );
  assert.equal(new Set(order).size, 3);
  assert.deepEqual(await rows.stats(), { runs: [0, 0, 0] }, "no request of the server ran in a row");
  await rows.close();
});
