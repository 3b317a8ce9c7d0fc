import assert from "node:assert/strict";
import { test } from "node:test";
import { limbeckSpecialTokens } from "../tokenizer/chat-template.ts";
import { shippedTokenizer } from "../tokenizer/shipped-tokenizer.test.support.ts";
import { createTokenizer } from "../tokenizer/tokenizer.ts";
import { trainLimbeckTokenizer } from "./tokenizer-corpus.ts";
import { toolboxNames } from "./toolbox/tools.ts";
import { wordPieces } from "./word-pieces.ts";
import { heldOutWords } from "./words.ts";

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

test("the pieces that made-up words are made of are in the shipped vocabulary, and no held-out word is", () => {
  const tokenizer = shippedTokenizer();
  assert.equal(tokenizer.vocabSize, 2048);
  assert.deepEqual(
    wordPieces.filter(
      (piece) => tokenizer.idOf(piece) === undefined && tokenizer.idOf(capital(piece)) === undefined,
    ),
    [],
  );
  assert.deepEqual(
    wordPieces.filter((piece) => heldOutWords.has(piece)),
    [],
  );
});

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
