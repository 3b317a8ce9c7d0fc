import assert from "node:assert/strict";
import { test } from "node:test";
import type { ToolCall } from "../tools/types.ts";
import { answerPrompt, decodeRate, demoTools, runDemoTool } from "./answer.ts";
import { scripted, turn } from "./scripted-engine.test.support.ts";

const timer: ToolCall = { name: "set_timer", arguments: { minutes: 12 } };

test("a call is run, its result goes back, and the answer ends it", async () => {
  const { engine, asked } = scripted([turn("<call>", [timer]), turn("Done.")]);
  const shown: string[] = [];
  const answer = await answerPrompt(
    engine,
    "a timer please",
    { tools: demoTools, runTool: runDemoTool, system: "Be brief." },
    { onToken: ({ text }) => shown.push(text) },
  );
  assert.deepEqual(shown, ["<call>", "Done."]);
  assert.equal(answer.turns.length, 2);
  assert.deepEqual(
    answer.results.map(({ call }) => call),
    [timer],
  );
  assert.deepEqual(
    asked[1]?.map(({ role }) => role),
    ["system", "user", "assistant", "tool"],
  );
  assert.deepEqual(JSON.parse(asked[1]?.at(-1)?.content ?? ""), runDemoTool(timer));
});

test("a call that nobody can run ends the answer, with the call in it", async () => {
  const { engine, asked } = scripted([turn("<call>", [timer])]);
  const answer = await answerPrompt(engine, "x", { tools: demoTools, runTool: () => null });
  assert.deepEqual([asked.length, answer.results.length, answer.turns[0]?.calls], [1, 0, [timer]]);
});

test("a model that only calls is stopped", async () => {
  const { engine, asked } = scripted(Array.from({ length: 9 }, () => turn("<call>", [timer])));
  await answerPrompt(engine, "x", { tools: demoTools, runTool: runDemoTool, turns: 3 });
  assert.equal(asked.length, 3);
});

test("embedded tools are run on valid arguments only", () => {
  assert.notEqual(runDemoTool(timer), null);
  assert.equal(runDemoTool({ name: "set_timer", arguments: { minutes: "soon" } }), null);
  assert.equal(runDemoTool({ name: "launch_rocket", arguments: {} }), null);
});

test("the rate of decoding counts steps and their time, the prefill left out", () => {
  const tokens = [10, 12, 16].map((timeMs, index) => ({ id: 1, text: "a", index, timeMs }));
  assert.equal(decodeRate([{ tokens }, { tokens: tokens.slice(1) }]), 300);
  assert.equal(decodeRate([{ tokens: tokens.slice(0, 1) }, { tokens: [] }]), null);
});
