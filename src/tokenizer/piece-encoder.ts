import type { Tokenizer as HfTokenizer } from "@huggingface/tokenizers";
import { LimbeckError } from "../base/errors.ts";
import type { Json } from "../base/json.ts";
import type { Random } from "../base/random.ts";
import { type BpeModel, mergePiece, pairKey } from "./bpe.ts";
import { toByteLevel } from "./byte-level.ts";

/** Encodes plain text piece by piece, each piece once: words recur, so most are looked up. */
export interface PieceEncoder {
  /** `dropout` is the probability to skip a merge; pieces are then merged anew each time. */
  encode(text: string, dropout?: number, random?: Random): number[];
}

// Words recur, rare ones do not: past this many the cache begins anew.
const cacheLimit = 65_536;

/**
 * An encoder for a BPE model; null where the model is none. `split` cuts text into pieces of a byte-level vocabulary;
 * without it the library's own pre-tokenizer does.
 */
export function createPieceEncoder(
  library: HfTokenizer,
  model: { readonly [key: string]: Json },
  idOf: ReadonlyMap<string, number>,
  split?: (text: string) => string[],
): PieceEncoder | null {
  const { merges } = model;
  const { normalizer, pre_tokenizer: preTokenizer } = library;
  if (model["type"] !== "BPE" || !Array.isArray(merges) || preTokenizer === null) return null;
  const ranks = new Map<string, number>();
  (merges as readonly Json[]).forEach((merge, rank) => {
    const [left, right] = (typeof merge === "string" ? merge.split(" ") : merge) as [string, string];
    ranks.set(pairKey(left, right), rank);
  });
  const bpe: BpeModel = { ranks, idOf };
  const cache = new Map<string, number[]>();
  const merge = (piece: string, dropout: number, random: Random | undefined): number[] =>
    mergePiece(bpe, split === undefined ? piece : toByteLevel(piece), dropout, random).map((token) => {
      const id = idOf.get(token);
      if (id !== undefined) return id;
      throw new LimbeckError(
        "invalid_checkpoint",
        `tokenizer: expected "${token}" to be in the vocabulary, got none`,
        {
          cure: "The merges and the vocabulary of tokenizer.json do not belong together.",
        },
      );
    });
  const cut = (text: string): string[] => {
    const normal = normalizer === null ? text : normalizer.normalize(text);
    return split === undefined ? preTokenizer.pre_tokenize(normal) : split(normal);
  };
  return {
    encode(text, dropout = 0, random) {
      const ids: number[] = [];
      for (const piece of cut(text)) {
        let found = dropout > 0 ? merge(piece, dropout, random) : cache.get(piece);
        if (found === undefined) {
          found = merge(piece, 0, undefined);
          if (cache.size >= cacheLimit) cache.clear();
          cache.set(piece, found);
        }
        for (const id of found) ids.push(id);
      }
      return ids;
    },
  };
}
