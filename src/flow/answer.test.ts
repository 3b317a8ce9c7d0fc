import assert from "node:assert/strict";
import { test } from "node:test";
import { streamTokens } from "../runtime/chat-stream.ts";
import type { Engine } from "../runtime/engine-contract.ts";
import type { ChatResult } from "../runtime/types.ts";
import type { ChatMessage, ToolCall } from "../tools/types.ts";
import { answerPrompt, demoTools, runDemoTool } from "./answer.ts";

const timing = {
  tokenizerMs: 1,
  firstStepMs: 1,
  ttftMs: 2,
  totalMs: 3,
  prefillSessionMs: 1,
  decodeSessionMs: 1,
};

function turn(text: string, calls: readonly ToolCall[] = []): ChatResult {
  const tokens = [{ id: 9, text, index: 0, timeMs: 2 }];
  return {
    promptTokens: 5,
    tokens,
    text,
    content: calls.length > 0 ? "" : text,
    calls,
    finishReason: "stop",
    timing,
  };
}

/** An engine that says `turns` one after the other and keeps what it was asked. */
function scripted(turns: readonly ChatResult[]): { engine: Engine; asked: (readonly ChatMessage[])[] } {
  const asked: (readonly ChatMessage[])[] = [];
  const stream: Engine["stream"] = (messages) => {
    const result = turns[asked.length]!;
    asked.push([...messages]);
    return streamTokens(async (onToken) => {
      for (const token of result.tokens) onToken(token);
      return result;
    });
  };
  return { engine: { stream } as Engine, asked };
}

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
