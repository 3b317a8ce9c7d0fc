import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { ChatMessage } from "../tools/types.ts";
import { createSegmentEncoder } from "./segment-encoder.ts";
import { shippedTokenizer } from "./shipped-tokenizer.test.support.ts";
import { tinyByteLevel, tinySentencePiece } from "./tiny-tokenizer.test.support.ts";
import type { Tokenizer } from "./tokenizer.ts";

const turns =
  "{{ bos_token }}{% for m in messages %}{{ '<s>' + m.role + '\n' + m.content + '</s>\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<s>assistant\n' }}{% endif %}";
const options = { template: turns, special: ["<bos>", "</s>", "<s>"], ordinary: ["\n\n", "<h1>"] };
const tokenizers: readonly (() => Tokenizer)[] = [
  () => tinyByteLevel(options),
  () => tinySentencePiece({ ...options, ordinary: ["\n\n", "▁▁"] }),
  shippedTokenizer,
];

const words = fc.array(
  fc.oneof(
    fc.string({ unit: "grapheme" }),
    fc.constantFrom("the", " the", "  ", "\n\n", "▁▁", "<h1>", "🙂", "e\u0301"),
  ),
  { maxLength: 6 },
);
const message: fc.Arbitrary<ChatMessage> = fc.record({
  role: fc.constantFrom("user", "assistant"),
  content: words.map((parts) => parts.join("")).filter((text) => !/<s>|<\/s>|<bos>/.test(text)),
});

test("a chat that grows has the ids of the whole text, and those of before at its beginning", () => {
  for (const open of tokenizers) {
    const tokenizer = open();
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 6 }), (messages) => {
        let before: number[] = [];
        for (let n = 1; n <= messages.length; n++) {
          const chat = messages.slice(0, n);
          const ids = tokenizer.encodeChat(chat, []);
          assert.deepEqual(ids, tokenizer.encode(tokenizer.chatText(chat, [])));
          assert.deepEqual(ids.slice(0, before.length), before);
          const prompt = tokenizer.encodeChat(chat, [], { addGenerationPrompt: true });
          assert.deepEqual(prompt.slice(0, ids.length), ids);
          before = ids;
        }
      }),
      { numRuns: 60 },
    );
  }
});

test("text is not cut where a token's place matters to its neighbours", () => {
  const chat: ChatMessage[] = [
    { role: "user", content: "the  " },
    { role: "assistant", content: " the" },
  ];
  for (const tokenizer of [
    tinyByteLevel({ ...options, stripping: "</s>" }),
    tinySentencePiece({ ...options, isSpacedFirst: true }),
  ]) {
    const text = tokenizer.chatText(chat, []);
    const whole = tokenizer.encode(text);
    const cut = text.split(/(<bos>|<s>|<\/s>)/).flatMap((part) => tokenizer.encode(part));
    assert.notDeepEqual(cut, whole);
    assert.deepEqual(tokenizer.encodeChat(chat, []), whole);
  }
});

test("only what is new is encoded", () => {
  const asked: string[] = [];
  const encoder = createSegmentEncoder(
    (text) => {
      asked.push(text);
      return [text.length];
    },
    new Map([["<s>", 0]]),
  );
  assert.deepEqual(encoder.encode("<s>a<s>bb"), [0, 1, 0, 2]);
  assert.deepEqual(encoder.encode("<s>a<s>bb<s>ccc"), [0, 1, 0, 2, 0, 3]);
  assert.deepEqual(asked, ["a", "bb", "ccc"]);
});

test("what is kept has a bound, and what was used last is kept", () => {
  let asked = 0;
  const encoder = createSegmentEncoder(() => {
    asked++;
    return [1];
  }, new Map());
  const long = (letter: string): string => letter.repeat(1 << 20);
  for (const letter of ["a", "b", "c", "d", "a", "e"]) encoder.encode(long(letter));
  assert.equal(asked, 5);
  encoder.encode(long("a"));
  assert.equal(asked, 5, "a was used after b");
  encoder.encode(long("b"));
  assert.equal(asked, 6, "b went when e came");
  assert.deepEqual(encoder.encode("x".repeat(1 << 23)), [1]);
});
