import type { LimbeckError } from "../base/errors.ts";
import type { Json } from "../base/json.ts";
import { bytesOfToken } from "./byte-level.ts";

type JsonRecord = { readonly [key: string]: Json };

/** How a vocabulary writes its tokens: as stand-ins of bytes, or as text with `▁` for a space and `<0xNN>` for bytes. */
type TokenWriting = "byte_level" | "sentencepiece";

const utf8 = new TextEncoder();

function writingOf(decoder: JsonRecord): TokenWriting | null {
  const steps = [decoder, ...((decoder["decoders"] ?? []) as readonly JsonRecord[])];
  const types = steps.map((step) => step["type"]);
  if (types.includes("ByteLevel")) return "byte_level";
  const isSpaceMark = (step: JsonRecord): boolean => JSON.stringify(step["pattern"] ?? null).includes("▁");
  if (types.includes("Metaspace") || steps.some(isSpaceMark)) return "sentencepiece";
  return null;
}

const writers: { readonly [W in TokenWriting]: (token: string) => Uint8Array } = {
  byte_level: (token) => bytesOfToken(token) ?? utf8.encode(token),
  sentencepiece: (token) => {
    const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(token)?.[1];
    return byte === undefined
      ? utf8.encode(token.replaceAll("▁", " "))
      : Uint8Array.of(Number.parseInt(byte, 16));
  },
};

/**
 * The bytes that each token writes, by id; special tokens write their own text, ids without a token nothing.
 * Errors: what `fail` makes, where the decoder is of a kind that is not known.
 */
export function createTokenBytes(
  decoder: JsonRecord,
  tokens: readonly string[],
  specialIds: ReadonlySet<number>,
  fail: (message: string) => LimbeckError,
): readonly Uint8Array[] {
  const writing = writingOf(decoder);
  if (writing === null) {
    throw fail(`expected a ByteLevel or Metaspace decoder in tokenizer.json, got ${String(decoder["type"])}`);
  }
  const write = writers[writing];
  return Array.from(tokens, (token, id) =>
    token === undefined ? new Uint8Array(0) : specialIds.has(id) ? utf8.encode(token) : write(token),
  );
}
