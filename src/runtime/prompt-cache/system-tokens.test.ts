import assert from "node:assert/strict";
import { test } from "node:test";
import { LimbeckError } from "../../base/errors.ts";
import { packagePath } from "../../flow/package-files.ts";
import { loadTokenizer } from "../../tokenizer/tokenizer.ts";
import type { ChatMessage, ToolDefinition } from "../../tools/types.ts";
import { createSystemTokenCounter } from "./system-tokens.ts";

const tokenizer = loadTokenizer(packagePath("assets", "tokenizer"));
const system: ChatMessage = { role: "system", content: "Be brief and careful." };
const tools: ToolDefinition[] = [
  { type: "function", function: { name: "set_timer", parameters: { type: "object", properties: {} } } },
];

test("what every user's prompt begins with, and not more, is the system's", () => {
  const count = createSystemTokenCounter(tokenizer);
  const prompt = (content: string): number[] =>
    tokenizer.encodeChat([system, { role: "user", content }], tools, { addGenerationPrompt: true });
  const shared = count([system, { role: "user", content: "anything" }], tools);
  const [one, other] = [prompt("Hello there"), prompt("wake me at nine")];
  assert.deepEqual(one.slice(0, shared), other.slice(0, shared));
  assert.notEqual(one[shared], other[shared]);
  assert.ok(
    shared > count([system], []) && count([system], []) > count([{ role: "user", content: "x" }], []),
  );
});

test("the template is asked once for each system prompt", (t) => {
  const counted = { encodeChat: t.mock.fn(tokenizer.encodeChat) };
  const count = createSystemTokenCounter(counted);
  for (const content of ["a", "b", "c"]) count([system, { role: "user", content }], tools);
  assert.equal(counted.encodeChat.mock.callCount(), 2);
  count([system], []);
  assert.equal(counted.encodeChat.mock.callCount(), 4);
});

test("a template that refuses such a chat has no part that is known; our own bugs are not hidden", () => {
  const refusing = (code: "invalid_request" | "internal") =>
    createSystemTokenCounter({
      encodeChat: () => {
        throw new LimbeckError(code, "no");
      },
    });
  assert.equal(refusing("invalid_request")([system], tools), 0);
  assert.throws(() => refusing("internal")([system], tools), /internal/);
});
