/**
 * The printable stand-ins of bytes that byte-level vocabularies use (GPT-2, Radford et al. 2019): a byte that is a
 * printable Latin-1 character stands for itself, the 68 others are moved to U+0100 and up.
 */
const charOfByte: readonly string[] = (() => {
  const isPrintable = (b: number) =>
    (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || (b >= 0xae && b <= 0xff);
  let moved = 0;
  return Array.from({ length: 256 }, (_, b) => String.fromCharCode(isPrintable(b) ? b : 0x100 + moved++));
})();

const byteOfChar: ReadonlyMap<string, number> = new Map(charOfByte.map((c, b) => [c, b]));

/** The 256 characters, in the order of their bytes. */
export const byteAlphabet: readonly string[] = charOfByte;

const utf8 = new TextEncoder();

/** `text` as UTF-8 bytes, each written as its stand-in character. */
export function toByteLevel(text: string): string {
  let out = "";
  for (const byte of utf8.encode(text)) out += charOfByte[byte];
  return out;
}

/** The bytes that a byte-level token stands for; null where it holds a character outside the alphabet. */
export function bytesOfToken(token: string): Uint8Array | null {
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const byte = byteOfChar.get(token.charAt(i));
    if (byte === undefined) return null;
    bytes[i] = byte;
  }
  return bytes;
}
