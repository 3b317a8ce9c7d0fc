import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../base/random.ts";
import { readCalls } from "../../tools/call-stream.ts";
import { createFixtureBroker } from "../../tools/fixtures.ts";
import { createCallValidator } from "../../tools/validator.ts";
import { fingerprintDataset } from "../fingerprints.ts";
import { type Example, isControl } from "../types.ts";
import { heldOutWords } from "../words.ts";
import { chat, outOfScope } from "./controls.ts";
import { generateToolbox, toolboxIntents } from "./generate.ts";
import { drawPhrase, type Split, slotsOf, splitPhrases, splits } from "./intent.ts";
import {
  runToolboxTool,
  toolboxDefinition,
  toolboxNames,
  toolboxNeighbours,
  toolboxParameters,
} from "./tools.ts";
import { freeKinds } from "./values.ts";

const train = generateToolbox({ split: "train", seed: 1, examples: 4000 }).examples;
const validation = generateToolbox({ split: "validation", seed: 1, examples: 2000 }).examples;
const held = generateToolbox({ split: "test", seed: 1, examples: 3000 }).examples;
const all = [...train, ...validation, ...held];
const pairs = [
  ["training and validation", train, validation],
  ["training and test", train, held],
  ["validation and test", validation, held],
] as const;
const kindOf = (example: Example): string => String(example.meta?.["kind"]);
const phrasesOf = (example: Example): readonly string[] => example.meta?.["phrases"] as readonly string[];
const shareOf = (examples: readonly Example[], is: (example: Example) => boolean): number =>
  examples.filter(is).length / examples.length;

/** The free values of the expected calls: those that must not be learnt by heart. */
function freeValues(examples: readonly Example[]): Map<string, Set<string>> {
  const values = new Map<string, Set<string>>();
  for (const call of examples.flatMap((example) => example.expect.calls)) {
    const slots = toolboxIntents.find((intent) => intent.tool === call.name)!.slots;
    for (const [name, value] of Object.entries(call.arguments)) {
      const kind = slots[name]!;
      if (!freeKinds.has(kind)) continue;
      const set = values.get(kind) ?? new Set();
      values.set(kind, set.add(String(value).toLowerCase()));
    }
  }
  return values;
}

test("there are enough tools, phrases and parameters, and every phrase names its arguments", () => {
  assert.ok(toolboxNames.length >= 14);
  assert.deepEqual(toolboxIntents.map((intent) => intent.tool).sort(), [...toolboxNames].sort());
  for (const intent of toolboxIntents) {
    assert.ok(
      intent.requests.train.flat().length >= 24,
      `${intent.tool}: ${intent.requests.train.flat().length} training phrases`,
    );
    assert.ok(
      intent.requests.test.flat().length >= 6,
      `${intent.tool}: ${intent.requests.test.flat().length} held-out phrases`,
    );
    assert.deepEqual(Object.keys(intent.slots), Object.keys(toolboxParameters(intent.tool)));
    assert.ok(Object.keys(intent.slots).length <= 3);
    const required = toolboxDefinition(intent.tool).function.parameters["required"] as readonly string[];
    for (const phrase of splits.flatMap((split) => intent.requests[split].flat())) {
      const slots = slotsOf(phrase);
      assert.ok(
        required.every((name) => slots.includes(name)),
        `${intent.tool}: "${phrase}" leaves out an argument`,
      );
      assert.ok(
        slots.every((name) => name in intent.slots),
        `${intent.tool}: "${phrase}" names no parameter`,
      );
    }
    for (const phrase of splits.flatMap((split) => intent.missing.requests[split].flat())) {
      const slots = slotsOf(phrase);
      assert.ok(
        required.some((name) => !slots.includes(name)),
        `${intent.tool}: "${phrase}" leaves out nothing`,
      );
    }
  }
});

test("one line stands for all its alternatives, and each split gets its own", () => {
  const lines = splitPhrases({
    train: "(set|start) (a|the|) timer( now|)\nset a timer",
    test: "set the timer",
  });
  const [train, validation, kept] = splits.map((split) => lines[split].flat());
  assert.deepEqual(kept, ["set the timer"]);
  assert.equal(lines.train.length, 1, "the second line stands in the first");
  assert.equal(train!.length + validation!.length, 2 * 3 * 2 - 1);
  assert.ok(train!.includes("start timer now") && !train!.includes("set the timer"));
  assert.deepEqual(
    validation!.filter((phrase) => train!.includes(phrase)),
    [],
  );
  assert.ok(validation!.length > 0);
});

