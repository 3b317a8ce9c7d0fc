import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { test } from "node:test";
import { createRandom } from "../../base/random.ts";
import { importBfcl } from "../../data/import-bfcl.ts";
import { packagePath } from "../../flow/package-files.ts";
import { shippedTokenizer } from "../../tokenizer/shipped-tokenizer.test.support.ts";
import { readCalls } from "../../tools/call-stream.ts";
import type { ToolDefinition } from "../../tools/types.ts";
import { createCallValidator } from "../../tools/validator.ts";
import type { TokenConstraint } from "../token-constraint.ts";
import { type AnswerRules, createGrammarCompiler } from "./compiler.ts";
import { answerRandomly, plainRules, sharedCompiler, valueRules } from "./random-answer.test.support.ts";
import { loadXgrammar } from "./xgrammar.ts";

const tokenizer = shippedTokenizer();
const { vocabSize, eosId } = tokenizer;
const open = tokenizer.idOf("<|call|>")!;
const close = tokenizer.idOf("<|/call|>")!;

const tool = (name: string, properties: object, required: readonly string[]): ToolDefinition => ({
  type: "function",
  function: { name, parameters: { type: "object", properties: { ...properties }, required } },
});
const tools = [
  tool("get_weather", { city: { type: "string" }, units: { enum: ["celsius", "fahrenheit"] } }, ["city"]),
  tool("set_timer", { minutes: { type: "integer", minimum: 1, maximum: 600 } }, ["minutes"]),
];
const rulesOf = (more: Partial<AnswerRules>): AnswerRules => ({ ...plainRules, tools, ...more });

function allowed(constraint: TokenConstraint): number[] {
  const logits = new Float32Array(vocabSize);
  constraint.mask(logits);
  return [...logits.keys()].filter((id) => logits[id] === 0);
}
const acceptAll = (constraint: TokenConstraint, ids: readonly number[]): void => {
  for (const id of ids) constraint.accept(id);
};

test("without tools no call begins, and a brace is text; a choice that cannot be met is an error", async () => {
  const words = (await sharedCompiler().forChat(plainRules))!;
  const may = allowed(words);
  assert.ok(!may.includes(open) && may.length >= vocabSize - 2);
  acceptAll(words, [tokenizer.encode("{")[0]!, eosId]);
  words.close();
  assert.equal(await sharedCompiler().forChat({ ...plainRules, callFormat: "llama3" }), null);
  const bad: readonly Partial<AnswerRules>[] = [
    { tools: [], toolChoice: "required" },
    { toolChoice: { name: "fly" } },
  ];
  for (const more of bad) {
    await assert.rejects(sharedCompiler().forChat(rulesOf(more)), { code: "invalid_request" });
  }
});

test("auto leaves free words alone and follows a call that has begun", async () => {
  const constraint = (await sharedCompiler().forChat(rulesOf({})))!;
  constraint.begin(200);
  const logits = new Float32Array(vocabSize);
  assert.equal(constraint.mask(logits), false);
  acceptAll(constraint, tokenizer.encodePlain("Sure: "));
  assert.ok(constraint.isComplete && !constraint.isOpen);
  constraint.accept(open);
  assert.ok(constraint.isOpen && !constraint.isComplete);
  acceptAll(constraint, tokenizer.encodePlain('{"name":"set_timer","arguments":{"minutes":5'));
  const next = allowed(constraint);
  assert.ok(
    next.every((id) => /^[0-9}]/.test(tokenizer.tokenText(id))),
    next.map(tokenizer.tokenText).join("|"),
  );
  assert.throws(() => constraint.accept(eosId), { code: "internal" });
  acceptAll(constraint, tokenizer.encodePlain("}}"));
  assert.deepEqual(allowed(constraint), [close]);
  constraint.accept(close);
  assert.equal(constraint.mask(logits), false, "words may follow, and further calls");
  constraint.close();
});

test("none forbids the opening mark", async () => {
  const constraint = (await sharedCompiler().forChat(rulesOf({ toolChoice: "none" })))!;
  constraint.begin(50);
  assert.equal(allowed(constraint).length, vocabSize - 1);
  assert.ok(!allowed(constraint).includes(open));
  constraint.close();
});

