import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../base/random.ts";
import { packageRoot } from "../flow/package-files.ts";
import { shippedTokenizer } from "../tokenizer/shipped-tokenizer.test.support.ts";
import { loadTokenizer } from "../tokenizer/tokenizer.ts";
import { writeCalls } from "../tools/call-format.ts";
import { generateBaseCorpus } from "./base-corpus.ts";
import { encodeExample, type Span } from "./encode.ts";
import { generateToolbox } from "./toolbox/generate.ts";
import type { Example } from "./types.ts";

const tokenizer = shippedTokenizer();
const examples = [
  ...generateToolbox({ split: "train", seed: 9, examples: 200 }).examples,
  ...generateBaseCorpus({ seed: 9, examples: 200 }),
];
const byBehaviour = (behaviour: string): Example =>
  examples.find((example) => example.expect.behaviour === behaviour)!;

function reader(ids: readonly number[]): (span: Span) => string {
  return ([start, end]) => tokenizer.decode(ids.slice(start, end));
}

test("both turns, and nothing else, are the completion", () => {
  for (const example of examples) {
    for (const voice of ["teacher", "direct"] as const) {
      const { ids, completion, segments } = encodeExample(example, tokenizer, { voice });
      const read = reader(ids);
      const calls = writeCalls(example.expect.calls);
      const first = voice === "direct" && calls !== "" ? calls : example.teacher!.text;
      assert.equal(read(segments.firstCompletion), `${first}<|end|>`);
      assert.equal(segments.promptTokens, segments.firstCompletion[0]);
      const spans = [segments.firstCompletion, ...(segments.answer === undefined ? [] : [segments.answer])];
      const marked = completion.reduce((sum, one) => sum + one, 0);
      assert.equal(
        marked,
        spans.reduce((sum, [start, end]) => sum + end - start, 0),
      );
      assert.ok(spans.every(([start, end]) => completion.subarray(start, end).every((one) => one === 1)));
      if (example.expect.calls.length === 0) assert.equal(segments.answer, undefined);
      else assert.equal(read(segments.answer!), `${example.teacher!.answer}<|end|>`);
    }
  }
});

test("the whole is what the template writes for the whole chat", () => {
  for (const example of examples) {
    const { ids } = encodeExample(example, tokenizer, { voice: "direct" });
    const calls = example.expect.calls;
    const chat =
      calls.length === 0
        ? [...example.messages, { role: "assistant", content: example.teacher!.text } as const]
        : [
            ...example.messages,
            { role: "assistant", content: null, tool_calls: calls } as const,
            ...example.fixtures!.map(
              (fixture) => ({ role: "tool", content: JSON.stringify(fixture.result) }) as const,
            ),
            { role: "assistant", content: example.teacher!.answer! } as const,
          ];
    assert.deepEqual(ids, tokenizer.encodeChat(chat, example.tools));
  }
});

test("call, name and argument spans hold just that", () => {
  for (const example of examples) {
    const { ids, segments } = encodeExample(example, tokenizer, { voice: "teacher" });
    const read = reader(ids);
    assert.deepEqual(
      segments.callSpans.map(read),
      example.expect.calls.map((call) => writeCalls([call])),
    );
    assert.deepEqual(
      segments.toolNameSpans.map(read),
      example.expect.calls.map((call) => call.name),
    );
    for (const [i, call] of example.expect.calls.entries()) {
      // A closing quote is one token with the braces after it.
      const written = JSON.stringify(call.arguments).slice(1, -1).replace(/^"/, "");
      assert.equal(
        read(segments.argumentSpans[i]!),
        written.endsWith('"') ? `${written}}}` : written,
        example.id,
      );
    }
  }
});

test("dropout changes the prompt's tokens and nothing that is said", () => {
  const example = byBehaviour("tool");
  const plain = encodeExample(example, tokenizer, { voice: "teacher" });
  const dropped = encodeExample(example, tokenizer, {
    voice: "teacher",
    dropout: { p: 0.3, random: createRandom(1) },
  });
  assert.ok(dropped.segments.promptTokens > plain.segments.promptTokens);
  assert.equal(tokenizer.decode(dropped.ids), tokenizer.decode(plain.ids));
  assert.deepEqual(
    dropped.ids.slice(dropped.segments.promptTokens),
    plain.ids.slice(plain.segments.promptTokens),
  );
});

test("what cannot be encoded is refused with the example's id", () => {
  const example = byBehaviour("tool");
  const { teacher: _, ...silent } = byBehaviour("no_tool");
  const cases: readonly (readonly [Example, RegExp])[] = [
    [{ ...example, teacher: { ...example.teacher!, text: "Sure.<|call|>{" } }, /whole calls/],
    [{ ...example, fixtures: [] }, /expected a result/],
    [
      {
        ...example,
        teacher: { ...example.teacher!, text: example.teacher!.text.replace('{"name":', '{ "name":') },
      },
      /template/,
    ],
    [silent, /reply/],
  ];
  for (const [bad, message] of cases) {
    assert.throws(
      () => encodeExample(bad, tokenizer, { voice: "teacher" }),
      (error: Error) => {
        assert.match(error.message, message);
        assert.ok(error.message.includes(bad.id));
        return (error as Error & { code?: string }).code === "invalid_dataset";
      },
    );
  }
});

test("the shipped tokenizer has the fingerprint of its file", () => {
  assert.equal(loadTokenizer(`${packageRoot}/assets/tokenizer`).fingerprint, tokenizer.fingerprint);
});