test("a line of four alternatives is drawn twice as often as a line of one", () => {
  const random = createRandom(1);
  const lines = [["one"], ["a", "b", "c", "d"]];
  const drawn = Array.from({ length: 3000 }, () => drawPhrase(random, lines));
  const share = drawn.filter((phrase) => phrase === "one").length / drawn.length;
  assert.ok(Math.abs(share - 1 / 3) < 0.03, `${share}`);
});

test("held-out phrases are other sentences made of known words", () => {
  const words = (phrases: readonly string[]): string[] =>
    phrases
      .join(" ")
      .replace(/\{\w+\}/g, " ")
      .toLowerCase()
      .match(/[a-z']+/g) ?? [];
  const of = (...wanted: readonly Split[]): string[] =>
    wanted.flatMap((split) => [
      ...toolboxIntents.flatMap((intent) => [
        ...intent.requests[split].flat(),
        ...intent.missing.requests[split].flat(),
      ]),
      ...chat.requests[split].flat(),
      ...outOfScope.requests[split].flat(),
    ]);
  const trained = of("train");
  const kept = of("validation", "test");
  assert.deepEqual(
    kept.filter((phrase) => trained.includes(phrase)),
    [],
  );
  const known = new Set(words(trained));
  assert.deepEqual([...new Set(words(kept).filter((word) => !known.has(word)))], []);
  for (const phrase of trained) assert.ok(!words([phrase]).some((word) => heldOutWords.has(word)), phrase);
  assert.equal(new Set(trained).size, trained.length, "a training phrase stands twice");
});

for (const [names, seen, unseen] of pairs) {
  test(`${names} share no free value and no phrase`, () => {
    const values = { seen: freeValues(seen), unseen: freeValues(unseen) };
    assert.deepEqual([...values.unseen.keys()].sort(), [...freeKinds].sort());
    for (const [kind, of] of values.unseen) {
      assert.deepEqual(
        [...of].filter((value) => values.seen.get(kind)!.has(value)),
        [],
        `${kind}: in both`,
      );
    }
    const phrases = new Set(seen.flatMap(phrasesOf));
    assert.deepEqual(
      unseen.flatMap(phrasesOf).filter((phrase) => phrases.has(phrase)),
      [],
    );
  });
}

test("no held-out word stands in a training request", () => {
  for (const example of train) {
    for (const word of example.messages[0]!.content!.toLowerCase().match(/[a-z]+/g) ?? []) {
      assert.ok(!heldOutWords.has(word), `${word} in "${example.messages[0]!.content}"`);
    }
  }
});

test("at least three quarters of the free words in training are made up", () => {
  const words = [
    ...train.flatMap((example) => example.expect.calls.filter((call) => call.name === "make_call")),
  ].map((call) => String(call.arguments["to"]));
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  const once = words.filter((word) => counts.get(word) === 1).length / words.length;
  assert.ok(once > 0.7, `${once} of ${words.length} names occur once`);
});

test("every expected call is valid, offered, copied from the request and answered by a fixture", () => {
  for (const example of all) {
    const validator = createCallValidator(example.tools);
    const broker = createFixtureBroker(example.fixtures ?? []);
    for (const call of example.expect.calls) {
      assert.deepEqual(validator.validate(call), { valid: true }, `${example.id}: ${JSON.stringify(call)}`);
      assert.deepEqual(broker.answer(call), { result: runToolboxTool(call), hit: true });
      for (const value of Object.values(call.arguments)) {
        assert.ok(
          example.messages[0]!.content!.includes(String(value)),
          `${example.id}: ${value} is not in the request`,
        );
      }
    }
    assert.equal(example.expect.calls.length, example.fixtures!.length);
  }
});

test("the teacher says exactly the expected calls, and its answer cites every result", () => {
  for (const example of all) {
    const { text, answer, model } = example.teacher!;
    const said = readCalls(text);
    assert.deepEqual(said.calls, example.expect.calls);
    assert.equal(said.malformed, 0);
    assert.ok(said.content.length > 8, `${example.id}: the teacher talks first`);
    assert.equal(model, "toolbox-script");
    assert.equal(answer !== undefined, example.expect.calls.length > 0);
    for (const fixture of example.fixtures!) {
      const values = Object.values(fixture.result as object).map(String);
      assert.ok(
        values.some((value) => answer!.includes(value)),
        `${example.id}: "${answer}" cites nothing of ${values}`,
      );
    }
    assert.doesNotMatch(`${text}${answer ?? ""}`, /[{}]undefined|undefined|\{\w+\}[^"]/);
  }
});

test("four to six tools are offered, always with distractors, and a request that lacks an argument has one tool that could serve", () => {
  for (const example of all) {
    const offered = example.tools.map((tool) => tool.function.name);
    assert.ok(
      offered.length >= 4 && offered.length <= 6 && new Set(offered).size === offered.length,
      `${example.id}: ${offered}`,
    );
    const needed = new Set(example.expect.calls.map((call) => call.name));
    assert.ok(offered.length > needed.size);
    if (kindOf(example) !== "missing") continue;
    const owner = toolboxIntents.find((intent) => intent.missing.questions.includes(example.teacher!.text))!;
    const neighbours = toolboxNeighbours(owner.tool);
    assert.deepEqual(
      offered.filter((name) => neighbours.has(name)),
      [owner.tool],
      example.id,
    );
  }
  const firsts = new Set(
    all
      .filter((example) => kindOf(example) === "single")
      .map((example) =>
        example.tools.findIndex((tool) => tool.function.name === example.expect.calls[0]!.name),
      ),
  );
  assert.equal(firsts.size, 6, "the needed tool stands at every place");
});

test("shares are as planned", () => {
  for (const examples of [train, validation, held]) {
    const controls = shareOf(examples, isControl);
    const plain = shareOf(examples, (example) => example.expect.behaviour === "no_tool");
    const declined = shareOf(examples, (example) => example.expect.behaviour === "decline");
    const several = shareOf(examples, (example) => example.expect.calls.length > 1);
    assert.ok(plain >= 0.15, `no_tool ${plain}`);
    assert.ok(controls < 0.35, `controls ${controls}`);
    assert.ok(declined > 0.08 && declined < 0.12, `decline ${declined}`);
    assert.ok(several > 0.1 && several < 0.14, `several calls ${several}`);
  }
});

test("a partial request holds a value and lacks an argument", () => {
  const shares = {
    single: 0,
    multiple: 0,
    missing: 0,
    partial: 1,
    chat: 0,
    outOfScope: 0,
    notOffered: 0,
  };
  for (const split of splits) {
    const { examples } = generateToolbox({ split, seed: 2, examples: 300, shares });
    for (const example of examples) {
      assert.equal(example.expect.behaviour, "decline");
      assert.ok(slotsOf(phrasesOf(example)[0]!).length > 0, phrasesOf(example)[0]);
    }
    const tools = new Set(examples.flatMap((example) => example.teacher!.text));
    assert.ok(tools.size >= 6, `${split}: ${[...tools]}`);
  }
});

test("the same seed gives the same examples, a longer dataset begins with the shorter one", () => {
  const long = generateToolbox({ split: "validation", seed: 5, examples: 60 });
  const short = generateToolbox({ split: "validation", seed: 5, examples: 40 });
  assert.deepEqual(long.examples.slice(0, 40), short.examples);
  assert.deepEqual(long.header.fingerprints, fingerprintDataset(long.examples));
  const other = generateToolbox({ split: "validation", seed: 6, examples: 40 });
  assert.notEqual(other.header.fingerprints.dataset, short.header.fingerprints.dataset);
  const requests = (examples: readonly Example[]) =>
    examples.map((example) => example.messages[0]!.content).join("\n");
  assert.notEqual(
    requests(generateToolbox({ split: "test", seed: 5, examples: 40 }).examples),
    requests(short.examples),
  );
});

test("a result depends on the call alone and an unknown tool is refused", () => {
  assert.deepEqual(
    runToolboxTool({ name: "convert_units", arguments: { value: 100, from: "celsius", to: "fahrenheit" } }),
    { result: 212 },
  );
  assert.deepEqual(runToolboxTool({ name: "convert_units", arguments: { value: 2, from: "mi", to: "km" } }), {
    result: 3.22,
  });
  const call = { name: "get_weather", arguments: { city: "Oslo", day: "today" } };
  assert.deepEqual(
    runToolboxTool(call),
    runToolboxTool({ name: "get_weather", arguments: { day: "today", city: "Oslo" } }),
  );
  assert.throws(() => runToolboxTool({ name: "fly", arguments: {} }), {
    code: "invalid_request",
    message: /fly/,
  });
});
