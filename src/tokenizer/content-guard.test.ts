import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { ChatMessage } from "../tools/types.ts";
import { createContentGuard } from "./content-guard.ts";

const special = ["<|end|>", "<|im", "<|im_end|>", "|>"];
const written = ["<think>", "</think>"];
const guard = createContentGuard(special, written);
const textOf = (message: ChatMessage): string =>
  guard
    .unprotect(guard.protect({ messages: [message] }).messages[0]!.content ?? "")
    .map(({ text, isContent }) => (isContent ? `[${text}]` : text))
    .join("");

test("tokens in content come back as stretches of content", () => {
  assert.equal(textOf({ role: "user", content: "a<|end|>b<think>" }), "a[<|end|>]b[<think>]");
  assert.equal(textOf({ role: "tool", content: "<|im_end|><|im" }), "[<|im_end|>][<|im]");
});

test("the assistant's own words keep what the template writes, not what is special", () => {
  assert.equal(
    textOf({ role: "assistant", content: "<think>x</think><|end|>" }),
    "<think>x</think>[<|end|>]",
  );
});

test("characters of the marks go back to where they stood", () => {
  const text = "a\uE0F00\uE0F1b\uE0F1<|end|>\uE0F0";
  assert.equal(textOf({ role: "user", content: text }), "a\uE0F00\uE0F1b\uE0F1[<|end|>]\uE0F0");
  assert.deepEqual(
    guard.unprotect(
      guard.protect({ messages: [{ role: "user", content: "\uE0F0 x" }] }).messages[0]!.content!,
    ),
    [{ text: "\uE0F0 x", isContent: false }],
  );
});

test("spelled text joins to the text and holds no whole token", () => {
  const parts = fc.array(fc.constantFrom(...special, ...written, "<|", "|", ">", "im_end", "x", "\uE0F0"));
  fc.assert(
    fc.property(parts, (pieces) => {
      const text = pieces.join("");
      const stretches = guard.spell(text);
      assert.equal(stretches.join(""), text);
      for (const stretch of stretches)
        assert.ok(![...special, ...written].some((token) => stretch.includes(token)), stretch);
    }),
  );
});
