import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after, before, test } from "node:test";
import { followFile } from "./follow.ts";

let folder = "";
before(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-follow-"));
});
after(() => fs.rmSync(folder, { recursive: true }));

/** Follows a file in the background; `until` resolves once the text that was read is as expected. */
function follow(name: string, isFromStart = false) {
  const file = path.join(folder, name);
  const stop = new AbortController();
  let text = "";
  let tell: () => void = () => undefined;
  const read = async (): Promise<void> => {
    for await (const bytes of await followFile(file, { signal: stop.signal, isFromStart, pollMs: 2 })) {
      text += Buffer.from(bytes).toString("utf8");
      tell();
    }
  };
  const done = read();
  return {
    file,
    until: async (expected: string): Promise<void> => {
      while (text !== expected) {
        assert.ok(
          expected.startsWith(text),
          `read ${JSON.stringify(text)}, expected ${JSON.stringify(expected)}`,
        );
        await new Promise<void>((resolve, reject) => {
          const late = new Error(
            `read ${JSON.stringify(text)}, waited in vain for ${JSON.stringify(expected)}`,
          );
          const timer = setTimeout(() => reject(late), 5000);
          tell = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
    },
    stop: async (): Promise<void> => {
      stop.abort();
      await done;
    },
  };
}

/** Enough for a file to have been opened and its size read. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 60));

test("only what is added is read, unless it is asked from the start", async () => {
  fs.writeFileSync(path.join(folder, "old.log"), "old\n");
  const added = follow("old.log");
  const whole = follow("old.log", true);
  await whole.until("old\n");
  await settle();
  fs.appendFileSync(added.file, "new\n");
  await Promise.all([added.until("new\n"), whole.until("old\nnew\n")]);
  await Promise.all([added.stop(), whole.stop()]);
});

test("a file that comes later is read whole", async () => {
  const reader = follow("later.log");
  await settle();
  fs.writeFileSync(reader.file, "first\n");
  await reader.until("first\n");
  await reader.stop();
});

test("a file that is cut and written anew is read from its new start", async () => {
  const reader = follow("cut.log", true);
  fs.writeFileSync(reader.file, "one two three\n");
  await reader.until("one two three\n");
  fs.writeFileSync(reader.file, "four\n");
  await reader.until("one two three\nfour\n");
  await reader.stop();
});

test("a file that is rotated is read to its end, then its successor, nothing twice", async () => {
  const reader = follow("rotated.log", true);
  fs.writeFileSync(reader.file, "one\n");
  await reader.until("one\n");
  // The writer of the old file goes on after the rotation, until the new one is there.
  const writer = fs.openSync(reader.file, "a");
  fs.renameSync(reader.file, `${reader.file}.1`);
  fs.writeSync(writer, "two\n");
  await reader.until("one\ntwo\n");
  fs.writeSync(writer, "three\n");
  fs.closeSync(writer);
  fs.writeFileSync(reader.file, "four\n");
  await reader.until("one\ntwo\nthree\nfour\n");
  fs.appendFileSync(reader.file, "five\n");
  await reader.until("one\ntwo\nthree\nfour\nfive\n");
  await reader.stop();
});

test("large additions come in pieces that are the caller's to keep", async () => {
  const reader = follow("large.log", true);
  const text = Array.from({ length: 40_000 }, (_, i) => `${i}`).join(" ");
  fs.writeFileSync(reader.file, text);
  await reader.until(text);
  await reader.stop();
});

test("a folder cannot be followed", async () => {
  const pieces = await followFile(folder, { signal: new AbortController().signal });
  await assert.rejects(pieces.next(), { code: "not_writable" });
});
