import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { createLineSplitter, type StreamLine } from "./lines.ts";

const encoder = new TextEncoder();

function split(chunks: readonly Uint8Array[], maxLineBytes = 1000): readonly StreamLine[] {
  const lines = createLineSplitter(maxLineBytes);
  return [...chunks.flatMap((chunk) => lines.push(chunk)), ...lines.end()];
}

test("lines come without their ends, numbered from 1, the last one also without an end", () => {
  assert.deepEqual(split([encoder.encode("one\r\n\ntwo\nthree")]), [
    { number: 1, text: "one" },
    { number: 2, text: "" },
    { number: 3, text: "two" },
    { number: 4, text: "three" },
  ]);
  assert.deepEqual(split([]), []);
  assert.deepEqual(split([encoder.encode("one\n")]), [{ number: 1, text: "one" }]);
});

test("chunks cut nothing, characters of several bytes neither", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "grapheme", maxLength: 60 }),
      fc.integer({ min: 1, max: 7 }),
      (text, size) => {
        const bytes = encoder.encode(`${text}\n世界\n👩‍💻`);
        const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
          bytes.subarray(i * size, (i + 1) * size),
        );
        assert.deepEqual(split(chunks), split([bytes]));
      },
    ),
  );
});

test("a line over the bound has no text, a line at the bound has", () => {
  const chunks = ["12345\n123", "456\n", "1", "\n123456"].map((text) => encoder.encode(text));
  assert.deepEqual(split(chunks, 5), [
    { number: 1, text: "12345" },
    { number: 2, text: undefined },
    { number: 3, text: "1" },
    { number: 4, text: undefined },
  ]);
});
