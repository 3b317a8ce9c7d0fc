import assert from "node:assert/strict";
import { test } from "node:test";
import { cutBytes, narrate, narrateChunks, textsOf } from "./narrate.test.support.ts";
import { streamCases } from "./stream-cases.test.support.ts";

for (const [kind, cases] of Object.entries(streamCases)) {
  test(`${kind}: ${cases.length} streams are heard as a person wants them`, () => {
    for (const [events, heard] of cases) {
      const lines = events.map((event) => JSON.stringify(event)).join("\n");
      assert.deepEqual(textsOf(narrate(lines)), heard, lines);
      assert.deepEqual(textsOf(narrate(`${lines}\n`, undefined)), heard, lines);
      const everyTenth = Array.from({ length: 100 }, (_, i) => i / 100);
      assert.deepEqual(textsOf(narrateChunks(cutBytes(lines, everyTenth))), heard, lines);
    }
  });
}

test("each kind of failure has at least 20 streams", () => {
  for (const [kind, cases] of Object.entries(streamCases)) assert.ok(cases.length >= 20, kind);
});
