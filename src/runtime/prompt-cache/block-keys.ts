import { createHash } from "node:crypto";

/**
 * Keys of the first `count` blocks of a prompt: sha-256 in lower-case hexadecimal. Each stands for every token from the
 * first one to the block's end, and for `namespace` (what else decides the bits of keys and values), so that a path
 * from the root of the prefix tree is a list of keys, and two prompts share keys exactly as far as they share blocks.
 */
export function blockKeys(
  namespace: string,
  ids: readonly number[],
  blockTokens: number,
  count: number,
): string[] {
  const keys: string[] = [];
  let before = createHash("sha256").update(namespace).digest();
  for (let block = 0; block < count; block++) {
    const tokens = Int32Array.from(ids.slice(block * blockTokens, (block + 1) * blockTokens));
    before = createHash("sha256").update(before).update(new Uint8Array(tokens.buffer)).digest();
    keys.push(before.toString("hex"));
  }
  return keys;
}
