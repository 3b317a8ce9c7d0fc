import { anyOf } from "./content-guard.ts";

// Characters of text whose ids are kept: some hundred thousand tokens.
const keptCharacters = 1 << 22;

/**
 * Encodes text that grows by the end, such as a chat: cut at its special tokens, each stretch between them encoded
 * once. Special tokens are found before anything else in the text and nothing is merged across them, so the ids are those of the
 * whole text; a message that was encoded in an earlier prompt costs a look-up.
 */
export interface SegmentEncoder {
  encode(text: string): number[];
}

/** `encode` gives the ids of a text, special tokens included; `cutTokens` are the special tokens with their ids. */
export function createSegmentEncoder(
  encode: (text: string) => readonly number[],
  cutTokens: ReadonlyMap<string, number>,
): SegmentEncoder {
  const split = anyOf([...cutTokens.keys()], "u");
  const known = new Map<string, readonly number[]>();
  let characters = 0;

  const encodeStretch = (text: string): readonly number[] => {
    const found = known.get(text);
    // Put last: what was not used for longest is first.
    if (found !== undefined) known.delete(text);
    const ids = found ?? encode(text);
    known.set(text, ids);
    if (found === undefined) makeRoom(text);
    return ids;
  };

  const makeRoom = (newest: string): void => {
    characters += newest.length;
    if (characters <= keptCharacters) return;
    for (const oldest of known.keys()) {
      if (characters <= keptCharacters || oldest === newest) return;
      known.delete(oldest);
      characters -= oldest.length;
    }
  };

  return {
    encode(text) {
      const ids: number[] = [];
      for (const part of text.split(split)) {
        if (part.length === 0) continue;
        const id = cutTokens.get(part);
        if (id !== undefined) ids.push(id);
        else for (const each of encodeStretch(part)) ids.push(each);
      }
      return ids;
    },
  };
}