test("required forces the mark and what follows it; a named tool is called once", async () => {
  const constraint = (await sharedCompiler().forChat(rulesOf({ toolChoice: { name: "set_timer" } })))!;
  constraint.begin(100);
  assert.deepEqual(constraint.forced(), [open]);
  constraint.accept(open);
  const text = '{"name":"set_timer","arguments":{"minutes":';
  const forced = constraint.forced();
  assert.ok(forced.length > 3);
  assert.deepEqual(
    forced,
    tokenizer.encodePlain(`${text}7}}`).slice(0, forced.length),
    "cut as the tokenizer would",
  );
  acceptAll(constraint, tokenizer.encodePlain(`${text}600`));
  assert.deepEqual(constraint.forced(), [...tokenizer.encodePlain("}}"), close, eosId]);
  constraint.close();
  const answer = await answerRandomly(sharedCompiler(), rulesOf({ toolChoice: "required" }), {
    seed: 2,
    maxTokens: 300,
  });
  const { calls, content } = readCalls(answer.text);
  assert.ok(calls.length >= 1 && content === "" && answer.isEnded);
});

test("rollback leaves the constraint as it was", async () => {
  const written = [
    ...tokenizer.encodePlain("On it. "),
    open,
    ...tokenizer.encodePlain('{"name":"get_weather","arguments":{"city":"Ürüm"}}'),
    close,
    open,
    ...tokenizer.encodePlain('{"name":"set_timer","arguments":{"minutes":12}}'),
    close,
    eosId,
  ];
  const random = createRandom(3);
  const straight = (await sharedCompiler().forChat(rulesOf({})))!;
  const winding = (await sharedCompiler().forChat(rulesOf({})))!;
  for (const constraint of [straight, winding]) constraint.begin(200);
  for (const [at, id] of written.entries()) {
    const ahead = written.slice(at, at + random.integer(20));
    acceptAll(winding, ahead);
    winding.rollback(ahead.length);
    const back = random.integer(at + 1);
    winding.rollback(back);
    acceptAll(winding, written.slice(at - back, at));
    assert.deepEqual(allowed(winding), allowed(straight), `before token ${at}`);
    straight.accept(id);
    winding.accept(id);
  }
  straight.close();
  winding.close();
});

test("a begun call fits whatever room there is, down to the shortest call", async () => {
  const rules = rulesOf({ toolChoice: "required", tools: tools.slice(0, 1) });
  const shortest = tokenizer.encodePlain('{"name":"get_weather","arguments":{"city":""}}').length + 3;
  for (let maxTokens = shortest; maxTokens < shortest + 40; maxTokens++) {
    const { text, isEnded } = await answerRandomly(sharedCompiler(), rules, { seed: maxTokens, maxTokens });
    const { calls, malformed } = readCalls(text);
    assert.ok(isEnded && calls.length > 0 && malformed === 0, `${maxTokens} tokens: ${text}`);
  }
  const cut = await answerRandomly(sharedCompiler(), rules, { seed: 1, maxTokens: shortest - 3 });
  assert.equal(cut.isEnded, false);
  assert.equal(readCalls(cut.text).malformed, 1, "what does not fit is cut off and says so");
});

test("a call that does not fit in what is left is not begun", async () => {
  const begins = {
    limbeck: [open],
    hermes: tokenizer.encodePlain("<tool_call>"),
    gemma: tokenizer.encodePlain("```tool_code"),
    llama3: tokenizer.encodePlain("{"),
  };
  for (const callFormat of ["limbeck", "hermes", "gemma", "llama3"] as const) {
    const begin = begins[callFormat];
    const made: number[] = [];
    for (let maxTokens = 1; maxTokens <= 70; maxTokens++) {
      const model = { seed: maxTokens, maxTokens, begin };
      const { text } = await answerRandomly(sharedCompiler(), rulesOf({ callFormat }), model);
      const { calls, malformed } = readCalls(text, callFormat);
      assert.equal(malformed, 0, `${callFormat}, ${maxTokens} tokens: ${text}`);
      if (calls.length > 0) made.push(maxTokens);
    }
    assert.equal(made.length, 71 - made[0]!, `${callFormat}: calls with ${made.join()} tokens`);
  }
});

test("JSON gives way to no call that does not fit", async () => {
  const { responseFormat } = valueRules({ type: "integer" });
  const constraint = (await sharedCompiler().forChat(rulesOf({ responseFormat })))!;
  constraint.begin(6);
  const first = allowed(constraint);
  constraint.close();
  assert.ok(!first.includes(open));
});

test("it tells which tokens are part of a call", async () => {
  const constraint = (await sharedCompiler().forChat(rulesOf({})))!;
  constraint.begin(200);
  const call = tokenizer.encodePlain('{"name":"set_timer","arguments":{"minutes":5}}');
  const isInCall = [...tokenizer.encodePlain("On it"), open, ...call, close, eosId].map((id) => {
    constraint.accept(id);
    return constraint.isInCall;
  });
  const words = tokenizer.encodePlain("On it").length;
  assert.deepEqual(isInCall, [...Array(words).fill(false), ...Array(call.length + 2).fill(true), false]);
  constraint.rollback(2);
  assert.ok(constraint.isInCall);
  constraint.close();
});

