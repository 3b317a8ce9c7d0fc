import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { LimbeckError } from "../base/errors.ts";
import { openRemoteEngine } from "./remote-engine.ts";

const dir = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-worker-"));
after(() => fs.rmSync(dir, { recursive: true }));

/** A worker that opens at once and then does `onChat` with each order. */
function workerThat(
  name: string,
  onChat: string,
  start = 'port.postMessage({ kind: "opened", info: { name: "fake" } });',
): URL {
  const file = path.join(dir, `${name}.mjs`);
  fs.writeFileSync(
    file,
    `import { parentPort as port } from "node:worker_threads";
${start}
port.on("message", (order) => {
  if (order.kind === "close") { port.postMessage({ kind: "closed" }); return; }
  ${onChat}
});
`,
  );
  return pathToFileURL(file);
}
const ask = [{ role: "user", content: "x" }] as const;
const isInternal = (words: RegExp) => (error: unknown) =>
  error instanceof LimbeckError &&
  error.code === "internal" &&
  error.fields["isEngineDead"] === true &&
  words.test(error.message);

test("a worker that throws fails every request, and those that come later", async () => {
  const engine = await openRemoteEngine(
    "a",
    {},
    { workerFile: workerThat("throws", 'throw new Error("boom");') },
  );
  const [first, second] = [engine.chat(ask, []), engine.chat(ask, [])];
  await assert.rejects(first, isInternal(/boom/));
  await assert.rejects(second, isInternal(/boom/));
  await assert.rejects(engine.chat(ask, []), isInternal(/boom/));
  await engine.close();
});

test("a worker that ends fails the request instead of leaving it to wait", async () => {
  const engine = await openRemoteEngine("a", {}, { workerFile: workerThat("exits", "process.exit(7);") });
  await assert.rejects(engine.chat(ask, []), isInternal(/status 7/));
  await engine.close();
});

test("a worker that dies before it opens is an error of the opening", async () => {
  const file = workerThat("never", "", 'throw new Error("no start");');
  await assert.rejects(openRemoteEngine("a", {}, { workerFile: file }), isInternal(/no start/));
});

test("an error that a stream's reader hears is not counted as unhandled as well", async () => {
  const engine = await openRemoteEngine(
    "a",
    {},
    { workerFile: workerThat("stream", 'throw new Error("boom");') },
  );
  await assert.rejects(engine.stream(ask, []).next(), isInternal(/boom/));
  await engine.close();
});

test("closing ends a worker that is stuck, and fails what it was asked", async () => {
  const engine = await openRemoteEngine(
    "a",
    {},
    {
      workerFile: workerThat("stuck", "for (;;);"),
      closeWithinMs: 50,
    },
  );
  const asked = assert.rejects(engine.chat(ask, []), /closed/);
  await engine.close();
  await asked;
});
