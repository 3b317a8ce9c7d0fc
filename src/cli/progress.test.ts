import assert from "node:assert/strict";
import { test } from "node:test";
import { createProgress, formatClock, formatProgress, type Progress } from "./progress.ts";

function recordProgress(
  isTerminal: boolean,
  isQuiet = false,
): { progress: Progress; written: string[]; at(ms: number): void } {
  const written: string[] = [];
  let nowMs = 0;
  const progress = createProgress({
    isTerminal,
    isQuiet,
    width: () => 80,
    write: (text) => written.push(text),
    nowMs: () => nowMs,
  });
  return {
    progress,
    written,
    at: (ms) => {
      nowMs = ms;
    },
  };
}

test("time left reads as a clock", () => {
  assert.equal(formatClock(0), "0:00");
  assert.equal(formatClock(41_001), "0:42");
  assert.equal(formatClock(725_000), "12:05");
  assert.equal(formatClock(3_723_000), "1:02:03");
});

test("the time left follows from the rate so far", () => {
  const text = formatProgress({ label: "distil", done: 25, total: 100, detail: "loss 1.20" }, 10_000, 100);
  assert.equal(text, "distil    ██████░░░░░░░░░░░░░░░░░░   25 %  25/100  ETA 0:30  loss 1.20");
});

test("before the first unit there is no time left to tell", () => {
  assert.match(formatProgress({ label: "score", done: 0, total: 9 }, 5_000, 100), /ETA –/);
});

test("a line never exceeds the terminal", () => {
  const text = formatProgress({ label: "distil", done: 1, total: 3, detail: "x".repeat(200) }, 1, 60);
  assert.equal(text.length, 60);
});

test("a command under two seconds shows nothing", () => {
  const { progress, written, at } = recordProgress(true);
  at(1_900);
  progress.update({ label: "score", done: 1, total: 2 });
  progress.end();
  assert.deepEqual(written, []);
});

test("a terminal gets one line that is redrawn and cleared", () => {
  const { progress, written, at } = recordProgress(true);
  for (const ms of [2_100, 2_150, 2_300]) {
    at(ms);
    progress.update({ label: "score", done: 1, total: 2 });
  }
  progress.note("score done");
  assert.equal(written.length, 4, "two redraws (the one after 50 ms is dropped), the clearing, the note");
  assert.ok(written[0]!.startsWith("\r\x1b[2K") && !written[0]!.includes("\n"));
  assert.deepEqual(written.slice(2), ["\r\x1b[2K", "score done\n"]);
});

test("a log file gets a plain line now and then", () => {
  const { progress, written, at } = recordProgress(false);
  for (let ms = 0; ms <= 30_000; ms += 1_000) {
    at(ms);
    progress.update({ label: "distil", done: ms, total: 30_000 });
  }
  progress.end();
  assert.equal(written.length, 3);
  assert.ok(written.every((text) => text.endsWith("\n") && !text.includes("\x1b")));
});

test("quiet is quiet", () => {
  const { progress, written, at } = recordProgress(true, true);
  at(60_000);
  progress.update({ label: "distil", done: 1, total: 2 });
  progress.note("a note");
  progress.end();
  assert.deepEqual(written, []);
});
