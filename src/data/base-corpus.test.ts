import assert from "node:assert/strict";
import { test } from "node:test";
import { readCalls } from "../tools/call-stream.ts";
import { createFixtureBroker } from "../tools/fixtures.ts";
import { createCallValidator } from "../tools/validator.ts";
import { generateBaseCorpus } from "./base-corpus.ts";
import { toolboxIntents } from "./toolbox/generate.ts";
import { slotsOf } from "./toolbox/intent.ts";
import { toolboxNames } from "./toolbox/tools.ts";
import { isControl } from "./types.ts";
import { heldOutWords } from "./words.ts";

const corpus = generateBaseCorpus({ seed: 1, examples: 3000 });

test("calls are valid, copied from the request, and said as expected", () => {
  // Each made-up schema is compiled, which takes a millisecond.
  for (const example of corpus.slice(0, 800)) {
    const validator = createCallValidator(example.tools);
    const request = example.messages[0]!.content!.toLowerCase();
    const broker = createFixtureBroker(example.fixtures ?? []);
    assert.deepEqual(readCalls(example.teacher!.text).calls, example.expect.calls);
    for (const call of example.expect.calls) {
      assert.deepEqual(validator.validate(call), { valid: true }, example.id);
      assert.ok(broker.answer(call).hit);
      for (const value of Object.values(call.arguments)) {
        assert.ok(
          request.includes(String(value).toLowerCase()),
          `${example.id}: ${value} is not in "${request}"`,
        );
      }
    }
  }
});

test("a request that asks back leaves out a required value that was there to give", () => {
  const declined = corpus.filter((example) => example.expect.behaviour === "decline");
  assert.ok(declined.length > 100);
  for (const example of declined) {
    const asked = /(?:Which|What is the|tell me the) (\w+)[?.]$/.exec(example.teacher!.text)?.[1];
    const required = example.tools.flatMap((tool) => tool.function.parameters["required"] as string[]);
    assert.ok(asked !== undefined && required.includes(asked), `${example.id}: ${example.teacher!.text}`);
  }
});

test("a refused request names no tool that is offered", () => {
  const refused = corpus.filter((example) =>
    /tool for|None of my tools|cannot do/.test(example.teacher!.text),
  );
  assert.ok(refused.length > 200);
  for (const { messages, tools, id } of refused) {
    const words = new Set(messages[0]!.content!.toLowerCase().match(/[a-z]+/g));
    for (const tool of tools) {
      const parts = tool.function.name.split("_");
      assert.ok(
        !parts.every((part) => words.has(part)),
        `${id}: ${tool.function.name} in "${messages[0]!.content}"`,
      );
    }
  }
});

test("it holds nothing of the toolbox and no held-out word", () => {
  const phrases = new Set(
    toolboxIntents
      .flatMap((intent) => [...intent.requests.train.flat(), ...intent.requests.test.flat()])
      .filter((phrase) => slotsOf(phrase).length === 0),
  );
  for (const example of corpus) {
    assert.ok(
      example.tools.every((tool) => !toolboxNames.includes(tool.function.name)),
      example.id,
    );
    const request = example.messages[0]!.content!.toLowerCase();
    assert.ok(!phrases.has(request));
    const text = [request, example.teacher!.text, ...example.tools.map((tool) => tool.function.name)]
      .join(" ")
      .toLowerCase();
    for (const word of text.match(/[a-z]+/g) ?? [])
      assert.ok(!heldOutWords.has(word), `${example.id}: ${word}`);
  }
});

test("it has calls with and without a lead-in, several calls, controls and copies", () => {
  const calling = corpus.filter((example) => example.expect.calls.length > 0);
  const silent =
    calling.filter((example) => example.teacher!.text.startsWith("<|call|>")).length / calling.length;
  assert.ok(silent > 0.45 && silent < 0.55, `${silent} without lead-in`);
  assert.ok(corpus.filter((example) => example.expect.calls.length > 1).length > 250);
  assert.ok(corpus.filter(isControl).length > 600);
  const copies = corpus.filter((example) => example.tools.length === 0);
  assert.ok(copies.length > 100);
  for (const copy of copies) assert.ok(copy.messages[0]!.content!.endsWith(copy.teacher!.text));
});

test("the same seed gives the same examples", () => {
  assert.deepEqual(generateBaseCorpus({ seed: 1, examples: 20 }), corpus.slice(0, 20));
  assert.notDeepEqual(generateBaseCorpus({ seed: 2, examples: 20 })[0]!.messages, corpus[0]!.messages);
});
