import assert from "node:assert/strict";
import { test } from "node:test";
import { claudeStream, narrate, openAiStream, textsOf } from "./narrate.test.support.ts";
import { type TextCase, textCases } from "./text-cases.test.support.ts";

/** What was heard, in the shape that the case expects it. */
function heardAs(expected: TextCase[1], texts: readonly string[]): TextCase[1] {
  return typeof expected === "string" ? texts.join(" ") : texts;
}

for (const [kind, cases] of Object.entries(textCases)) {
  test(`${kind}: ${cases.length} texts are heard as a person wants them`, () => {
    for (const [written, heard] of cases) {
      const pieces = written.split("¦");
      const text = pieces.join("");
      const ways: Readonly<Record<string, readonly string[]>> = {
        "Claude Code, in pieces": textsOf(narrate(claudeStream(pieces))),
        "Claude Code, letter by letter": textsOf(narrate(claudeStream([...text]))),
        "OpenAI, in pieces": textsOf(narrate(openAiStream(pieces))),
        "plain text": textsOf(narrate(text, "plain")),
      };
      for (const [way, texts] of Object.entries(ways))
        assert.deepEqual(heardAs(heard, texts), heard, `${way}: ${JSON.stringify(written)}`);
    }
  });
}

test("each kind of failure has at least 20 texts", () => {
  for (const [kind, cases] of Object.entries(textCases)) assert.ok(cases.length >= 20, kind);
});
