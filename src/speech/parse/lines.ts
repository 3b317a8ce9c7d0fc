/** One line of a stream, without its end; `text` is undefined where the line was longer than the bound. */
export interface StreamLine {
  /** Counts from 1. */
  readonly number: number;
  readonly text: string | undefined;
}

export interface LineSplitter {
  push(chunk: Uint8Array): readonly StreamLine[];
  /** The last line, if it has no end. */
  end(): readonly StreamLine[];
}

const newline = 10;

/**
 * Cuts bytes into lines, whatever the chunks, and decodes whole lines only, so that a character never falls between two
 * chunks. A line longer than `maxLineBytes` is dropped as it comes: memory stays bounded.
 */
export function createLineSplitter(maxLineBytes: number): LineSplitter {
  const decoder = new TextDecoder();
  let parts: Uint8Array[] = [];
  let bytes = 0;
  let isTooLong = false;
  let number = 1;

  const keep = (part: Uint8Array): void => {
    if (part.length === 0 || isTooLong) return;
    bytes += part.length;
    if (bytes > maxLineBytes) {
      isTooLong = true;
      parts = [];
    } else {
      // A copy: the caller may use its buffer again.
      parts.push(part.slice());
    }
  };

  const take = (): StreamLine => {
    const text = isTooLong ? undefined : decoder.decode(parts.length === 1 ? parts[0] : Buffer.concat(parts));
    const line = { number, text: text?.endsWith("\r") ? text.slice(0, -1) : text };
    parts = [];
    bytes = 0;
    isTooLong = false;
    number++;
    return line;
  };

  return {
    push: (chunk) => {
      const lines: StreamLine[] = [];
      let start = 0;
      for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
        keep(chunk.subarray(start, end));
        lines.push(take());
        start = end + 1;
      }
      keep(chunk.subarray(start));
      return lines;
    },
    end: () => (bytes > 0 ? [take()] : []),
  };
}
