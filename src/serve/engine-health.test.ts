import assert from "node:assert/strict";
import { test } from "node:test";
import type { PromptCacheStats, VolatileHeader } from "../runtime/prompt-cache/types.ts";
import type { GenerateResult, SpeculationReport } from "../runtime/types.ts";
import { createServeApp } from "./app.ts";
import { createEngineHealth } from "./engine-health.ts";
import { post, scriptedEngine, tokenText, until } from "./scripted-engine.test.support.ts";

const header: VolatileHeader = {
  message: 0,
  role: "system",
  kind: "time",
  text: "14:02",
  previous: "14:01",
  changes: 1,
};

function stats(notWritable: number, volatileHeaders: readonly VolatileHeader[]): PromptCacheStats {
  const store = { blocks: 0, bytes: 0, budgetBytes: 9, evictedBlocks: 0 };
  const faults = { truncated: 0, wrong_version: 0, checksum: 0, mismatch: 0, unreadable: 0, disk_full: 0 };
  return {
    prompts: 1,
    hits: 0,
    promptTokens: 5,
    cachedTokens: 0,
    blockTokens: 128,
    liveBlocks: 0,
    ramBlocks: 0,
    diskBlocks: 0,
    ram: store,
    disk: { ...store, faults: { ...faults, not_writable: notWritable } },
    volatileHeaders,
  };
}

test("each kind of trouble is said once, without what was said in the prompt", async () => {
  const warnings: string[] = [];
  let now = stats(0, []);
  const health = createEngineHealth(
    async () => now,
    (text) => warnings.push(text),
  );
  await health.refresh();
  assert.deepEqual(warnings, []);
  now = stats(2, [header]);
  await Promise.all([health.refresh(), health.refresh()]);
  now = stats(3, [{ ...header, changes: 2 }]);
  await health.refresh();
  assert.equal(health.cache?.disk?.faults.not_writable, 3);
  assert.equal(warnings.length, 2);
  assert.match(warnings[0]!, /not_writable: the folder cannot be written to/);
  assert.match(warnings[1]!, /messages\[0\] \(system\) holds a time that changes/);
  assert.doesNotMatch(warnings.join(), /14:0/);
});

test("drafting adds up, and why nothing is drafted is said once", () => {
  const warnings: string[] = [];
  const health = createEngineHealth(undefined, (text) => warnings.push(text));
  const add = (speculation?: SpeculationReport): void =>
    health.generated({ ...(speculation && { speculation }) } as GenerateResult);
  add();
  assert.equal(health.speculation, null);
  add({ mode: "auto", proposed: 4, accepted: 3, targetRuns: 6, offBecause: null });
  add({ mode: "auto", proposed: 2, accepted: 0, targetRuns: 9, offBecause: "5 % stand" });
  add({ mode: "auto", proposed: 0, accepted: 0, targetRuns: 9, offBecause: "4 % stand" });
  assert.deepEqual(health.speculation, { proposed: 6, accepted: 3, targetRuns: 24, isOff: true });
  assert.deepEqual(warnings, ["speculation auto: nothing is drafted: 5 % stand"]);
});

test("metrics hold faults, volatile headers and drafting", async () => {
  const scripted = scriptedEngine(() => ["hi"]);
  let asked = 0;
  const warnings: string[] = [];
  const engine = {
    ...scripted,
    chat: async (...input: Parameters<typeof scripted.chat>) => ({
      ...(await scripted.chat(...input)),
      speculation: { mode: "auto", proposed: 4, accepted: 3, targetRuns: 6, offBecause: null } as const,
    }),
    promptCacheStats: async () => stats(++asked, [header]),
  };
  const app = createServeApp(engine, { tokenText, onWarning: (text) => warnings.push(text) });
  await until(() => warnings.length === 2);
  const body = { model: "scripted", messages: [{ role: "user", content: "hello" }] };
  assert.equal((await app.fetch(post("/v1/chat/completions", body))).status, 200);
  await until(() => asked === 2);
  const text = await (await app.fetch(new Request("http://localhost/metrics"))).text();
  for (const line of [
    'limbeck_prompt_cache_faults_total{kind="not_writable"} 2',
    'limbeck_prompt_cache_faults_total{kind="checksum"} 0',
    "limbeck_prompt_cache_volatile_headers 1",
    'limbeck_speculation_tokens_total{result="proposed"} 4',
    'limbeck_speculation_tokens_total{result="accepted"} 3',
    "limbeck_speculation_target_runs_total 6",
    "limbeck_speculation_off 0",
    "# HELP limbeck_prompt_cache_faults_total ",
    "# HELP limbeck_speculation_off ",
  ]) {
    assert.ok(text.includes(line), `${line}\n${text}`);
  }
});
