import { LimbeckError } from "../base/errors.ts";
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
 * What gives the bytes that a token writes, by id; special tokens write their own text, ids without a token nothing. Each
 * is made when it is first asked for: vocabularies are large, and one generation uses little of them.
 * Errors: what `fail` makes, where the decoder is of a kind that is not known.
 */
export function createTokenBytes(
  decoder: JsonRecord,
  tokens: readonly string[],
  isSpecial: (id: number) => boolean,
  fail: (message: string) => LimbeckError,
): (id: number) => Uint8Array {
  const writing = writingOf(decoder);
  if (writing === null) {
    throw fail(`expected a ByteLevel or Metaspace decoder in tokenizer.json, got ${String(decoder["type"])}`);
  }
  const write = writers[writing];
  const made: Uint8Array[] = [];
  return (id) => {
    const known = made[id];
    if (known !== undefined) return known;
    if (!Number.isInteger(id) || id < 0 || id >= tokens.length)
      throw new LimbeckError("internal", `token id: expected 0 to ${tokens.length - 1}, got ${id}`);
    const token = tokens[id] ?? "";
    const bytes = isSpecial(id) ? utf8.encode(token) : write(token);
    made[id] = bytes;
    return bytes;
  };
}
