import * as path from "node:path";
import { LimbeckError } from "../base/errors.ts";
import { checkTokenizer } from "../tokenizer/tokenizer.ts";
import type { ModelConfig } from "./config.ts";
import { type BlockSize, isInBlocks, type WeightFormat } from "./weight-formats.ts";

/** A block size says nothing about formats without blocks. Error: `invalid_request`. */
export function checkBlock(format: WeightFormat, block: BlockSize | undefined): void {
  if (block !== undefined && !isInBlocks[format]) {
    throw new LimbeckError("invalid_request", `export ${format}: expected no block size, got ${block}`, {
      cure: "Leave it out, or choose int8-block or int4.",
      fields: { format, block },
    });
  }
}

/** A prompt of no tokens, or of more than the context, could never be measured. Error: `invalid_request`. */
export function checkedShapes(shapes: readonly number[], contextLength: number): number[] {
  const isPossible = (length: number): boolean =>
    Number.isInteger(length) && length >= 1 && length <= contextLength;
  if (shapes.length > 0 && shapes.every(isPossible)) return [...shapes];
  const got = shapes.find((length) => !isPossible(length)) ?? "none";
  throw new LimbeckError(
    "invalid_request",
    `export: shapes: expected prompt lengths from 1 to ${contextLength}, the model's context, got ${got}`,
    {
      cure: "Give shapes within the context, or leave them out.",
      fields: { option: "shapes", contextLength, got },
    },
  );
}

/** An artefact whose tokenizer does not work could be exported but never opened. Errors: those of `checkTokenizer`. */
export function checkVocabulary(dir: string, { vocabSize }: ModelConfig): void {
  const tokens = checkTokenizer(dir).vocabSize;
  if (tokens <= vocabSize) return;
  throw new LimbeckError(
    "invalid_checkpoint",
    `${path.join(dir, "tokenizer.json")}: expected at most ${vocabSize} tokens, as config.json says, got ${tokens}`,
    {
      cure: "Use the tokenizer of this model.",
      fields: { path: dir, expected: vocabSize, got: tokens },
    },
  );
}
