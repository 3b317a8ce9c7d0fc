import assert from "node:assert/strict";
import { test } from "node:test";
import { LimbeckError } from "../base/errors.ts";
import { streamTokens } from "../runtime/chat-stream.ts";
import type { Engine } from "../runtime/engine-contract.ts";
import type { ChatResult } from "../runtime/types.ts";
import type { ToolCall } from "../tools/types.ts";
import { demoTools, runDemoTool } from "./answer.ts";
import { chatFigures, createChatSession } from "./chat-session.ts";
import { scripted, turn } from "./scripted-engine.test.support.ts";

const timer: ToolCall = { name: "set_timer", arguments: { minutes: 12 } };
const options = { tools: demoTools, runTool: runDemoTool, system: "Be brief." };
const rolesOf = (messages: readonly { readonly role: string }[] | undefined) =>
  messages?.map(({ role }) => role);

test("each message is asked with all that was said before, calls and results in it", async () => {
  const { engine, asked } = scripted([turn("<call>", [timer]), turn("Done."), turn("Bye.")]);
  const session = createChatSession(engine, options);
  await session.say("a timer");
  await session.say("thanks");
  assert.deepEqual(rolesOf(asked.at(-1)), ["system", "user", "assistant", "tool", "assistant", "user"]);
  assert.deepEqual(asked.at(-1)?.[2]?.tool_calls, [timer]);
  assert.equal(session.messages.at(-1)?.content, "Bye.");
  session.reset();
  assert.deepEqual(session.messages, [{ role: "system", content: "Be brief." }]);
  assert.equal(session.turns.length, 3);
});

test("a call that nobody can run stays in the chat", async () => {
  const { engine } = scripted([turn("<call>", [timer])]);
  const session = createChatSession(engine, { tools: demoTools, runTool: () => null });
  await session.say("a timer");
  assert.deepEqual(session.messages.at(-1), { role: "assistant", content: "", tool_calls: [timer] });
});

test("of a cancelled answer its words stay; one without words, and one that fails, leave no trace", async () => {
  const cancelled = (result: ChatResult): ChatResult => ({ ...result, finishReason: "cancelled" });
  const { engine } = scripted([turn("Hi."), cancelled(turn("Well, I")), cancelled(turn(""))]);
  const session = createChatSession(engine, options);
  await session.say("hello");
  await session.say("and?");
  const before = session.messages;
  assert.deepEqual(before.slice(-2), [
    { role: "user", content: "and?" },
    { role: "assistant", content: "Well, I" },
  ]);
  await session.say("go on");
  assert.equal(session.messages, before);
  const full = new LimbeckError("context_length_exceeded", "full");
  const failing = createChatSession(
    { stream: () => streamTokens(() => Promise.reject(full)) } as Partial<Engine> as Engine,
    options,
  );
  await assert.rejects(failing.say("x"), full);
  assert.deepEqual(rolesOf(failing.messages), ["system"]);
});

test("figures add up over turns, the time to the first token is the first turn's", () => {
  const first = { ...turn("a", [timer]), cachedTokens: 3 };
  assert.deepEqual(chatFigures([first, turn("b")]), {
    turns: 2,
    promptTokens: 10,
    cachedTokens: 3,
    outputTokens: 2,
    calls: 1,
    ttftMs: 2,
    tokensPerSecond: null,
  });
  assert.equal(chatFigures([]).ttftMs, null);
});
