/** Tokens that complete a mark behind a text that ends with its first characters. */
export interface Completions {
  /** Those that end with the mark. */
  readonly exact: ReadonlySet<number>;
  /** Those that go on behind it. */
  readonly beyond: readonly number[];
}

/** Watches free text for a mark that is written in ordinary tokens. */
export interface MarkWatch {
  /** The last bytes of the text, as many as matter; one character a byte. */
  after(tail: string, id: number): string;
  /** Whether the text ends with the mark. */
  isComplete(tail: string): boolean;
  /** What the next token may complete. */
  completions(tail: string): readonly Completions[];
}

/** A watch for `mark` (ASCII). `bytesOf` gives a token's bytes, none for special tokens. */
export function createMarkWatch(
  mark: string,
  vocabSize: number,
  bytesOf: (id: number) => Uint8Array,
): MarkWatch {
  const byBegun = new Map<number, Completions>();
  const textOf = (id: number): string => String.fromCharCode(...bytesOf(id));

  /** Tokens that complete the mark of which `begun` characters have come: found once by going through the vocabulary. */
  const complete = (begun: number): Completions => {
    const known = byBegun.get(begun);
    if (known !== undefined) return known;
    const rest = mark.slice(begun);
    const exact = new Set<number>();
    const beyond: number[] = [];
    for (let id = 0; id < vocabSize; id++) {
      if (bytesOf(id).length < rest.length) continue;
      const text = textOf(id);
      // With nothing begun the mark may stand anywhere in the token.
      const at = begun === 0 ? text.indexOf(rest) : text.startsWith(rest) ? 0 : -1;
      if (at < 0) continue;
      if (at + rest.length === text.length) exact.add(id);
      else beyond.push(id);
    }
    const completions = { exact, beyond };
    byBegun.set(begun, completions);
    return completions;
  };

  return {
    after: (tail, id) => (tail + textOf(id)).slice(-mark.length),
    isComplete: (tail) => tail === mark,
    completions: (tail) =>
      Array.from({ length: mark.length }, (_, begun) => begun)
        .filter((begun) => tail.endsWith(mark.slice(0, begun)))
        .map(complete),
  };
}
