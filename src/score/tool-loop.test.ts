import assert from "node:assert/strict";
import { test } from "node:test";
import { LimbeckError } from "../base/errors.ts";
import {
  bothExample,
  callText,
  chatExample,
  requestText,
  scriptedRunner,
  timerExample,
  turnOf,
} from "./scripted-runner.test.support.ts";
import { mostTurns, runToolLoop } from "./tool-loop.ts";

const timer = requestText(timerExample);
const rightCall = callText("set_timer", { minutes: 5 });

test("answers calls from the fixtures and goes on to a final answer", async () => {
  const runner = scriptedRunner({ [timer]: [`Sure. ${rightCall}`, "Done, it rings at 10:05."] });
  const { turns } = await runToolLoop(runner, timerExample);
  assert.equal(turns.length, 2);
  assert.deepEqual(turns[0]?.results, [{ result: { ok: true, ends_at: "10:05" }, hit: true }]);
  assert.equal(turns[1]?.content, "Done, it rings at 10:05.");
  const [, second] = runner.requests;
  assert.deepEqual(second?.slice(1), [
    { role: "assistant", content: "Sure.", tool_calls: [{ name: "set_timer", arguments: { minutes: 5 } }] },
    { role: "tool", name: "set_timer", content: '{"ok":true,"ends_at":"10:05"}' },
  ]);
});

test("counts tokens to the first complete valid call, not to its beginning", async () => {
  const text = `Sure. ${rightCall} and more`;
  const runner = scriptedRunner({ [timer]: [text, "done"] });
  const transcript = await runToolLoop(runner, timerExample);
  const end = `Sure. ${rightCall}`.length;
  assert.equal(transcript.ttfa_tokens, Math.ceil(end / 3));
  assert.equal(transcript.ttfa_ms, 10 + Math.ceil(end / 3) - 1);
});

test("an invalid first call does not count as an action, a valid one after it does", async () => {
  const invalid = callText("set_timer", { minutes: "soon" });
  const text = `${invalid}${rightCall}`;
  const transcript = await runToolLoop(scriptedRunner({ [timer]: [text, "done"] }), timerExample);
  assert.equal(transcript.ttfa_tokens, Math.ceil(text.length / 3));
  assert.equal(transcript.turns[0]?.results[0]?.hit, null);
  assert.match(JSON.stringify(transcript.turns[0]?.results[0]?.result), /invalid_call/);
});

test("a run without a valid call in its first turn is censored", async () => {
  for (const script of [
    ["I cannot."],
    [callText("set_timer", {}), rightCall, "done"],
    [rightCall.slice(0, -4)],
  ]) {
    const transcript = await runToolLoop(scriptedRunner({ [timer]: script }), timerExample);
    assert.equal(transcript.ttfa_tokens, null, script[0]);
    assert.equal(transcript.ttfa_ms, null);
  }
});

test("a model that fills its context by itself ends its example; a prompt that is too long is an error", async () => {
  const tooLong = new LimbeckError("context_length_exceeded", "prompt: expected at most 512 tokens, got 626");
  const scripted = scriptedRunner({ [timer]: [rightCall, "done"] });
  const failing = (turn: number): typeof scripted => ({
    ...scripted,
    chat: (messages, tools, options) =>
      messages.filter(({ role }) => role === "assistant").length === turn
        ? Promise.reject(tooLong)
        : scripted.chat(messages, tools, options),
  });
  const { turns } = await runToolLoop(failing(1), timerExample);
  assert.deepEqual(
    turns.map(({ calls }) => calls),
    [[{ name: "set_timer", arguments: { minutes: 5 } }]],
  );
  await assert.rejects(runToolLoop(failing(0), timerExample), { code: "context_length_exceeded" });
});

test("a call that is cut off is recorded as malformed", async () => {
  const turn = turnOf(rightCall.slice(0, -12), "length");
  const { turns } = await runToolLoop(scriptedRunner({ [timer]: [turn] }), timerExample);
  assert.equal(turns.length, 1);
  assert.equal(turns[0]?.malformed.length, 1);
  assert.equal(turns[0]?.finish_reason, "length");
});

test("a miss is an explicit answer, and a model that keeps calling is stopped", async () => {
  const wrong = callText("set_timer", { minutes: 6 });
  const runner = scriptedRunner({ [timer]: [wrong, wrong, wrong, wrong, wrong, wrong] });
  const { turns } = await runToolLoop(runner, timerExample);
  assert.equal(turns.length, mostTurns);
  assert.equal(turns[0]?.results[0]?.hit, false);
  assert.match(JSON.stringify(turns[0]?.results[0]?.result), /fixture_miss/);
});

test("several calls of one turn are answered in order", async () => {
  const text = callText("set_timer", { minutes: 7 }) + callText("get_weather", { city: "Oslo" });
  const runner = scriptedRunner({ [requestText(bothExample)]: [text, "10:07 and 12 degrees"] });
  const { turns } = await runToolLoop(runner, bothExample);
  assert.deepEqual(
    turns[0]?.results.map(({ result }) => result),
    [{ ends_at: "10:07" }, { celsius: 12 }],
  );
  assert.equal(runner.requests[1]?.length, 4);
});

test("cancellation is an error, never a short transcript", async () => {
  const turn = turnOf("half an ans", "cancelled");
  const runner = scriptedRunner({ [requestText(chatExample)]: [turn] });
  await assert.rejects(runToolLoop(runner, chatExample), { code: "cancelled" });
  const aborted = { signal: AbortSignal.abort() };
  await assert.rejects(runToolLoop(scriptedRunner({}), chatExample, aborted), { code: "cancelled" });
});
