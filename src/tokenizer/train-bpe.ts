import { LimbeckError } from "../base/errors.ts";
import type { Json } from "../base/json.ts";
import { pairKey } from "./bpe.ts";
import { byteAlphabet, toByteLevel } from "./byte-level.ts";
import { piecePattern, splitPieces } from "./pre-tokenize.ts";

export interface BpeTraining {
  /** Texts without special tokens. */
  readonly texts: Iterable<string>;
  /** Special tokens included. */
  readonly vocabSize: number;
  /** They get the first ids, in this order. */
  readonly specialTokens: readonly string[];
  /** Names such as `set_timer` that must be one token; parts of other names are never merged across `_`. */
  readonly wholeWords?: readonly string[];
  /** How much a piece that occurs `count` times counts (default: `count`), so that closed lists do not fill the vocabulary. */
  readonly weigh?: (piece: string, count: number) => number;
}

interface Word {
  parts: string[];
  readonly count: number;
}

function countPieces(texts: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const piece of splitPieces(text)) {
      for (const part of piece.includes("_") ? piece.split(/(_)/) : [piece]) {
        if (part.length > 0) counts.set(part, (counts.get(part) ?? 0) + 1);
      }
    }
  }
  return counts;
}

/** Pair statistics that are updated merge by merge, so that training is linear in what changes. */
class PairTable {
  readonly #counts = new Map<string, number>();
  readonly #words = new Map<string, Set<Word>>();

  constructor(words: readonly Word[]) {
    for (const word of words) this.add(word, 1);
  }

  add(word: Word, sign: 1 | -1): void {
    for (let i = 0; i + 1 < word.parts.length; i++) {
      const key = pairKey(word.parts[i]!, word.parts[i + 1]!);
      this.#counts.set(key, (this.#counts.get(key) ?? 0) + sign * word.count);
      if (sign === 1) {
        const at = this.#words.get(key);
        if (at) at.add(word);
        else this.#words.set(key, new Set([word]));
      }
    }
  }

  /** The most frequent pair; ties go to the lowest key, so that the result does not depend on the order of texts. */
  best(): string | undefined {
    let bestKey: string | undefined;
    let bestCount = 0;
    for (const [key, count] of this.#counts) {
      if (count > bestCount || (count === bestCount && bestKey !== undefined && key < bestKey)) {
        bestKey = key;
        bestCount = count;
      }
    }
    return bestCount > 0 ? bestKey : undefined;
  }

  take(key: string): Word[] {
    const words = [...(this.#words.get(key) ?? [])];
    this.#counts.delete(key);
    this.#words.delete(key);
    return words;
  }

  apply(key: string): void {
    const [left, right] = key.split(" ") as [string, string];
    for (const word of this.take(key)) {
      this.add(word, -1);
      const merged: string[] = [];
      for (let i = 0; i < word.parts.length; i++) {
        const part = word.parts[i]!;
        if (part === left && word.parts[i + 1] === right) {
          merged.push(left + right);
          i++;
        } else merged.push(part);
      }
      word.parts = merged;
      this.add(word, 1);
    }
    // Subtracting the old pairs of each word put the key back with a count of zero or less.
    this.#counts.delete(key);
  }
}

/**
 * Trains a byte-level BPE vocabulary and returns the content of a Hugging Face `tokenizer.json`. The same texts give
 * the same bytes. Errors: `invalid_config` where the vocabulary is too small for the bytes, specials and whole words.
 */
export function trainBpe(training: BpeTraining): { readonly [key: string]: Json } {
  const { vocabSize, specialTokens, wholeWords = [], weigh = (_, count) => count } = training;
  const counts = countPieces(training.texts);
  const words: Word[] = [...counts]
    .map(([piece, count]) => ({ parts: [...toByteLevel(piece)], count: weigh(piece, count) }))
    .filter((word) => word.parts.length > 1 && word.count > 0);
  const vocab = [...specialTokens, ...byteAlphabet];
  const known = new Set(vocab);
  const merges: [string, string][] = [];
  const merge = (left: string, right: string): void => {
    merges.push([left, right]);
    if (!known.has(left + right)) {
      known.add(left + right);
      vocab.push(left + right);
    }
  };
  // Each whole word costs at most one entry for `_part` and one for itself for every underscore.
  const reserved = wholeWords.reduce((sum, word) => sum + 2 * (word.split("_").length - 1), 0);
  const target = vocabSize - reserved;
  if (target < vocab.length) {
    throw new LimbeckError(
      "invalid_config",
      `vocabulary size: expected at least ${vocab.length + reserved}, got ${vocabSize}`,
      {
        cure: "Ask for a larger vocabulary.",
        fields: { vocabSize },
      },
    );
  }
  const table = new PairTable(words);
  while (vocab.length < target) {
    const key = table.best();
    if (key === undefined) break;
    const [left, right] = key.split(" ") as [string, string];
    merge(left, right);
    table.apply(key);
  }
  appendWholeWords(wholeWords, known, merge);
  return tokenizerJson(vocab, merges, specialTokens);
}

function appendWholeWords(
  wholeWords: readonly string[],
  known: ReadonlySet<string>,
  merge: (left: string, right: string) => void,
): void {
  for (const word of wholeWords) {
    const parts = word.split("_");
    const missing = parts.filter((part) => !known.has(part));
    if (missing.length > 0) {
      throw new LimbeckError(
        "invalid_config",
        `whole word ${word}: expected its parts to be tokens, got none for ${missing.join(", ")}`,
        {
          cure: "Use a larger vocabulary, or a name whose parts occur often in the texts.",
          fields: { word, missing },
        },
      );
    }
    let built = parts[0]!;
    for (const part of parts.slice(1)) {
      if (!known.has(`_${part}`)) merge("_", part);
      if (!known.has(`${built}_${part}`)) merge(built, `_${part}`);
      built = `${built}_${part}`;
    }
  }
}

function tokenizerJson(
  vocab: readonly string[],
  merges: readonly (readonly [string, string])[],
  specialTokens: readonly string[],
): { readonly [key: string]: Json } {
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false };
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: specialTokens.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: piecePattern }, behavior: "Isolated", invert: false },
        byteLevel,
      ],
    },
    post_processor: null,
    decoder: byteLevel,
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(vocab.map((token, id) => [token, id])),
      merges: merges.map(([left, right]) => [left, right]),
    },
  };
}
