import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { after, before, test } from "node:test";
import { LimbeckError } from "../base/errors.ts";
import type { ChatMessage, ToolDefinition } from "../tools/types.ts";
import { openEngine } from "./engine.ts";
import type { Engine } from "./engine-contract.ts";
import { exportTinyArtefact, type TinyArtefact } from "./tiny-model.test.support.ts";
import type { ChatResult, TokenEvent } from "./types.ts";

const tools: ToolDefinition[] = [
  {
    type: "function",
    function: {
      name: "set_timer",
      parameters: { type: "object", properties: { minutes: { type: "integer" } }, required: ["minutes"] },
    },
  },
];
const ask = (content: string): ChatMessage[] => [{ role: "user", content }];
const isError = (code: string) => (error: unknown) => error instanceof LimbeckError && error.code === code;

let artefact: TinyArtefact;
let inProcess: Engine;
let remote: Engine;

before(async () => {
  artefact = await exportTinyArtefact();
  inProcess = await openEngine(artefact.dir, { worker: false });
  remote = await openEngine(artefact.dir);
});
after(async () => {
  await inProcess.close();
  await remote.close();
  artefact.remove();
});

/** All that does not depend on the clock. */
function essence({ text, tokens, finishReason, promptTokens, content, calls }: ChatResult) {
  return { text, ids: tokens.map(({ id }) => id), finishReason, promptTokens, content, calls };
}

test("the same artefact gives the same answer in process and in a worker", async () => {
  for (const options of [{ maxTokens: 24 }, { maxTokens: 24, temperature: 1.2, topP: 0.9, seed: 4 }]) {
    const messages = ask("Set a timer for 5 minutes");
    const [a, b] = await Promise.all([
      inProcess.chat(messages, tools, options),
      remote.chat(messages, tools, options),
    ]);
    assert.deepEqual(essence(a), essence(b));
    assert.ok(a.tokens.length > 1);
  }
  assert.equal(remote.info.threads, 1, "a small model");
  assert.deepEqual({ ...remote.info, openMs: 0 }, { ...inProcess.info, openMs: 0 });
});

test("a request leaves nothing behind that the next one sees", async () => {
  const first = await remote.chat(ask("Hello"), tools, { maxTokens: 12 });
  await remote.chat(ask("Something else and much longer than before"), [], { maxTokens: 30, temperature: 1 });
  assert.deepEqual(essence(await remote.chat(ask("Hello"), tools, { maxTokens: 12 })), essence(first));
});

