import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after, before, test } from "node:test";
import { sampleReport } from "../gate/sample-report.test.support.ts";
import { type CallOptions, type Ended, errorCode, lastDocument, limbeck } from "./spawn.test.support.ts";

let folder = "";

const call = (words: readonly string[], options: Omit<CallOptions, "folder"> = {}): Promise<Ended> =>
  limbeck(words, { folder, ...options });

before(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-cli-"));
  fs.writeFileSync(path.join(folder, "report.json"), JSON.stringify(sampleReport()));
  fs.writeFileSync(path.join(folder, "cut.json"), '{"schema_version": 1, "ki');
});
after(() => fs.rmSync(folder, { recursive: true }));

test("help goes to standard output, exit status 0", async () => {
  const ended = await call(["gate", "--help"]);
  assert.deepEqual([ended.status, ended.stderr], [0, ""]);
  assert.match(ended.stdout, /^Usage: limbeck gate/);
});

test("without a command the help goes to standard error, exit status 2", async () => {
  const ended = await call([]);
  assert.deepEqual([ended.status, ended.stdout], [2, ""]);
  assert.match(ended.stderr, /quickstart/);
});

test("an unknown option: message and cure on standard error, exit status 2, no stack", async () => {
  const ended = await call(["gate", "--baseline-dri", "x"]);
  assert.deepEqual([ended.status, ended.stdout], [2, ""]);
  assert.equal(
    ended.stderr,
    "limbeck: gate: unknown option --baseline-dri: expected one that it has, nearest is --baseline-dir\n" +
      "  Run `limbeck gate --help`.\n",
  );
});

test("with --json a failure is a document too, and DEBUG=1 prints the stack", async () => {
  const ended = await call(["gate", "nowhere.json", "--json"], { environment: { DEBUG: "1" } });
  assert.equal(ended.status, 2);
  const { error } = lastDocument(ended) as { error: Record<string, unknown> };
  assert.deepEqual(
    [error["code"], typeof error["message"], typeof error["cure"]],
    ["file_not_found", "string", "string"],
  );
  assert.match(ended.stderr, /\n {4}at /);
});

test("a report that is cut off is bad input", async () => {
  const ended = await call(["gate", "cut.json", "--json"]);
  assert.equal(ended.status, 2);
  assert.equal(errorCode(ended), "invalid_json");
});

test("gate is inconclusive without a baseline (4) and passes once the report is blessed (0)", async () => {
  const first = await call(["gate", "report.json", "--json"]);
  assert.deepEqual([first.status, lastDocument(first)["verdict"]], [4, "inconclusive"]);
  const blessing = await call(["bless", "report.json", "--who", "Ada", "--why", "first", "--json"]);
  assert.equal(blessing.status, 0, blessing.stderr);
  assert.equal(lastDocument(blessing)["blessed_by"], "Ada");
  const second = await call(["gate", "report.json", "--json", "--quiet"]);
  assert.deepEqual([second.status, lastDocument(second)["verdict"], second.stderr], [0, "pass", ""]);
});

test("a report that breaks a rule fails (1), as text on standard output", async () => {
  const report = sampleReport();
  report.quality!.f1_lax = 0.5;
  fs.writeFileSync(path.join(folder, "bad.json"), JSON.stringify(report));
  const ended = await call(["gate", "bad.json"]);
  assert.equal(ended.status, 1);
  assert.match(ended.stdout, /✗ {2}f1_lax/);
});

test("a prompt that is empty is refused", async () => {
  const ended = await call(["run", "--json"], { input: " \n" });
  assert.equal(ended.status, 2);
  assert.equal(errorCode(ended), "usage");
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  test(`${signal} ends a command that waits, exit status 130`, async () => {
    const ended = await call(["run", "--artefact", "nowhere"], {
      interrupt: { signal, isDue: (stderr) => stderr.includes("standard input") },
    });
    assert.equal(ended.status, 130, ended.stderr);
    assert.match(ended.stderr, /stopping/);
  });
}

test("every command tells ONNX Runtime, whichever package brings it, to report nothing", async () => {
  // A preloaded module says what the command's native code would read when it ends.
  const told = 'process.on("exit", () => process.stderr.write(process.env.ORT_DISABLE_TELEMETRY))';
  const environment = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(told)}` };
  const ended = await call(["--version"], { environment: { ...environment, ORT_DISABLE_TELEMETRY: "0" } });
  assert.deepEqual([ended.status, ended.stderr], [0, "1"]);
});
