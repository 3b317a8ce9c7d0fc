/** Turns tokens into text one by one; text appears as soon as its last byte has come. */
export interface StreamDecoder {
  /** The text that this token completed: empty inside a multi-byte character. */
  push(id: number): string;
  /** What is left, with U+FFFD for an unfinished character. */
  flush(): string;
}

/** `bytesOf(id)` is what a token writes; special tokens write their own text. O(bytes of the token) for each push. */
export function createStreamDecoder(bytesOf: (id: number) => Uint8Array): StreamDecoder {
  const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
  return {
    push: (id) => utf8.decode(bytesOf(id), { stream: true }),
    flush: () => utf8.decode(),
  };
}