for (const where of ["in process", "in a worker"] as const) {
  const engine = (): Engine => (where === "in process" ? inProcess : remote);

  test(`times add up (${where})`, async () => {
    const { timing, tokens } = await engine().chat(ask("Hello"), tools, { maxTokens: 16 });
    assert.ok(Math.abs(timing.tokenizerMs + timing.firstStepMs - timing.ttftMs) < 1e-9);
    assert.ok(Math.abs((timing.queueMs ?? 0) + timing.ttftMs - (tokens[0]?.timeMs ?? 0)) < 1e-6);
    assert.ok(
      timing.tokenizerMs > 0 && timing.prefillSessionMs > 0 && timing.prefillSessionMs <= timing.firstStepMs,
    );
    const times = [0, ...tokens.map(({ timeMs }) => timeMs), timing.totalMs];
    for (let i = 1; i < times.length; i++) assert.ok(times[i]! >= times[i - 1]!, `time ${i} goes back`);
    assert.ok(timing.decodeSessionMs <= timing.totalMs - timing.ttftMs);
  });

  test(`a stream yields each token and returns the result (${where})`, async () => {
    const stream = engine().stream(ask("Hello"), tools, { maxTokens: 16 });
    const seen: TokenEvent[] = [];
    for await (const event of stream) seen.push(event);
    const result = await stream.result;
    assert.deepEqual(seen, result.tokens);
    assert.equal(seen.map(({ text }) => text).join(""), result.text);
    assert.deepEqual(
      seen.map(({ index }) => index),
      seen.map((_, i) => i),
    );
  });

  test(`requests queue, and the wait is told apart from TTFT (${where})`, async () => {
    const [first, second] = await Promise.all([
      engine().chat(ask("one"), [], { maxTokens: 60, temperature: 1, seed: 1 }),
      engine().chat(ask("two"), [], { maxTokens: 2 }),
    ]);
    assert.equal(first.timing.queueMs, 0);
    const waited = second.timing.queueMs ?? 0;
    assert.ok(waited > 0 && waited <= first.timing.totalMs + second.timing.totalMs);
    assert.ok(Math.abs(waited + second.timing.ttftMs - (second.tokens[0]?.timeMs ?? 0)) < 1e-6);
  });

  test(`cancelling ends the answer at once and the next one is whole (${where})`, async () => {
    const whole = await engine().chat(ask("long"), [], { maxTokens: 900, temperature: 1, seed: 2 });
    const stop = new AbortController();
    const stream = engine().stream(ask("long"), [], {
      maxTokens: 900,
      temperature: 1,
      seed: 2,
      signal: stop.signal,
    });
    let heard = 0;
    for await (const _event of stream) if (++heard === 3) stop.abort();
    const cut = await stream.result;
    assert.equal(cut.finishReason, "cancelled");
    assert.ok(
      cut.tokens.length >= 3 && cut.tokens.length < whole.tokens.length,
      `${cut.tokens.length} tokens`,
    );
    assert.deepEqual(
      cut.tokens.map(({ id }) => id),
      whole.tokens.slice(0, cut.tokens.length).map(({ id }) => id),
    );
    const aborted = await engine().chat(ask("never"), [], { signal: AbortSignal.abort() });
    assert.deepEqual([aborted.finishReason, aborted.tokens.length], ["cancelled", 0]);
    assert.deepEqual(
      essence(await engine().chat(ask("long"), [], { maxTokens: 900, temperature: 1, seed: 2 })),
      essence(whole),
    );
  });

  test(`leaving a stream early cancels it (${where})`, async () => {
    const stream = engine().stream(ask("long"), [], { maxTokens: 900, temperature: 1, seed: 2 });
    for await (const _event of stream) break;
    assert.equal((await stream.result).finishReason, "cancelled");
  });

  test(`bad requests are errors of ours, and the engine lives on (${where})`, async () => {
    const long = ask("word ".repeat(1200));
    await assert.rejects(engine().chat(long, []), (error) => {
      assert.ok(isError("context_length_exceeded")(error));
      const { fields, cure } = error as LimbeckError;
      assert.equal(fields["contextLength"], 1024);
      assert.ok(cure);
      return true;
    });
    await assert.rejects(engine().chat([], []), isError("invalid_request"));
    await assert.rejects(engine().chat(ask("x"), [], { temperature: -1 }), isError("invalid_request"));
    await assert.rejects(engine().chat(ask("x"), [], { maxTokens: 0 }), isError("invalid_request"));
    await assert.rejects(engine().chat(ask("x"), [], { stop: [""] }), isError("invalid_request"));
    await assert.rejects(engine().stream(ask("x"), [], { topP: 2 }).next(), isError("invalid_request"));
    assert.ok((await engine().chat(ask("x"), [], { maxTokens: 2 })).tokens.length > 0);
  });
}

test("the context's end ends the answer with length", async () => {
  const result = await remote.chat(ask("long"), [], { temperature: 1, seed: 2, maxTokens: 100_000 });
  if (result.finishReason === "length") assert.equal(result.promptTokens + result.tokens.length, 1025);
  else assert.equal(result.tokens.at(-1)?.id, 1);
});

test("what cannot cross to the worker is a bad request", async () => {
  const messages = [{ role: "user", content: "x", more: () => 1 }] as unknown as ChatMessage[];
  await assert.rejects(remote.chat(messages, []), isError("invalid_request"));
});

test("the caller's event loop turns while the worker generates", async () => {
  let turns = 0;
  let isDone = false;
  const turn = (): void => {
    turns++;
    if (!isDone) setImmediate(turn);
  };
  setImmediate(turn);
  await remote.chat(ask("long"), [], { maxTokens: 100, temperature: 1, seed: 2 });
  isDone = true;
  assert.ok(turns >= 20, `${turns} turns`);
});

test("a damaged or missing artefact is refused by name, in process and in a worker", async () => {
  const damaged = path.join(path.dirname(artefact.dir), "damaged");
  fs.cpSync(artefact.dir, damaged, { recursive: true });
  fs.appendFileSync(path.join(damaged, "model.onnx"), "x");
  for (const worker of [false, true]) {
    await assert.rejects(openEngine(damaged, { worker }), isError("invalid_artefact"));
    await assert.rejects(openEngine(path.join(artefact.dir, "no"), { worker }), isError("file_not_found"));
  }
});

test("closing cancels what is under way and refuses what comes later", async () => {
  for (const worker of [false, true]) {
    const engine = await openEngine(artefact.dir, { worker });
    const running = engine.chat(ask("long"), [], { maxTokens: 900, temperature: 1, seed: 2 });
    const waiting = engine.chat(ask("long"), [], { maxTokens: 900, temperature: 1, seed: 2 });
    await engine.close();
    assert.equal((await running).finishReason, "cancelled");
    assert.equal((await waiting).finishReason, "cancelled");
    await assert.rejects(engine.chat(ask("x"), []), isError("invalid_request"));
    await engine.close();
  }
});
