import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after, before, test } from "node:test";
import { exportTinyArtefact, type TinyArtefact } from "../runtime/tiny-model.test.support.ts";
import { type Ended, errorCode, lastDocument, limbeck } from "./spawn.test.support.ts";

let artefact: TinyArtefact;
let folder = "";
before(async () => {
  artefact = await exportTinyArtefact();
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-chat-"));
});
after(() => {
  artefact.remove();
  fs.rmSync(folder, { recursive: true });
});

const chat = (input: string, ...words: readonly string[]): Promise<Ended> =>
  limbeck(["chat", "--artefact", artefact.dir, "--max-tokens", "6", ...words], { folder, input });

test("a pipe: answers on standard output, figures on standard error, no prompt, no colours", async () => {
  const ended = await chat("hello\n\n//slash\n/stats\n");
  assert.equal(ended.status, 0, ended.stderr);
  assert.match(ended.stderr, /^\d+ tokens in .*TTFT [\d.]+ ms.*\n.*tokens in.*\n2 turns · /);
  assert.ok(ended.stdout.endsWith("\n"));
  for (const text of [ended.stdout, ended.stderr]) {
    assert.ok(!text.includes("> ") && !text.includes("\x1b"), text);
  }
});

test("with --json each answer is a document, the chat is the last, and it remembers", async () => {
  const ended = await chat(
    "hello\nagain\n/save talk.json\n/quit\nnever\n",
    "--json",
    "--system",
    "Be brief.",
  );
  assert.equal(ended.status, 0, ended.stderr);
  const documents = ended.stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    documents.map(({ kind }) => kind),
    ["answer", "answer", "chat"],
  );
  const [first, second] = documents as {
    prompt_tokens: number;
    output_tokens: number;
    cached_tokens: number;
  }[];
  assert.ok(second!.prompt_tokens > first!.prompt_tokens + first!.output_tokens);
  assert.deepEqual(
    documents.map(({ speculation }) => speculation),
    [null, null, null],
  );
  const { messages } = lastDocument(ended) as { messages: { role: string; content: string }[] };
  assert.deepEqual(
    messages.map(({ role }) => role),
    ["system", "user", "assistant", "user", "assistant"],
  );
  const saved = JSON.parse(fs.readFileSync(path.join(folder, "talk.json"), "utf8")) as { messages: unknown };
  assert.deepEqual(saved.messages, messages);
});

test("who asks for drafts is told what became of them", async () => {
  const [told, document] = await Promise.all([
    chat("hello\n", "--speculate", "auto"),
    chat("hello\n", "--speculate", "prompt_lookup", "--json"),
  ]);
  assert.match(told.stderr, /drafting is off: \S|drafted tokens? accepted/);
  const { speculation } = lastDocument(document) as { speculation: Record<string, unknown> };
  assert.deepEqual(Object.keys(speculation), ["proposed", "accepted", "target_runs", "off_because"]);
});

test("from a pipe a mistake ends the chat: nobody reads along", async () => {
  const [unknown, full] = await Promise.all([
    chat("/sats\nhello\n", "--json"),
    chat(`${"many words ".repeat(1000)}\n`, "--json"),
  ]);
  assert.deepEqual([unknown.status, errorCode(unknown)], [2, "usage"]);
  assert.match(unknown.stderr, /nearest is \/stats/);
  assert.deepEqual([full.status, errorCode(full)], [2, "context_length_exceeded"]);
});

test("a signal ends it with status 130", async () => {
  const ended = await limbeck(["chat"], {
    folder,
    interrupt: { signal: "SIGINT", isDue: (stderr) => stderr.includes("shipped teacher") },
  });
  assert.equal(ended.status, 130, ended.stderr);
});
