import assert from "node:assert/strict";
import { test } from "node:test";
import { createTokenizer, type Tokenizer } from "./tokenizer.ts";
import { trainBpe } from "./train-bpe.ts";

const specials = ["<pad>", "<end>"];

function train(
  texts: readonly string[],
  vocabSize: number,
  rest: Partial<Parameters<typeof trainBpe>[0]> = {},
): Tokenizer {
  const json = trainBpe({ texts, vocabSize, specialTokens: specials, ...rest });
  return createTokenizer({
    json,
    config: { eos_token: "<end>", pad_token: "<pad>" },
    template: "",
    source: "test",
  });
}
const piecesOf = (tokenizer: Tokenizer, text: string): string[] =>
  tokenizer.encode(text).map((id) => tokenizer.tokenText(id));

test("the most frequent pair is merged first, ties by the lowest pair", () => {
  const tokenizer = train(["abab", "abab", "cd", "cd", "ef", "ef"], 2 + 256 + 3);
  assert.equal(tokenizer.vocabSize, 261);
  assert.deepEqual(piecesOf(tokenizer, "abab"), ["abab"]);
  // ab (4), then of abab, cd and ef, twice each, the two lowest: "ab ab" and "c d".
  assert.deepEqual(piecesOf(tokenizer, "cd ef"), ["cd", " ", "e", "f"]);
});

test("a run of one letter is merged without overlap", () => {
  const tokenizer = train(["aaaa", "aaaa"], 2 + 256 + 2);
  assert.deepEqual(piecesOf(tokenizer, "aaaaa"), ["aaaa", "a"]);
});

test("the same texts give the same bytes, in any order", () => {
  const texts = ["set a timer for ten minutes", "the tea needs minutes", "timer minutes tea"];
  const one = trainBpe({ texts, vocabSize: 300, specialTokens: specials });
  const two = trainBpe({ texts: [...texts].reverse(), vocabSize: 300, specialTokens: specials });
  assert.equal(JSON.stringify(one), JSON.stringify(two));
});

test("whole words are one token, other names are never merged across an underscore", () => {
  const texts = Array.from({ length: 9 }, () => "set_timer dim_timer set timer dim");
  const tokenizer = train(texts, 2 + 256 + 20, { wholeWords: ["set_timer"] });
  assert.deepEqual(piecesOf(tokenizer, "set_timer"), ["set_timer"]);
  assert.deepEqual(piecesOf(tokenizer, "dim_set"), ["dim", "_", "set"]);
  assert.deepEqual(piecesOf(tokenizer, "dim_timer"), ["dim", "_timer"]);
});

test("pieces can be made to count less", () => {
  const texts = ["zq zq zq zq", "xy"];
  const tokenizer = train(texts, 2 + 256 + 1, {
    weigh: (piece, count) => (piece === "zq" ? count / 10 : count),
  });
  assert.deepEqual(piecesOf(tokenizer, "xy zq"), ["xy", " ", "z", "q"]);
});

test("a vocabulary too small for bytes and whole words is refused", () => {
  assert.throws(() => train([""], 200), {
    code: "invalid_config",
    message: /expected at least 258, got 200/,
  });
  assert.throws(() => train(["a"], 300, { wholeWords: ["un_heard"] }), {
    code: "invalid_config",
    message: /un_heard/,
  });
});
