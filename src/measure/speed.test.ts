import assert from "node:assert/strict";
import { test } from "node:test";
import { LimbeckError } from "../base/errors.ts";
import { stringifyJson } from "../base/json.ts";
import type { Example } from "../data/types.ts";
import { callTexts, fakeExample, fakeRunner } from "./fake-runner.test.support.ts";
import { measureSpeed } from "./speed.ts";

const promptTokens = ({ id }: Example): number => (id.startsWith("long") ? 100 : 40);
const plan = { shapes: [64, 128], promptTokens, rounds: 2, promptsPerShape: 4, warmUpsPerShape: 1 };
const isError = (code: string) => (error: unknown) => error instanceof LimbeckError && error.code === code;

test("figures follow their definitions", async () => {
  const runner = fakeRunner("fake", () => ({ texts: callTexts, ttftMs: 20, stepMs: 4 }));
  const report = await measureSpeed(runner, [fakeExample("a"), fakeExample("long b")], plan);
  assert.equal(report.ttft_ms.p50, 20);
  assert.deepEqual(report.ttft_split, { tokenizer_ms: 10, first_step_ms: 10 });
  assert.equal(report.tps.p50, 250, "(6 − 1) / 20 ms");
  assert.equal(report.tpot_ms.p95, 4);
  assert.equal(report.prefill_tps.p50, 8000, "40 tokens in 5 ms");
  assert.equal(report.ttfa_tokens.p95, 5);
  assert.equal(report.ttfa_ms.p50, 36, "the fifth token");
  assert.equal(report.ttfa_tokens.censored_fraction, 0);
  assert.ok(Math.abs((report.own_overhead_ms_per_token.p50 ?? 0) - 0.8) < 1e-9);
  assert.deepEqual(
    report.per_shape.map(({ shape, runs }) => [shape, runs]),
    [
      [64, 2],
      [128, 2],
    ],
  );
  assert.deepEqual(report.raw.block, [0, 0, 1, 1]);
  assert.equal(report.raw.runs[0]?.token_times_ms.length, 6);
  assert.ok((report.peak_rss_bytes ?? 0) > 0);
  assert.equal(report.kv_bytes, null);
  stringifyJson(report);
});

test("warm-ups are dropped and counted", async () => {
  const runner = fakeRunner("fake", (_id, call) => ({
    texts: callTexts,
    ttftMs: call < 2 ? 900 : 20,
    stepMs: 4,
  }));
  const report = await measureSpeed(runner, [fakeExample("a"), fakeExample("long b")], plan);
  assert.equal(report.warm_ups_dropped, 2);
  assert.equal(Math.max(...report.raw.ttft_ms), 20);
  assert.equal(report.raw.ttft_ms.length, report.runs);
});

test("a run of one token has no TPS: it is counted and left out", async () => {
  const runner = fakeRunner("fake", (id) => ({
    texts: id === "mute" ? [""] : callTexts,
    ttftMs: 20,
    stepMs: 4,
  }));
  const report = await measureSpeed(runner, [fakeExample("mute"), fakeExample("a")], plan);
  assert.equal(report.one_token_runs, 2);
  assert.equal(report.tps.n, 2);
  assert.equal(report.ttft_ms.n, 4);
  assert.equal(report.raw.block, undefined, "blocks are of runs that have both figures");
  const silent = await measureSpeed(
    fakeRunner("mute", () => ({ texts: [""], ttftMs: 20, stepMs: 4 })),
    [fakeExample("a")],
    plan,
  );
  assert.deepEqual(
    [silent.tps.p50, silent.tpot_ms.p50, silent.own_overhead_ms_per_token.p50],
    [null, null, null],
  );
});

test("a model that never calls is censored, not fast; controls are no part of TTFA", async () => {
  const examples = [fakeExample("a"), fakeExample("b"), fakeExample("control", "no_tool")];
  const report = await measureSpeed(
    fakeRunner("fake", (id) => ({ texts: id === "a" ? callTexts : ["Hello", ""], ttftMs: 20, stepMs: 4 })),
    examples,
    plan,
  );
  assert.deepEqual([report.ttfa_tokens.n, report.ttfa_tokens.censored_fraction], [4, 0.5]);
  assert.deepEqual([report.ttfa_tokens.p95, report.ttfa_ms.p95], [null, null]);
  const lazy = await measureSpeed(
    fakeRunner("lazy", () => ({ texts: ["Hello", ""], ttftMs: 20, stepMs: 4 })),
    examples,
    plan,
  );
  assert.deepEqual([lazy.ttfa_tokens.p50, lazy.ttfa_tokens.censored_fraction], [null, 1]);
  const onlyControls = await measureSpeed(
    fakeRunner("fake", () => ({ texts: ["Hello", ""], ttftMs: 20, stepMs: 4 })),
    [fakeExample("control", "no_tool")],
    plan,
  );
  assert.deepEqual([onlyControls.ttfa_tokens.n, onlyControls.ttfa_tokens.censored_fraction], [0, null]);
});

test("the slow tail of TPS is what p95 watches", async () => {
  const runner = fakeRunner("fake", (_id, call) => ({
    texts: callTexts,
    ttftMs: 20,
    stepMs: call % 10 === 3 ? 40 : 4,
  }));
  const examples = Array.from({ length: 40 }, (_, i) => fakeExample(`e${i}`));
  const report = await measureSpeed(runner, examples, { ...plan, promptsPerShape: 40 });
  assert.equal(report.tps.p50, 250);
  assert.equal(report.tps.p95, 25);
});

test("requests are greedy, one at a time, and in the plan's order", async () => {
  const log: string[] = [];
  const seen: number[] = [];
  const runner = fakeRunner(
    "fake",
    (_id, _call, { temperature, maxTokens }) => {
      assert.deepEqual([temperature, maxTokens], [0, 30]);
      return { texts: callTexts, ttftMs: 20, stepMs: 4 };
    },
    log,
  );
  await measureSpeed(
    runner,
    [fakeExample("a"), fakeExample("long b")],
    { ...plan, maxTokens: 30 },
    {
      onProgress: (done, total) => seen.push(done / total),
    },
  );
  assert.deepEqual(log, ["fake a", "fake long b", "fake a", "fake long b", "fake a", "fake long b"]);
  assert.equal(seen.at(-1), 1);
});

test("cancelling and silence are errors, not samples", async () => {
  const stop = new AbortController();
  const cancelling = fakeRunner("fake", (_id, call) => {
    if (call === 1) stop.abort();
    return { texts: callTexts, ttftMs: 20, stepMs: 4 };
  });
  await assert.rejects(
    measureSpeed(cancelling, [fakeExample("a")], plan, { signal: stop.signal }),
    isError("cancelled"),
  );
  const silent = fakeRunner("fake", () => ({ texts: [], ttftMs: 20, stepMs: 4 }));
  await assert.rejects(measureSpeed(silent, [fakeExample("a")], plan), isError("backend_failed"));
});