test("JSON may give way to a call in auto", async () => {
  const { responseFormat } = valueRules({ type: "integer" });
  const constraint = (await sharedCompiler().forChat(rulesOf({ responseFormat })))!;
  constraint.begin(100);
  const first = allowed(constraint);
  assert.ok(
    first.includes(open) && first.every((id) => id === open || tokenizer.tokenText(id).startsWith("{")),
  );
  constraint.accept(open);
  const inCall = allowed(constraint);
  assert.ok(inCall.length > 0 && inCall.every((id) => '{"name":"'.startsWith(tokenizer.tokenText(id))));
  constraint.close();
});

test("a grammar that has to go stays for as long as an answer may follow it", async () => {
  const { openHandles } = await loadXgrammar();
  const before = openHandles();
  const compiler = createGrammarCompiler(tokenizer, vocabSize, { mostKept: 1 });
  const rules = rulesOf({ toolChoice: "required" });
  const first = (await compiler.forChat(rules))!;
  const callOf = (constraint: TokenConstraint): number[] => {
    constraint.begin(100);
    acceptAll(constraint, constraint.forced());
    return allowed(constraint);
  };
  const wanted = callOf(first);
  const second = (await compiler.forChat(rules))!;
  const other = (await compiler.forChat(rulesOf({ toolChoice: { name: "set_timer" } })))!;
  assert.deepEqual(callOf(second), wanted);
  for (const constraint of [first, second, other]) constraint.close();
  compiler.close();
  assert.equal(openHandles(), before);
});

test("other formats: marks of ordinary text, and calls that are the whole answer", async () => {
  for (const callFormat of ["hermes", "gemma", "llama3"] as const) {
    for (const seed of [1, 2, 3]) {
      const rules = rulesOf({ callFormat, toolChoice: "required" });
      const { text, isEnded } = await answerRandomly(sharedCompiler(), rules, { seed, maxTokens: 220 });
      const { calls, malformed, content } = readCalls(text, callFormat);
      const validator = createCallValidator(tools);
      const isValid = calls.length > 0 && calls.every((call) => validator.validate(call).valid);
      assert.ok(isEnded && isValid && malformed === 0 && content === "", `${callFormat}: ${text}`);
    }
  }
});

test("a mark of ordinary text is found in free words, and forbidden by none", async () => {
  for (const toolChoice of ["auto", "none"] as const) {
    const constraint = (await sharedCompiler().forChat(rulesOf({ callFormat: "gemma", toolChoice })))!;
    constraint.begin(200);
    const ids = tokenizer.encodePlain("Well ```tool_code");
    acceptAll(constraint, ids.slice(0, -1));
    const next = allowed(constraint);
    assert.equal(next.includes(ids.at(-1)!), toolChoice === "auto");
    if (toolChoice === "auto") {
      constraint.accept(ids.at(-1)!);
      assert.match(tokenizer.decode(constraint.forced()), /^\n\{"name": /);
    }
    constraint.close();
  }
});

const bfcl = path.join(packagePath(), "..", "shared", "data", "bfcl", "BFCL_v4_multiple.json");
const skip = fs.existsSync(bfcl) ? false : "../shared/data/bfcl is not here";

test("tools of the function-calling leaderboard, with little room", { skip }, async () => {
  const { examples } = importBfcl({ questions: bfcl });
  for (const [seed, example] of examples.slice(0, 20).entries()) {
    const rules = { ...plainRules, tools: example.tools, toolChoice: "required" as const };
    const { text, isEnded } = await answerRandomly(sharedCompiler(), rules, { seed, maxTokens: 90 });
    const { calls, malformed } = readCalls(text);
    const validator = createCallValidator(example.tools);
    const isValid = calls.length > 0 && calls.every((call) => validator.validate(call).valid);
    assert.ok(isEnded && isValid && malformed === 0, `${example.id}: ${text}`);
  }
});

test("what a generation takes of WebAssembly memory it gives back", async () => {
  const { memoryBytes, openHandles } = await loadXgrammar();
  const generate = (seed: number) =>
    answerRandomly(sharedCompiler(), rulesOf({ toolChoice: "required" }), { seed, maxTokens: 40 });
  for (let seed = 0; seed < 50; seed++) await generate(seed);
  const before = { memory: memoryBytes(), handles: openHandles() };
  for (let seed = 0; seed < 500; seed++) await generate(seed);
  assert.deepEqual({ memory: memoryBytes(), handles: openHandles() }, before);
  sharedCompiler().close();
  assert.equal(openHandles(), 0);
});
