import assert from "node:assert/strict";
import { test } from "node:test";
import type { TokenEvent } from "../runtime/types.ts";
import { callTexts, timerTool } from "./fake-runner.test.support.ts";
import { findFirstAction } from "./first-action.ts";

const events = (texts: readonly string[]): TokenEvent[] =>
  texts.map((text, index) => ({ id: index, text, index, timeMs: 10 + index }));

test("the action is the token that completes the call, not the end of the answer", () => {
  assert.deepEqual(findFirstAction(events([...callTexts, "more ", "words"]), [timerTool]), {
    tokens: 5,
    timeMs: 14,
  });
});

test("an invalid call, a call to an unknown tool and half a call are no action; a later valid one is", () => {
  const invalid = '<|call|>{"name":"set_timer","arguments":{}}<|/call|>';
  const unknown = '<|call|>{"name":"nothing","arguments":{}}<|/call|>';
  const broken = '<|call|>{"name":"set_timer"<|/call|>';
  const half = '<|call|>{"name":"set_timer","arguments":{"minutes":5}}';
  for (const text of [invalid, unknown, broken, half, "set_timer(5)", ""]) {
    assert.equal(findFirstAction(events([text]), [timerTool]), null, text);
  }
  assert.equal(findFirstAction(events([invalid, broken, ...callTexts]), [timerTool])?.tokens, 7);
});

test("without tools there is no action", () => {
  assert.equal(findFirstAction(events(callTexts), []), null);
});
