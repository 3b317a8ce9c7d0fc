import * as fs from "node:fs";
import * as path from "node:path";
import { byteAlphabet } from "../tokenizer/byte-level.ts";
import type { ModelConfig } from "./config.ts";

/** A model for tests of graphs and files. */
export const smallConfig: ModelConfig = {
  family: "llama",
  vocabSize: 64,
  hiddenSize: 32,
  intermediateSize: 48,
  layers: 2,
  heads: 2,
  kvHeads: 1,
  headDim: 16, // ONNX Runtime's attention kernel wants a multiple of 16
  contextLength: 32,
  ropeTheta: 10_000,
  rmsNormEpsilon: 1e-5,
  tieEmbeddings: true,
  bosId: null,
  eosIds: [3],
  padId: 0,
};

const tokenizerJson = (vocabulary: readonly string[]): string =>
  JSON.stringify({
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false },
    model: { type: "BPE", vocab: Object.fromEntries(vocabulary.map((token, id) => [token, id])), merges: [] },
  });

/** The files of a tokenizer of so many tokens, "</s>" the fourth. */
export function smallTokenizer(
  tokens: number,
): Readonly<Record<"tokenizer.json" | "tokenizer_config.json", string>> {
  const vocabulary = Array.from({ length: tokens }, (_, id) => (id === 3 ? "</s>" : byteAlphabet[id]!));
  return {
    "tokenizer.json": tokenizerJson(vocabulary),
    "tokenizer_config.json": JSON.stringify({
      eos_token: "</s>",
      chat_template: "{{ messages[0].content }}",
    }),
  };
}

/** Writes the tokenizer of a model of `smallConfig` into its folder. */
export function saveSmallTokenizer(dir: string): void {
  for (const [name, text] of Object.entries(smallTokenizer(smallConfig.vocabSize)))
    fs.writeFileSync(path.join(dir, name), text);
}
