import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type ChatLines, pipedLines, terminalLines } from "./chat-lines.ts";

/** Lines of a made-up terminal: `type` sends keys, `shown` is all that was drawn. */
function openTerminal(signal = new AbortController().signal): {
  lines: ChatLines;
  type: (keys: string) => Promise<void>;
  shown: () => string;
} {
  const input = new PassThrough();
  const output = new PassThrough();
  let text = "";
  output.setEncoding("utf8").on("data", (part: string) => {
    text += part;
  });
  const lines = terminalLines({ input, output, prompt: "> ", continuation: "… " }, signal);
  return {
    lines,
    // An escape alone and one that begins a sequence differ by what follows at once: a key is one write.
    type: async (keys) => {
      input.write(keys);
      await sleep(5);
    },
    shown: () => text,
  };
}

const ctrlC = "\x03";
const ctrlD = "\x04";

test("a pipe gives one message a line, without blank ones", async () => {
  const input = new PassThrough();
  input.end("one\n\n  \r\ntwo\r\nlast");
  const lines = pipedLines(input, new AbortController().signal);
  assert.deepEqual(
    [await lines.next(), await lines.next(), await lines.next(), await lines.next()],
    ["one", "two", "last", null],
  );
});

test("a pipe that stays open ends with the signal", async () => {
  const controller = new AbortController();
  const lines = pipedLines(new PassThrough(), controller.signal);
  const next = lines.next();
  controller.abort();
  assert.equal(await next, null);
});

test("lines are edited; a backslash at the end and pasted line ends do not send", async () => {
  const { lines, type, shown } = openTerminal();
  const next = lines.next();
  await type("ab\x7fc\\\r");
  await type("d\r");
  assert.equal(await next, "ac\nd");
  const pasted = lines.next();
  await type("\x1b[200~one\rtwo\r\x1b[201~");
  await type("\r");
  assert.equal(await pasted, "one\ntwo");
  assert.match(shown(), /… /);
  const recalled = lines.next();
  await type("\x1b[A");
  await type("\r");
  assert.equal(await recalled, "two");
  lines.close();
  assert.ok(shown().startsWith("\x1b[?2004h") && shown().endsWith("\x1b[?2004l"));
});

test("Ctrl-C drops what is typed, then leaves; Ctrl-D leaves; so does the signal", async () => {
  const first = openTerminal();
  const typed = first.lines.next();
  await first.type("half");
  await first.type(ctrlC);
  await first.type("whole\r");
  assert.equal(await typed, "whole");
  const left = first.lines.next();
  await first.type(ctrlC);
  assert.equal(await left, null);
  const second = openTerminal();
  const ended = second.lines.next();
  await second.type(ctrlD);
  assert.equal(await ended, null);
  const controller = new AbortController();
  const third = openTerminal(controller.signal);
  const stopped = third.lines.next();
  controller.abort();
  assert.equal(await stopped, null);
});

test("while an answer is written nothing is drawn, what is typed is kept, Ctrl-C cancels and then leaves", async () => {
  const { lines, type, shown } = openTerminal();
  const before = shown();
  const wasCancelled = await lines.answering(async (signal) => {
    await type("ahead");
    assert.equal(shown(), before);
    await type(ctrlC);
    return signal.aborted;
  });
  assert.ok(wasCancelled);
  const next = lines.next();
  await type("!\r");
  assert.equal(await next, "ahead!");
  await lines.answering(async () => {
    await type(ctrlC);
    await type(ctrlC);
  });
  assert.equal(await lines.next(), null);
});
