import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { test } from "node:test";
import { createRandom, type Random } from "#limbeck/base/random.js";
import { generateBaseCorpus } from "#limbeck/data/base-corpus.js";
import { generateToolbox } from "#limbeck/data/toolbox/generate.js";
import { loadTokenizer } from "#limbeck/tokenizer/tokenizer.js";
import { repositoryPath } from "../../bench/repository.ts";
import { runPython, temporaryFolder } from "./python.ts";

const folder = temporaryFolder();
const tokenizerDir = repositoryPath("assets", "tokenizer");
const tokenizer = loadTokenizer(tokenizerDir);

/** Ranges of code points that regular expressions, bytes and special tokens treat differently. */
const ranges: readonly (readonly [number, number])[] = [
  [0x20, 0x7e],
  [0x20, 0x7e],
  [0x30, 0x39],
  [0x09, 0x0d],
  [0x00a0, 0x024f],
  [0x0300, 0x036f], // combining
  [0x0400, 0x04ff],
  [0x0660, 0x0669], // digits that are not ASCII
  [0x0900, 0x097f],
  [0x2000, 0x206f], // spaces, joiners, dashes
  [0x4e00, 0x4eff],
  [0x1f300, 0x1f6ff],
];

function drawText(random: Random): string {
  const specials = ["<|call|>", "<|end|>", "<|", "|>", "'s", "  ", "\n\n"];
  return Array.from({ length: 1 + random.integer(40) }, () => {
    if (random.next() < 0.1) return random.pick(specials);
    const [low, high] = random.pick(ranges);
    return String.fromCodePoint(low + random.integer(high - low + 1));
  }).join("");
}

function generateTexts(): readonly string[] {
  const random = createRandom(17);
  const toolbox = generateToolbox({ split: "test", seed: 21, examples: 120 }).examples;
  const base = generateBaseCorpus({ seed: 22, examples: 80 });
  return [
    ...toolbox.map(({ messages }) => messages[0]?.content ?? ""),
    ...base.map(({ teacher }) => teacher?.text ?? ""),
    ...toolbox
      .slice(0, 60)
      .map(({ messages, tools }) => tokenizer.decode(tokenizer.encodeChat(messages, tools))),
    ...toolbox.slice(0, 40).map(({ tools }) => JSON.stringify(tools, null, 2)),
    ...Array.from({ length: 200 }, () => drawText(random)),
  ];
}

test("Python's tokenizers reads our tokenizer.json and gives our ids and texts", () => {
  const texts = generateTexts();
  assert.equal(texts.length, 500);
  const [input, output] = [path.join(folder, "texts.json"), path.join(folder, "answers.json")];
  fs.writeFileSync(input, JSON.stringify(texts));
  runPython("test/oracle/tokenizer.py", [path.join(tokenizerDir, "tokenizer.json"), input, output]);
  const answers = JSON.parse(fs.readFileSync(output, "utf8")) as { ids: number[]; text: string }[];
  assert.equal(answers.length, texts.length);
  for (const [i, text] of texts.entries()) {
    const ids = tokenizer.encode(text);
    const shown = `text ${i}: ${JSON.stringify(text.slice(0, 120))}`;
    assert.deepEqual(ids, answers[i]!.ids, shown);
    assert.equal(tokenizer.decode(ids), answers[i]!.text, shown);
  }
});
