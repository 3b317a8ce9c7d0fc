import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after, before, test } from "node:test";
import { generateToolbox } from "../../data/toolbox/generate.ts";
import { packagePath } from "../../flow/package-files.ts";
import { exportArtefact } from "../../model/artefact.ts";
import { openEngine } from "../engine.ts";
import type { Engine } from "../engine-contract.ts";
import type { ChatResult } from "../types.ts";

const rows = 3;
const options = { temperature: 0, maxTokens: 64 };
const { examples } = generateToolbox({ split: "test", seed: 11, examples: 24 });

let folder: string;
let engine: Engine;
let alone: ChatResult[];

before(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-batch-"));
  await exportArtefact(packagePath("assets", "teacher"), folder, { format: "fp32" });
  engine = await openEngine(folder);
  alone = [];
  for (const { messages, tools } of examples) alone.push(await engine.chat(messages, tools, options));
});

after(async () => {
  await engine.close();
  fs.rmSync(folder, { recursive: true, force: true });
});

const idsOf = (result: ChatResult): readonly number[] => result.tokens.map(({ id }) => id);

function assertSame(got: ChatResult, expected: ChatResult): void {
  assert.deepEqual(idsOf(got), idsOf(expected));
  assert.equal(got.text, expected.text);
  assert.deepEqual(got.calls, expected.calls);
  assert.equal(got.finishReason, expected.finishReason);
}

test("rows give the tokens that each request gets alone, and do run together", async () => {
  const batch = await engine.openBatch(rows);
  assert.equal(batch.check.refusal, null);
  assert.ok(batch.check.compared > 0);
  const answers = await Promise.all(
    examples.map(({ messages, tools }) => batch.chat(messages, tools, options)),
  );
  for (const [i, answer] of answers.entries()) assertSame(answer, alone[i]!);
  const stats = await batch.stats();
  await batch.close();
  assert.equal(await batch.stats(), null);
  const [ones = 0, twos = 0, threes = 0] = stats!.runs;
  assert.ok(threes > twos + ones, `expected mostly full runs, got ${stats!.runs.join()}`);
  // Each row of a run makes one token; first tokens come from prompts, and forced ones are read in runs of their own.
  const tokens = alone.reduce((sum, { tokens }) => sum + tokens.length - 1, 0);
  assert.ok(ones + 2 * twos + 3 * threes <= tokens);
});

test("what the engine is asked itself runs alone, before and while a batch is open, and is not kept waiting", async () => {
  const batch = await engine.openBatch(rows);
  const order: number[] = [];
  const streams = await Promise.all(
    examples.slice(0, 3).map(async ({ messages, tools }, i) => {
      const stream = engine.stream(messages, tools, options);
      for await (const _event of stream) order.push(i);
      return stream.result;
    }),
  );
  for (const [i, result] of streams.entries()) assertSame(result, alone[i]!);
  assert.deepEqual(order, [...order].sort(), "tokens of one request came between those of another");
  assert.deepEqual(await batch.stats(), { runs: [0, 0, 0] });

  // As a score asks: as many at a time as there are rows, the next one when one ends.
  const busy = await engine.openBatch(rows);
  let next = 0;
  let ended = 0;
  const work = async (): Promise<void> => {
    for (let i = next++; i < examples.length; i = next++) {
      const { messages, tools } = examples[i]!;
      assertSame(await busy.chat(messages, tools, options), alone[i]!);
      ended += 1;
    }
  };
  const workers = Promise.all(Array.from({ length: rows }, work));
  const { messages, tools } = examples[0]!;
  const interactive = await engine.chat(messages, tools, options);
  assert.ok(ended <= 2 * rows, `${ended} offline requests went before an interactive one`);
  assertSame(interactive, alone[0]!);
  await workers;
  assert.equal(ended, examples.length);
  await busy.close();
});

test("a request that is cancelled, or fails, ends alone", async () => {
  const batch = await engine.openBatch(rows);
  const controller = new AbortController();
  const [cancelled, broken, good] = await Promise.all([
    batch.chat(examples[0]!.messages, examples[0]!.tools, { ...options, signal: controller.signal }),
    batch.chat([], [], options).then(
      () => null,
      (error: unknown) => error as { code: string },
    ),
    batch.chat(examples[1]!.messages, examples[1]!.tools, options),
    controller.abort(),
  ]);
  assert.equal(cancelled.finishReason, "cancelled");
  assert.equal(broken?.code, "invalid_request");
  assertSame(good, alone[1]!);
  // The places of both are free again.
  const again = await Promise.all(
    examples.slice(2, 2 + rows).map(({ messages, tools }) => batch.chat(messages, tools, options)),
  );
  for (const [i, answer] of again.entries()) assertSame(answer, alone[2 + i]!);
  await batch.close();
  await assert.rejects(batch.chat(examples[0]!.messages, examples[0]!.tools, options), {
    code: "invalid_request",
  });
});

test("rows must be few, and drafts are refused by name", async () => {
  for (const bad of [0, 1, 9, 2.5]) await assert.rejects(engine.openBatch(bad), { code: "invalid_request" });
  const batch = await engine.openBatch(2);
  const { messages, tools } = examples[0]!;
  await assert.rejects(batch.chat(messages, tools, { speculation: "prompt_lookup" }), /speculation/);
  await batch.close();
});
