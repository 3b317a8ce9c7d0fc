import { invariant } from "../../base/errors.ts";
import type { Tokenizer } from "../../tokenizer/tokenizer.ts";

/** Characters that may follow a forced text and change how its end is cut into tokens. */
const probes = Array.from('aeA0 ".:,-_\\/}]{[\né中');
const mostKnown = 4096;

/** Tokens of texts that must come. */
export interface ForcedEncoder {
  /** Tokens of a text that is followed by the end or by a special token. */
  whole(bytes: Uint8Array): readonly number[];
  /**
   * The tokens with which the tokenizer begins the text, whatever follows it: those that no probe changes, less the
   * last one, which more of what follows might join. So a forced text is cut as the model has learnt it.
   */
  beginning(bytes: Uint8Array): readonly number[];
}

type Encoding = Pick<Tokenizer, "encodePlain" | "tokenBytes" | "vocabSize" | "isSpecial">;

export function createForcedEncoder(tokenizer: Encoding): ForcedEncoder {
  const utf8 = new TextEncoder();
  const known = new Map<string, readonly number[]>();
  let byteIds: readonly (number | undefined)[] | undefined;

  /** One token for each byte: how a text is written that begins inside a character. */
  const spell = (bytes: Uint8Array): readonly number[] => {
    byteIds ??= findByteIds(tokenizer);
    return Array.from(bytes, (byte) => {
      const id = byteIds![byte];
      invariant(id !== undefined, `expected a token of the byte ${byte}, got none`);
      return id;
    });
  };

  /** Whether the tokens write these bytes and no more: some tokenizers begin every text with a space. */
  const writes = (ids: readonly number[], bytes: Uint8Array): boolean => {
    let at = 0;
    for (const id of ids) for (const byte of tokenizer.tokenBytes(id)) if (bytes[at++] !== byte) return false;
    return at === bytes.length;
  };

  const stable = (text: string): readonly number[] => {
    const ids = tokenizer.encodePlain(text);
    let length = ids.length - 1;
    for (const probe of probes) {
      const other = tokenizer.encodePlain(text + probe);
      for (let i = 0; i < length; i++) if (other[i] !== ids[i]) length = i;
    }
    return writes(ids, utf8.encode(text)) ? ids.slice(0, Math.max(0, length)) : [];
  };

  const remember = (key: string, compute: () => readonly number[]): readonly number[] => {
    let ids = known.get(key);
    if (ids === undefined) {
      ids = compute();
      if (known.size >= mostKnown) known.clear();
      known.set(key, ids);
    }
    return ids;
  };

  return {
    whole: (bytes) => {
      let from = 0;
      while (from < bytes.length && (bytes[from]! & 0xc0) === 0x80) from++;
      const rest = bytes.subarray(from);
      const text = new TextDecoder().decode(rest);
      const ids = remember(`whole ${text}`, () => {
        const encoded = tokenizer.encodePlain(text);
        return writes(encoded, rest) ? encoded : spell(rest);
      });
      return from === 0 ? ids : [...spell(bytes.subarray(0, from)), ...ids];
    },
    beginning: (bytes) => {
      if (((bytes[0] ?? 0) & 0xc0) === 0x80) return [];
      // A stream keeps back what is not a whole character yet.
      const text = new TextDecoder().decode(bytes, { stream: true });
      return remember(`begin ${text}`, () => stable(text));
    },
  };
}

function findByteIds({ vocabSize, tokenBytes, isSpecial }: Encoding): readonly (number | undefined)[] {
  const ids: (number | undefined)[] = [];
  for (let id = vocabSize - 1; id >= 0; id--) {
    const bytes = tokenBytes(id);
    if (bytes.length === 1 && !isSpecial(id)) ids[bytes[0]!] = id;
  }
  return ids;
}
