import type { Json } from "../base/json.ts";
import { defaultChatTemplate, limbeckSpecialTokens, renderChat } from "../tokenizer/chat-template.ts";
import { trainBpe } from "../tokenizer/train-bpe.ts";
import { generateBaseCorpus } from "./base-corpus.ts";
import { generateToolbox, type KindShares, toolboxIntents } from "./toolbox/generate.ts";
import { toolboxNames } from "./toolbox/tools.ts";
import type { Example } from "./types.ts";
import { trainWords } from "./words.ts";

const specials = new RegExp(limbeckSpecialTokens.map((token) => token.replace(/[|]/g, "\\|")).join("|"), "g");

/** The stretches of an example's whole text between special tokens: what a tokenizer's merges are learnt from. */
function* stretchesOf(example: Example): Iterable<string> {
  const prompt = renderChat(defaultChatTemplate, { messages: example.messages, tools: example.tools });
  const results = (example.fixtures ?? []).map((fixture) => JSON.stringify(fixture.result));
  const texts = [prompt, example.teacher?.text ?? "", ...results, example.teacher?.answer ?? ""];
  for (const text of texts) yield* text.split(specials);
}

// As the task was when the vocabulary was trained: a vocabulary must not change with what is trained on it.
const shares: KindShares = {
  single: 0.6,
  multiple: 0.12,
  missing: 0.08,
  partial: 0,
  chat: 0.08,
  outOfScope: 0.06,
  notOffered: 0.06,
};

function* corpus(seed: number, examples: number): Iterable<string> {
  for (const example of generateToolbox({ split: "train", seed, examples, shares, words: "plain" }).examples)
    yield* stretchesOf(example);
  for (const example of generateBaseCorpus({ seed, examples, words: "plain" })) yield* stretchesOf(example);
}

/**
 * Words that stand in the value lists only. As whole tokens they would be places lost: held-out values are other words,
 * and what serves those is good parts of words.
 */
function listedWords(): ReadonlySet<string> {
  const phrases = toolboxIntents
    .flatMap((intent) => [...intent.requests.train.flat(), ...intent.missing.requests.train.flat()])
    .join(" ");
  const spoken = new Set(phrases.toLowerCase().match(/[a-z]+/g));
  return new Set(trainWords.filter((word) => !spoken.has(word)));
}

/**
 * Trains Limbeck's own vocabulary on training data of the toolbox and the base corpus, half and half, and returns the
 * two files of a tokenizer folder. The same arguments give the same bytes.
 */
export function trainLimbeckTokenizer(options: {
  readonly seed: number;
  readonly examples: number;
  readonly vocabSize: number;
}): {
  readonly tokenizer: { readonly [key: string]: Json };
  readonly config: { readonly [key: string]: Json };
} {
  const { seed, examples, vocabSize } = options;
  const listed = listedWords();
  return {
    tokenizer: trainBpe({
      texts: corpus(seed, examples),
      vocabSize,
      weigh: (piece, count) => (listed.has(piece.toLowerCase()) ? count / 100 : count),
      specialTokens: limbeckSpecialTokens,
      wholeWords: toolboxNames,
    }),
    config: {
      tokenizer_class: "PreTrainedTokenizerFast",
      model_max_length: 4096,
      clean_up_tokenization_spaces: false,
      eos_token: "<|end|>",
      pad_token: "<|pad|>",
      chat_template: defaultChatTemplate,
    },
  };
}
