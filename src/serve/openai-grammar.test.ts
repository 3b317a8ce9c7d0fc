import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import OpenAI from "openai";
import { demoTools } from "../flow/answer.ts";
import { openEngine } from "../runtime/engine.ts";
import type { Engine } from "../runtime/engine-contract.ts";
import { exportTinyArtefact, type TinyArtefact } from "../runtime/tiny-model.test.support.ts";
import { createCallValidator } from "../tools/validator.ts";
import { createServeApp } from "./app.ts";
import { type Listening, listen } from "./listen.ts";

// The official client against random weights: whatever holds here is the grammar's doing, not the model's.
let artefact: TinyArtefact;
let engine: Engine;
let listening: Listening;
let client: OpenAI;

before(async () => {
  artefact = await exportTinyArtefact();
  engine = await openEngine(artefact.dir);
  listening = await listen(createServeApp(engine, { model: "random" }), { port: 0 });
  client = new OpenAI({ baseURL: `${listening.url}/v1`, apiKey: "none", maxRetries: 0 });
});
after(async () => {
  await listening.close(0);
  await engine.close();
  artefact.remove();
});

const ask = {
  model: "random",
  messages: [{ role: "user", content: "hello" }],
  temperature: 1,
  max_tokens: 600,
} satisfies Partial<OpenAI.ChatCompletionCreateParams>;
const tools = demoTools as unknown as OpenAI.ChatCompletionTool[];
const validator = createCallValidator(demoTools);

const choices = {
  required: "required",
  "a named tool": { type: "function", function: { name: "set_timer" } },
} as const satisfies Record<string, OpenAI.ChatCompletionToolChoiceOption>;
for (const [name, choice] of Object.entries(choices)) {
  test(`tool_choice ${name}: a valid call, whole and streamed`, async () => {
    let judged = 0;
    for (let seed = 0; seed < 3; seed++) {
      const body = { ...ask, tools, tool_choice: choice, seed };
      const whole = await client.chat.completions.create(body);
      const streamed = await client.chat.completions.stream(body).finalChatCompletion();
      for (const answer of [whole, streamed]) {
        const calls = answer.choices[0]?.message.tool_calls ?? [];
        if (answer.choices[0]?.finish_reason === "length") continue; // random weights may never close a text
        assert.ok(calls.length > 0);
        judged++;
        for (const call of calls) {
          assert.ok(call.type === "function");
          const { name: called, arguments: args } = call.function;
          if (choice !== "required") assert.equal(called, "set_timer");
          assert.ok(validator.validate({ name: called, arguments: JSON.parse(args) }).valid, args);
        }
      }
    }
    assert.ok(judged >= 2, `only ${judged} of 6 answers ended by themselves`);
  });
}

test("tool_choice none: no call", async () => {
  const answer = await client.chat.completions.create({ ...ask, tools, tool_choice: "none", max_tokens: 60 });
  assert.equal(answer.choices[0]?.message.tool_calls, undefined);
});

test("response_format json_schema: content of that schema", async () => {
  const schema = {
    type: "object",
    properties: { colour: { enum: ["red", "green"] }, on: { type: "boolean" } },
    required: ["colour", "on"],
    additionalProperties: false,
  };
  for (let seed = 0; seed < 5; seed++) {
    const { choices: made } = await client.chat.completions.create({
      ...ask,
      seed,
      response_format: { type: "json_schema", json_schema: { name: "lamp", schema, strict: true } },
    });
    const lamp = JSON.parse(made[0]?.message.content ?? "") as { colour: string; on: boolean };
    assert.ok(["red", "green"].includes(lamp.colour) && typeof lamp.on === "boolean");
  }
});

test("a schema that cannot be enforced is the client's error, which names its field and a cure", async () => {
  const schema = { type: "object", not: { type: "string" } };
  const format = (strict?: boolean) =>
    ({
      type: "json_schema",
      json_schema: { name: "x", schema, ...(strict === undefined ? {} : { strict }) },
    }) as const;
  const offered = (strict?: boolean) => [
    tools[0]!,
    {
      type: "function",
      function: { name: "odd", parameters: schema, ...(strict === undefined ? {} : { strict }) },
    } as const,
  ];
  const malformed = { type: "function", function: { name: "f", parameters: { required: 5 } } } as const;
  for (const stream of [false, true]) {
    for (const [body, param, cure] of [
      [{ response_format: format() }, "response_format", /"strict": false beside it/],
      [{ tools: [malformed] }, "tools[0].function.parameters.required", /an array of names/],
      [{ tools: offered() }, "tools[1].function.parameters", /offer the tool with "strict": false/],
    ] as [Partial<OpenAI.ChatCompletionCreateParams>, string, RegExp][]) {
      await assert.rejects(
        client.chat.completions.create({ ...ask, ...body, stream } as OpenAI.ChatCompletionCreateParams),
        (error) =>
          error instanceof OpenAI.BadRequestError && error.param === param && cure.test(error.message),
      );
    }
  }
  const json = await client.chat.completions.create({ ...ask, response_format: format(false) });
  if (json.choices[0]?.finish_reason === "stop") JSON.parse(json.choices[0].message.content ?? "");
  const named = { type: "function", function: { name: "odd" } } as const;
  const called = await client.chat.completions.create({ ...ask, tools: offered(false), tool_choice: named });
  const call = called.choices[0]?.message.tool_calls?.[0];
  if (called.choices[0]?.finish_reason !== "length") {
    assert.ok(call?.type === "function" && call.function.name === "odd");
    assert.equal(typeof JSON.parse(call.function.arguments), "object");
  }
});

test("strict is no part of the prompt", async () => {
  const [first] = demoTools;
  const loose = [{ ...first!, function: { ...first!.function, strict: false } }];
  assert.equal(
    await engine.countTokens(ask.messages, loose),
    await engine.countTokens(ask.messages, [first!]),
  );
});
