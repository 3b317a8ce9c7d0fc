import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { tinyByteLevel, tinySentencePiece } from "./tiny-tokenizer.test.support.ts";

const options = { template: "", special: ["<bos>", "<eos>"], ordinary: ["▁▁", "<h1>"] };
const tokenizers = { "byte-level": tinyByteLevel(options), SentencePiece: tinySentencePiece(options) };

for (const [name, tokenizer] of Object.entries(tokenizers)) {
  test(`${name}: text streams whole characters only, whatever tokens they are made of`, () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 20 }), (text) => {
        const expected = name === "byte-level" ? text.normalize("NFC") : text.replaceAll("▁", " ");
        const stream = tokenizer.openStream();
        let out = "";
        for (const id of tokenizer.encodePlain(text)) {
          const piece = stream.push(id);
          assert.ok(!piece.includes("\uFFFD") || text.includes("\uFFFD"), JSON.stringify(piece));
          out += piece;
        }
        assert.equal(out + stream.flush(), expected);
      }),
    );
  });

  test(`${name}: an emoji comes with its last byte, and a cut one is marked`, () => {
    const ids = tokenizer.encode("🙂");
    assert.equal(ids.length, 4);
    const stream = tokenizer.openStream();
    assert.deepEqual(
      ids.map((id) => stream.push(id)),
      ["", "", "", "🙂"],
    );
    stream.push(ids[0]!);
    assert.equal(stream.flush(), "\uFFFD");
  });
}

test("ordinary added tokens are written as text, special ones as themselves", () => {
  const { SentencePiece: tokenizer } = tokenizers;
  const id = tokenizer.idOf("▁▁")!;
  assert.equal(tokenizer.isSpecial(id), false);
  assert.equal(tokenizer.tokenText(id), "  ");
  assert.equal(tokenizer.byteLength(id), 2);
  assert.equal(tokenizer.decode(tokenizer.encode("a  b<h1>")), "a  b<h1>");
  assert.equal(tokenizer.tokenText(tokenizer.eosId), "<eos>");
});

test("a decoded token costs the same few bytes after 10,000 others, and none stays", () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const tokenizer = tokenizers["byte-level"];
  const ids = tokenizer.encode("the 🙂 answer, 3.14\n\n");
  const stream = tokenizer.openStream();
  let characters = 0;
  const push = (tokens: number): void => {
    for (let i = 0; i < tokens; i++) characters += stream.push(ids[i % ids.length]!).length;
  };
  const heap = (): number => process.memoryUsage().heapUsed;
  /** Bytes of new objects for each of 2,000 tokens; the middle of five, since compilers allocate as well. */
  const allocated = (): number => {
    const windows = Array.from({ length: 5 }, () => {
      collect();
      const before = heap();
      push(2000);
      return (heap() - before) / 2000;
    });
    return windows.sort((a, b) => a - b)[2]!;
  };
  push(10_000);
  const early = allocated();
  /** What stays of each token: the least of three, since a compiler keeps its code as well. */
  const kept = Math.min(
    ...Array.from({ length: 3 }, () => {
      collect();
      const before = heap();
      push(10_000);
      collect();
      return (heap() - before) / 10_000;
    }),
  );
  const late = allocated();
  assert.ok(late < 128 && late < 1.5 * early, `${early.toFixed(1)}, then ${late.toFixed(1)} bytes a token`);
  assert.ok(kept < 1, `${kept.toFixed(2)} bytes a token stay`);
  assert.ok(characters > 10_000);
});
