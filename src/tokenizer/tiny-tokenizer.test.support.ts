import type { Json } from "../base/json.ts";
import { byteAlphabet } from "./byte-level.ts";
import { createTokenizer, type Tokenizer, type TokenizerParts } from "./tokenizer.ts";

export interface TinyOptions {
  readonly template: string;
  readonly special: readonly string[];
  /** A special token that takes the white space around it. */
  readonly stripping?: string;
  /** Writes a space before the first word of a text. */
  readonly isSpacedFirst?: boolean;
  /** Added tokens that are not special. */
  readonly ordinary?: readonly string[];
  readonly generation?: TokenizerParts["generation"];
}

const addedTokens = (texts: readonly string[], firstId: number, special: boolean, stripping = ""): Json[] =>
  texts.map((content, i) => ({
    id: firstId + i,
    content,
    special,
    single_word: false,
    lstrip: content === stripping,
    rstrip: content === stripping,
    normalized: false,
  }));

function create(options: TinyOptions, pieces: readonly string[], files: Record<string, Json>): Tokenizer {
  const { special, ordinary = [], template, generation } = options;
  const tokens = [...special, ...ordinary, ...pieces.filter((piece) => !ordinary.includes(piece))];
  const { merges = [], byte_fallback = false, ...rest } = files;
  return createTokenizer({
    source: "tiny",
    template,
    ...(generation === undefined ? {} : { generation }),
    config: { bos_token: special[0]!, eos_token: special[1]! },
    json: {
      added_tokens: [
        ...addedTokens(special, 0, true, options.stripping),
        ...addedTokens(ordinary, special.length, false),
      ],
      normalizer: null,
      pre_tokenizer: null,
      post_processor: null,
      model: {
        type: "BPE",
        unk_token: special[0]!,
        byte_fallback,
        vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
        merges,
      },
      ...rest,
    },
  });
}

const qwenCut =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/** Bytes, a few merges, Qwen's normaliser and its way to cut text: byte-level as Llama 3 and Qwen are. */
export function tinyByteLevel(options: TinyOptions): Tokenizer {
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false };
  const split = { type: "Split", pattern: { Regex: qwenCut }, behavior: "Isolated", invert: false };
  return create(options, [...byteAlphabet, "th", "the", "Ġthe", "ĠĠ", "ĊĊ"], {
    normalizer: { type: "NFC" },
    pre_tokenizer: { type: "Sequence", pretokenizers: [split, byteLevel] },
    decoder: byteLevel,
    merges: ["t h", "th e", "Ġ the", "Ġ Ġ", "Ċ Ċ"],
  });
}

/** SentencePiece writing with bytes for what has no token, as Gemma is. */
export function tinySentencePiece(options: TinyOptions): Tokenizer {
  const hex = (byte: number): string => byte.toString(16).toUpperCase().padStart(2, "0");
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${hex(byte)}>`);
  const letters = Array.from("▁abcdefghijklmnopqrstuvwxyz.,!?\n");
  return create(options, [...bytes, ...letters, "th", "the", "▁the", "▁▁", "\n\n"], {
    normalizer: { type: "Replace", pattern: { String: " " }, content: "▁" },
    pre_tokenizer:
      options.isSpacedFirst === true
        ? { type: "Metaspace", replacement: "▁", prepend_scheme: "first", split: false }
        : { type: "Split", pattern: { String: " " }, behavior: "MergedWithPrevious", invert: false },
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: "▁" }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
      ],
    },
    byte_fallback: true,
    merges: [
      ["t", "h"],
      ["th", "e"],
      ["▁", "the"],
      ["▁", "▁"],
      ["\n", "\n"],
    ],
  });
}
