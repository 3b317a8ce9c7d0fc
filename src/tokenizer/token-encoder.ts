import { LimbeckError } from "../base/errors.ts";
import type { Random } from "../base/random.ts";
import { anyOf } from "./content-guard.ts";
import { createPieceEncoder, type PieceEncoder } from "./piece-encoder.ts";
import { piecePattern, splitPieces } from "./pre-tokenize.ts";
import { createSegmentEncoder } from "./segment-encoder.ts";
import type { TokenizerParts } from "./tokenizer-files.ts";
import type { AddedToken, Vocabulary } from "./vocabulary.ts";

/** Text to ids in three ways; added tokens in the text count as such in each. */
export interface TokenEncoder {
  encode(text: string): number[];
  /** As `encode`, remembering each stretch between special tokens: for text of which much came before. */
  encodeGrowing(text: string): number[];
  /** Each BPE merge skipped with probability `p`. Errors: `invalid_config` where the model is not BPE. */
  encodeWithDropout(text: string, p: number, random: Random): number[];
}

/** Special tokens at which text may be cut: none where the beginning of a text is encoded otherwise than its middle. */
function cutTokens({ json }: TokenizerParts, { added, isSpecial }: Vocabulary): Map<string, number> {
  const steps = JSON.stringify([json["normalizer"] ?? null, json["pre_tokenizer"] ?? null]);
  if (/"(Prepend|Metaspace)"|"add_prefix_space":true/.test(steps)) return new Map();
  const standsAlone = (token: AddedToken): boolean =>
    isSpecial(token.id) && !token.normalized && !token.lstrip && !token.rstrip && !token.single_word;
  return new Map(added.filter(standsAlone).map(({ content, id }) => [content, id]));
}

/** The encoders of a vocabulary. */
export function createTokenEncoder(parts: TokenizerParts, vocabulary: Vocabulary): TokenEncoder {
  const { library, model, idOf, added } = vocabulary;
  let addedSplit: RegExp | undefined;
  const encodeBy = (pieces: PieceEncoder, text: string, p = 0, random?: Random): number[] => {
    addedSplit ??= anyOf(
      added.map((token) => token.content),
      "u",
    );
    return text.split(addedSplit).flatMap((part, i) => {
      const id = i % 2 === 1 ? idOf.get(part) : undefined;
      return id === undefined ? pieces.encode(part, p, random) : [id];
    });
  };
  // Our own cut into pieces is known, so pieces can be looked up; any other tokenizer is the library's business.
  const own = JSON.stringify(parts.json["pre_tokenizer"] ?? null).includes(JSON.stringify(piecePattern))
    ? createPieceEncoder(library, model, idOf, splitPieces)
    : null;
  const encode = (text: string): number[] => {
    if (text.length === 0) return [];
    return own === null ? library.encode(text, { add_special_tokens: false }).ids : encodeBy(own, text);
  };
  const segments = createSegmentEncoder(encode, cutTokens(parts, vocabulary));
  let dropper: PieceEncoder | null | undefined;
  return {
    encode,
    encodeGrowing: segments.encode,
    encodeWithDropout: (text, p, random) => {
      dropper ??= createPieceEncoder(library, model, idOf);
      if (dropper !== null) return encodeBy(dropper, text, p, random);
      throw new LimbeckError(
        "invalid_config",
        `BPE dropout: expected a BPE model, got ${String(model["type"])}`,
        { cure: "Set the dropout to 0 for this tokenizer.", fields: { source: parts.source } },
      );
    },
  };
}
