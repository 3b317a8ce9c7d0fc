import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after, before, test } from "node:test";
import { packageRoot } from "../flow/package-files.ts";
import { shippedTokenizer } from "../tokenizer/shipped-tokenizer.test.support.ts";
import { encodeExample } from "./encode.ts";
import { importBfcl } from "./import-bfcl.ts";
import { importChatJsonl } from "./import-chat.ts";

let folder = "";
before(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-import-"));
});
after(() => fs.rmSync(folder, { recursive: true, force: true }));

function writeLines(...lines: readonly unknown[]): string {
  const file = path.join(folder, "chats.jsonl");
  fs.writeFileSync(
    file,
    lines.map((line) => `${typeof line === "string" ? line : JSON.stringify(line)}\n`).join(""),
  );
  return file;
}

const tools = [
  {
    type: "function",
    function: {
      name: "weather",
      parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
    },
  },
];
const callOf = (id: string, city: string) => ({
  id,
  type: "function",
  function: { name: "weather", arguments: JSON.stringify({ city }) },
});
const chat = {
  messages: [
    { role: "developer", content: "Be brief." },
    { role: "user", content: "Weather in Rome and Oslo?" },
    { role: "assistant", content: "Looking.", tool_calls: [callOf("a", "Rome"), callOf("b", "Oslo")] },
    { role: "tool", tool_call_id: "b", content: '{"sky":"grey"}' },
    { role: "tool", tool_call_id: "a", content: "sunny" },
    { role: "assistant", content: "Sunny and grey." },
  ],
  tools,
};

test("a chat becomes an example: prompt, calls, results by their ids, answer", () => {
  const { examples, header } = importChatJsonl(writeLines(chat), { model: "big" });
  const [example] = examples;
  assert.equal(header.name, "chats");
  assert.equal(example!.id, "chats-1");
  assert.deepEqual(
    example!.messages.map((message) => message.role),
    ["system", "user"],
  );
  assert.deepEqual(example!.expect, {
    behaviour: "tool",
    calls: [
      { name: "weather", arguments: { city: "Rome" } },
      { name: "weather", arguments: { city: "Oslo" } },
    ],
  });
  assert.deepEqual(
    example!.fixtures!.map((fixture) => fixture.result),
    ["sunny", { sky: "grey" }],
  );
  assert.equal(example!.teacher!.answer, "Sunny and grey.");
  assert.ok(example!.teacher!.text.startsWith("Looking.<|call|>"));
  assert.ok(encodeExample(example!, shippedTokenizer(), { voice: "teacher" }).segments.answer !== undefined);
});

test("earlier turns stay in the prompt, a reply in words is a control", () => {
  const messages = [
    ...chat.messages,
    { role: "user", content: "Thanks" },
    { role: "assistant", content: "Gladly." },
  ];
  const [example] = importChatJsonl(writeLines({ id: "x", messages, tools })).examples;
  assert.equal(example!.id, "x");
  assert.equal(example!.messages.length, 7);
  assert.deepEqual(example!.messages[2]!.tool_calls![0], { name: "weather", arguments: { city: "Rome" } });
  assert.deepEqual(example!.expect, { behaviour: "no_tool", calls: [] });
  assert.equal(example!.teacher!.text, "Gladly.");
});

test("a chat that cannot be used is refused with its line, or skipped and listed", () => {
  const user = { role: "user", content: "hi" };
  const cases: readonly (readonly [unknown, RegExp])[] = [
    ["{", /:1: line: not JSON/],
    [{ messages: [user] }, /messages/],
    [{ messages: [user, user] }, /assistant's message/],
    [
      { messages: [user, { role: "assistant", tool_calls: [callOf("a", "Rome")] }] },
      /expected one of no tool, got weather/,
    ],
    [
      {
        messages: [
          user,
          { role: "assistant", tool_calls: [{ function: { name: "weather", arguments: "{" } }] },
        ],
        tools,
      },
      /function\.arguments: not JSON/,
    ],
    [
      {
        messages: [
          user,
          { role: "assistant", tool_calls: [{ function: { name: "weather", arguments: "{}" } }] },
        ],
        tools,
      },
      /required/,
    ],
  ];
  for (const [line, message] of cases) {
    assert.throws(() => importChatJsonl(writeLines(line)), { code: "invalid_dataset", message });
    const { examples, skipped } = importChatJsonl(writeLines(line, chat), { maxBad: 1 });
    assert.equal(examples.length, 1);
    assert.equal(skipped[0]!.line, 1);
  }
  assert.throws(() => importChatJsonl(writeLines("")), { code: "invalid_dataset", message: /empty/ });
});

const bfcl = path.join(packageRoot, "..", "shared", "data", "bfcl");
const skip = fs.existsSync(bfcl) ? false : "../shared/data/bfcl is not here";
const importCategory = (name: string) => {
  const questions = path.join(bfcl, `BFCL_v4_${name}.json`);
  const answers = path.join(bfcl, `BFCL_v4_${name}.answer.json`);
  return importBfcl({ questions, ...(fs.existsSync(answers) ? { answers } : {}) }, { maxBad: 1 });
};

test("BFCL files are read whole but for the two answers that break their own schema", { skip }, () => {
  const counts = {
    simple_python: [399, ["venue"]],
    multiple: [200, []],
    parallel: [199, ["mod"]],
    irrelevance: [240, []],
  } as const;
  for (const [name, [count, faults]] of Object.entries(counts)) {
    const { examples, skipped, header } = importCategory(name);
    assert.equal(examples.length, count, name);
    assert.equal(header.examples, count);
    assert.deepEqual(
      skipped.map((bad) => bad.field.split(".").at(-1)),
      faults,
    );
    const behaviours = new Set(examples.map((example) => example.expect.behaviour));
    assert.deepEqual([...behaviours], [name === "irrelevance" ? "no_tool" : "tool"]);
  }
});

test("BFCL types become JSON Schema, the first accepted values the call, all of them stay", { skip }, () => {
  const [play] = importCategory("parallel").examples;
  assert.deepEqual(play!.expect.calls, [
    { name: "spotify.play", arguments: { artist: "Taylor Swift", duration: 20 } },
    { name: "spotify.play", arguments: { artist: "Maroon 5", duration: 15 } },
  ]);
  assert.equal(play!.tools[0]!.function.parameters["type"], "object");
  assert.deepEqual((play!.meta!["accepted"] as unknown[])[0], {
    "spotify.play": { artist: ["Taylor Swift"], duration: [20] },
  });
});

test("a question without its answer is refused", () => {
  const question = {
    id: "q",
    question: [[{ role: "user", content: "hi" }]],
    function: [
      { name: "f", parameters: { type: "dict", properties: { a: { type: "float" } }, required: ["a"] } },
    ],
  };
  const questions = path.join(folder, "q.json");
  const answers = path.join(folder, "a.json");
  fs.writeFileSync(questions, `${JSON.stringify(question)}\n`);
  fs.writeFileSync(answers, `${JSON.stringify({ id: "other", ground_truth: [] })}\n`);
  assert.throws(() => importBfcl({ questions, answers }), {
    code: "invalid_dataset",
    message: /expected an answer to q/,
  });
  fs.writeFileSync(answers, `${JSON.stringify({ id: "q", ground_truth: [{ f: { a: [2, 3] } }] })}\n`);
  const [example] = importBfcl({ questions, answers }).examples;
  assert.deepEqual(example!.expect.calls, [{ name: "f", arguments: { a: 2 } }]);
  assert.deepEqual(example!.tools[0]!.function.parameters["properties"], { a: { type: "number" } });
});
