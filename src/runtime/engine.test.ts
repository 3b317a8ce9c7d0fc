import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { after, before, test } from "node:test";
import { LimbeckError } from "../base/errors.ts";
import { sha256 } from "../base/files.ts";
import type { WeightFormat } from "../model/weight-formats.ts";
import { loadTokenizer } from "../tokenizer/tokenizer.ts";
import type { ChatMessage, ToolDefinition } from "../tools/types.ts";
import { stepsFor } from "./draft-engine.ts";
import { openEngine } from "./engine.ts";
import type { Engine } from "./engine-contract.ts";
import { maxVerify } from "./step-runner.ts";
import { exportTinyArtefact, type TinyArtefact } from "./tiny-model.test.support.ts";
import type { ChatResult, SpeculationMode, TokenEvent } from "./types.ts";

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
      // Long enough that the second comes while it runs, whatever else the machine does.
      engine().chat(ask("long"), [], { maxTokens: 900, temperature: 1, seed: 0 }),
      engine().chat(ask("two"), [], { maxTokens: 2 }),
    ]);
    assert.equal(first.timing.queueMs, 0);
    const waited = second.timing.queueMs ?? 0;
    assert.ok(waited > 0 && waited <= first.timing.totalMs + second.timing.totalMs);
    assert.ok(Math.abs(waited + second.timing.ttftMs - (second.tokens[0]?.timeMs ?? 0)) < 1e-6);
  });

  test(`cancelling ends the answer at once and the next one is whole (${where})`, async () => {
    const whole = await engine().chat(ask("long"), [], { maxTokens: 900, temperature: 1, seed: 0 });
    const stop = new AbortController();
    const stream = engine().stream(ask("long"), [], {
      maxTokens: 900,
      temperature: 1,
      seed: 0,
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
      essence(await engine().chat(ask("long"), [], { maxTokens: 900, temperature: 1, seed: 0 })),
      essence(whole),
    );
  });

  test(`leaving a stream early cancels it (${where})`, async () => {
    const stream = engine().stream(ask("long"), [], { maxTokens: 900, temperature: 1, seed: 0 });
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

for (const where of ["in process", "in a worker"] as const) {
  const engine = (): Engine => (where === "in process" ? inProcess : remote);

  test(`raw text is continued without a template, special tokens in it being special (${where})`, async () => {
    const tokenizer = loadTokenizer(artefact.dir);
    const messages = ask("Hello");
    const prompt = tokenizer.decode(tokenizer.encodeChat(messages, tools, { addGenerationPrompt: true }));
    // Enough that a call would fit: else a chat could not begin one, and raw text could.
    const options = { maxTokens: 64, temperature: 0 };
    const chat = await engine().chat(messages, tools, options);
    const raw = await engine().complete(prompt, options);
    assert.deepEqual(
      [raw.promptTokens, raw.text, raw.finishReason],
      [chat.promptTokens, chat.text, chat.finishReason],
    );
    assert.ok(!("calls" in raw) && raw.tokens.length > 1);
    const stream = engine().streamComplete(prompt, options);
    const seen: TokenEvent[] = [];
    for await (const event of stream) seen.push(event);
    const result = await stream.result;
    assert.deepEqual(seen, result.tokens);
    assert.equal(result.text, raw.text);
    const left = engine().streamComplete(prompt, { ...options, maxTokens: 900 });
    for await (const _event of left) break;
    assert.equal((await left.result).finishReason, "cancelled");
    await assert.rejects(engine().complete(""), isError("invalid_request"));
    await assert.rejects(engine().complete(7 as unknown as string), isError("invalid_request"));
  });

  test(`tokens are counted as a chat would count them (${where})`, async () => {
    const { promptTokens } = await engine().chat(ask("Hello"), tools, { maxTokens: 1 });
    assert.equal(await engine().countTokens(ask("Hello"), tools), promptTokens);
    assert.ok((await engine().countTokens(ask("Hello"), [])) < promptTokens);
    await assert.rejects(engine().countTokens([], []), isError("invalid_request"));
  });
}

for (const worker of [false, true]) {
  test(`drafts give the answer of plain decoding, with a report (worker ${worker})`, async () => {
    const cacheBytes = 1e8;
    const drafting = await openEngine(artefact.dir, {
      worker,
      draft: artefact.dir,
      promptCache: { ramBytes: cacheBytes },
      prefillChunk: 16,
    });
    const messages = ask("Set a timer for 5 minutes, then one for 5 minutes, then one for 5 minutes");
    const plain = await drafting.chat(messages, tools, { maxTokens: 40 });
    assert.ok(!("speculation" in plain));
    for (const speculation of ["prompt_lookup", "draft_model", "auto", "off"] as const) {
      const drafted = await drafting.chat(messages, tools, { maxTokens: 40, speculation });
      assert.deepEqual(essence(drafted), essence(plain), speculation);
      assert.equal(drafted.speculation?.mode, speculation);
      assert.ok((drafted.speculation?.targetRuns ?? 0) > 0);
    }
    // A model drafts for itself: what it proposes stands.
    const own = await drafting.chat(messages, tools, { maxTokens: 40, speculation: "draft_model" });
    const report = own.speculation;
    assert.ok(report && report.accepted > 10 && report.accepted === report.proposed, JSON.stringify(report));
    assert.ok(report.targetRuns < own.tokens.length - 10, JSON.stringify(report));
    assert.equal((await drafting.promptCacheStats())?.prompts, 6, "checking the target is no prompt");
    await drafting.close();
  });
}

test("an engine's own mode serves requests that do not say, in a format that rounds activations too", async () => {
  const { dir, remove } = await exportTinyArtefact("int4");
  try {
    await assert.rejects(
      openEngine(dir, { worker: false, speculation: "draft_model" }),
      isError("invalid_request"),
      "there is no draft model",
    );
    const drafting = await openEngine(dir, { worker: false, speculation: "prompt_lookup" });
    const prompt = "again and again and again and again and again and";
    const off = await drafting.complete(prompt, { maxTokens: 60, speculation: "off" });
    const { speculation, ...own } = await drafting.complete(prompt, { maxTokens: 60 });
    assert.deepEqual(
      own.tokens.map(({ id }) => id),
      off.tokens.map(({ id }) => id),
    );
    assert.equal(speculation?.mode, "prompt_lookup");
    assert.equal(speculation?.offBecause, null);
    assert.equal(off.speculation?.offBecause, "the request asks for none");
    await drafting.close();
  } finally {
    remove();
  }
});

test("a large model that may draft is opened with steps, so that its weights are held once", () => {
  const of = (format: WeightFormat, mode: SpeculationMode, bytes: number, parameters: number) =>
    stepsFor({ format, bytes, parameters }, mode);
  const once = { steps: maxVerify - 1 };
  assert.deepEqual(of("int4", "auto", 2 ** 28, 4e8), once);
  assert.deepEqual(of("int4", "off", 2 ** 28, 4e8), {});
  assert.deepEqual(of("int4", "auto", 2 ** 28 - 1, 4e8), {});
  // One byte each in the file, four in memory.
  assert.deepEqual(of("int8", "auto", 2 ** 26, 2 ** 26), once);
});

test("a draft model of another tokenizer, or none at all, is refused", async () => {
  const other = path.join(path.dirname(artefact.dir), "other-tokenizer");
  fs.cpSync(artefact.dir, other, { recursive: true });
  fs.appendFileSync(path.join(other, "tokenizer.json"), "\n");
  const manifestFile = path.join(other, "manifest.json");
  const manifest = JSON.parse(fs.readFileSync(manifestFile, "utf8"));
  manifest.fingerprints.tokenizer = sha256(fs.readFileSync(path.join(other, "tokenizer.json")));
  fs.writeFileSync(manifestFile, JSON.stringify(manifest));
  for (const worker of [false, true]) {
    await assert.rejects(openEngine(artefact.dir, { worker, draft: other }), isError("invalid_artefact"));
    await assert.rejects(openEngine(artefact.dir, { worker, draft: "/nowhere" }), isError("file_not_found"));
  }
  const options = { speculation: "draft_model" } as const;
  await assert.rejects(remote.chat(ask("x"), [], options), isError("invalid_request"));
});

test("log-probabilities come with each token where they are asked for", async () => {
  const { tokens } = await remote.chat(ask("x"), [], { maxTokens: 3, topLogprobs: 2 });
  for (const { id, logprob, topLogprobs } of tokens) {
    assert.equal(topLogprobs?.length, 2);
    assert.deepEqual(topLogprobs?.[0], { id, logprob }, "greedy takes the most probable");
    assert.ok((logprob ?? 1) <= 0);
  }
  const plain = await remote.chat(ask("x"), [], { maxTokens: 3 });
  assert.ok(plain.tokens.every((token) => !("logprob" in token)));
});

test("the context's end ends the answer with length", async () => {
  const result = await remote.chat(ask("long"), [], { temperature: 1, seed: 0, maxTokens: 100_000 });
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
  await remote.chat(ask("long"), [], { maxTokens: 100, temperature: 1, seed: 0 });
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
    const running = engine.chat(ask("long"), [], { maxTokens: 900, temperature: 1, seed: 0 });
    const waiting = engine.chat(ask("long"), [], { maxTokens: 900, temperature: 1, seed: 0 });
    await engine.close();
    assert.equal((await running).finishReason, "cancelled");
    assert.equal((await waiting).finishReason, "cancelled");
    await assert.rejects(engine.chat(ask("x"), []), isError("invalid_request"));
    await engine.close();
  }
});
