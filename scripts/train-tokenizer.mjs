#!/usr/bin/env node
// Reproduces assets/tokenizer: `npm run build && node scripts/train-tokenizer.mjs [folder]`.
import * as path from "node:path";
import { writeFileAtomic, writeJsonAtomic } from "../dist/base/files.js";
import { trainLimbeckTokenizer } from "../dist/data/tokenizer-corpus.js";

const folder = process.argv[2] ?? path.join(import.meta.dirname, "..", "assets", "tokenizer");
const { tokenizer, config } = trainLimbeckTokenizer({ seed: 1, examples: 20_000, vocabSize: 2048 });
writeFileAtomic(path.join(folder, "tokenizer.json"), `${JSON.stringify(tokenizer, null, 1)}\n`);
writeJsonAtomic(path.join(folder, "tokenizer_config.json"), config);
console.log(
  `wrote ${folder}: ${Object.keys(tokenizer.model.vocab).length} tokens, ${tokenizer.model.merges.length} merges`,
);
