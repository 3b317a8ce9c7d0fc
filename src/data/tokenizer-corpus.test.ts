import assert from "node:assert/strict";
import { test } from "node:test";
import { limbeckSpecialTokens } from "../tokenizer/chat-template.ts";
import { shippedTokenizer } from "../tokenizer/shipped-tokenizer.test.support.ts";
import { createTokenizer } from "../tokenizer/tokenizer.ts";
import { trainLimbeckTokenizer } from "./tokenizer-corpus.ts";
import { toolboxNames } from "./toolbox/tools.ts";
import { wordPieces } from "./word-pieces.ts";

const small = { seed: 1, examples: 150, vocabSize: 640 };

test("the same seed gives the same vocabulary, specials first and tools as one token each", () => {
  const { tokenizer: json, config } = trainLimbeckTokenizer(small);
  assert.equal(JSON.stringify(trainLimbeckTokenizer(small).tokenizer), JSON.stringify(json));
  const tokenizer = createTokenizer({
    json,
    config,
    template: String(config["chat_template"]),
    source: "test",
  });
  assert.equal(tokenizer.vocabSize, 640);
  assert.deepEqual(
    limbeckSpecialTokens.map((token) => tokenizer.idOf(token)),
    [0, 1, 2, 3, 4, 5, 6, 7, 8],
  );
  for (const name of toolboxNames) assert.equal(tokenizer.encode(name).length, 1, name);
  assert.equal(tokenizer.templateFingerprint, shippedTokenizer().templateFingerprint);
});

test("made-up words are made of the letter pieces of the shipped vocabulary, all of them", () => {
  const tokenizer = shippedTokenizer();
  assert.equal(tokenizer.vocabSize, 2048);
  const pieces = new Set<string>();
  for (let id = 0; id < tokenizer.vocabSize; id++) {
    const text = tokenizer.tokenText(id);
    if (/^([a-z]{1,9}|[A-Z][a-z]{0,7})$/.test(text)) pieces.add(text.toLowerCase());
  }
  assert.deepEqual([...wordPieces].sort(), [...pieces].sort());
});
