import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";
import { LimbeckError } from "../base/errors.ts";
import { demoTools } from "../flow/answer.ts";
import { readPrompt, readTools } from "./chat-input.ts";

const code = (expected: string) => (thrown: unknown) =>
  thrown instanceof LimbeckError && thrown.code === expected;
const never = new AbortController().signal;

test("tools are read from an array in the OpenAI format; anything else names the place", (t) => {
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-tools-")), "tools.json");
  t.after(() => fs.rmSync(path.dirname(file), { recursive: true }));
  fs.writeFileSync(file, JSON.stringify(demoTools));
  assert.deepEqual(readTools(file), demoTools);
  const loose = { type: "function", function: { name: "a", parameters: { type: "object" }, strict: false } };
  fs.writeFileSync(file, JSON.stringify([loose]));
  assert.deepEqual(readTools(file), [loose]);
  const bare = { name: "a", description: null };
  fs.writeFileSync(file, JSON.stringify([{ type: "function", function: bare }]));
  assert.deepEqual(readTools(file), [
    { type: "function", function: { name: "a", parameters: { type: "object", properties: {} } } },
  ]);
  fs.writeFileSync(file, JSON.stringify([{ type: "function", function: { name: "a", parameters: 5 } }]));
  assert.throws(
    () => readTools(file),
    (thrown: unknown) =>
      code("invalid_request")(thrown) && /0\.function\.parameters/.test((thrown as Error).message),
  );
});

test("a prompt comes in pieces, also through the middle of a character", async () => {
  const bytes = Buffer.from("grüß mich\n");
  assert.equal(
    await readPrompt(Readable.from([bytes.subarray(0, 3), bytes.subarray(3)]), never),
    "grüß mich",
  );
});

test("nothing is no prompt, and an interruption is no prompt either", async () => {
  await assert.rejects(readPrompt(Readable.from([Buffer.from(" \n")]), never), code("usage"));
  const stop = new AbortController();
  const reading = readPrompt(new Readable({ read: () => undefined }), stop.signal);
  stop.abort();
  await assert.rejects(reading, code("cancelled"));
});
