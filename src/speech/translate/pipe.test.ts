import assert from "node:assert/strict";
import { after, test } from "node:test";
import { never } from "./fakes.test.support.ts";
import { openPipe, type Pipe, type PipeOptions } from "./pipe.ts";

const opened: Pipe[] = [];
after(async () => {
  await Promise.all(opened.map((pipe) => pipe.close()));
});

/** A program that answers each text in capitals, except for those that tell it what else to do. */
const program = `
  let text = "";
  process.stdin.setEncoding("utf8");
  const answer = (line) => {
    if (line === "die") { console.error("no such word"); process.exit(3); }
    if (line === "stall") return;
    if (line === "who") line = String(process.pid);
    if (line === "flood") { process.stdout.write("x".repeat(2 << 20)); return; }
    const bytes = Buffer.from(line.toUpperCase() + "\\0");
    // Byte by byte: characters are cut anywhere.
    for (const byte of bytes) process.stdout.write(Buffer.of(byte));
  };
  const whole = process.argv[1] === "whole";
  process.stdin.on("data", (chunk) => {
    text += chunk;
    if (whole) return;
    const lines = text.split("\\0");
    text = lines.pop();
    for (const line of lines) answer(line);
  });
  if (whole) process.stdin.on("end", () => { for (const line of text.split("\\0")) if (line !== "") answer(line); });
`;

async function open(mode: "flush" | "whole", options: Partial<PipeOptions> = {}): Promise<Pipe> {
  const pipe = await openPipe({
    name: "fake",
    command: process.execPath,
    args: ["-e", program, mode],
    timeoutMs: 5000,
    startMs: 20_000,
    // Longer than Node takes to start, where the answer is to come at once.
    flushMs: mode === "flush" ? 20_000 : 1,
    probe: ".",
    ...options,
  });
  opened.push(pipe);
  return pipe;
}

test("one process answers many texts, in order, whatever their characters", async () => {
  const pipe = await open("flush");
  const texts = ["año", "日本 😀", "", "b".repeat(5000)];
  const answers = await Promise.all(texts.map((text) => pipe.ask(text, never)));
  assert.deepEqual(
    answers,
    texts.map((text) => text.toUpperCase()),
  );
  assert.deepEqual([pipe.staysOpen, pipe.starts], [true, 1]);
});

test("a process that stalls or dies is started anew, and only its own text fails", async () => {
  const pipe = await open("flush", { timeoutMs: 1500 });
  const answers = await Promise.allSettled(
    ["a", "die", "b", "stall", "c", "flood", "d"].map((text) => pipe.ask(text, never)),
  );
  const shown = answers.map((answer) =>
    answer.status === "fulfilled" ? answer.value : `${answer.reason.message}`,
  );
  assert.deepEqual(shown, [
    "A",
    "its processes ended with status 3: no such word",
    "B",
    "fake: expected an answer in 1500 ms, got none; it is started anew",
    "C",
    shown[5],
    "D",
  ]);
  assert.match(shown[5]!, /^its processes ended with SIGKILL/);
  assert.equal(pipe.starts, 4);
});

test("a process that stalled is gone", async () => {
  const pipe = await open("flush", { timeoutMs: 1000 });
  const pid = Number(await pipe.ask("who", never));
  await assert.rejects(pipe.ask("stall", never), { code: "translation_failed" });
  assert.notEqual(Number(await pipe.ask("who", never)), pid);
  const isAlive = (): boolean => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };
  const next = await pipe.ask("who", never);
  pipe.restart();
  assert.notEqual(await pipe.ask("who", never), next);
  for (let tries = 0; isAlive() && tries < 500; tries++)
    await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(isAlive(), false);
});

test("an interrupted text leaves nothing behind for the next", async () => {
  const pipe = await open("flush");
  const stop = new AbortController();
  const asked = pipe.ask("first", stop.signal);
  const waiting = pipe.ask("second", stop.signal);
  stop.abort();
  await assert.rejects(asked, { name: "AbortError" });
  await assert.rejects(waiting, { name: "AbortError" });
  assert.equal(await pipe.ask("third", never), "THIRD");
  assert.equal(pipe.starts, 1);
});

test("a program that answers only at the end of its input gets one process a text", async () => {
  const pipe = await open("whole");
  assert.equal(pipe.staysOpen, false);
  assert.deepEqual([await pipe.ask("a", never), await pipe.ask("b", never)], ["A", "B"]);
  assert.ok(pipe.starts >= 3);
});

test("a program that is not there, or says nothing, cannot be opened", async () => {
  await assert.rejects(open("flush", { command: "limbeck-no-such-program", startMs: 1000 }), /ENOENT/);
  await assert.rejects(open("flush", { probe: "die", flushMs: 5000 }), /no such word/);
  const pipe = await open("flush");
  await pipe.close();
  await assert.rejects(pipe.ask("a", never), { code: "translation_failed" });
});
