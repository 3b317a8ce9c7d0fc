import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { LimbeckError } from "../base/errors.ts";
import { createRunFolder, latestRun, markLatest, resolveReport } from "./run-folder.ts";

const now = new Date("2026-01-31T09:45:01Z");
const before = process.cwd();
let folder = "";

beforeEach(() => {
  folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-run-")));
  process.chdir(folder);
});
afterEach(() => {
  process.chdir(before);
  fs.rmSync(folder, { recursive: true });
});

const code = (expected: string) => (thrown: unknown) =>
  thrown instanceof LimbeckError && thrown.code === expected;

test("two runs of one second get two folders", () => {
  assert.equal(createRunFolder({ now }).path, path.join(".limbeck", "runs", "20260131-094501"));
  assert.equal(createRunFolder({ now }).id, "20260131-094501-2");
});

test("a folder that holds something is refused, and stays as it was", () => {
  fs.mkdirSync("full");
  fs.writeFileSync("full/keep", "x");
  assert.throws(() => createRunFolder({ out: "full", now }), code("usage"));
  assert.deepEqual(fs.readdirSync("full"), ["keep"]);
});

test("a place that cannot be a folder is refused", () => {
  fs.writeFileSync("file", "x");
  assert.throws(() => createRunFolder({ out: path.join("file", "run"), now }), code("not_writable"));
});

test("latest names a complete run until it is removed", () => {
  assert.equal(latestRun(), null);
  const run = createRunFolder({ now });
  assert.equal(latestRun(), null, "a run that has begun is not the latest one");
  markLatest(run);
  assert.equal(latestRun(), path.join(folder, run.path));
  fs.rmSync(run.path, { recursive: true });
  assert.equal(latestRun(), null);
});

test("a report is found by nothing, id, folder and file", () => {
  const run = createRunFolder({ now });
  const report = path.join(run.path, "report.json");
  fs.writeFileSync(report, "{}");
  markLatest(run);
  for (const reference of [undefined, run.id, run.path, report]) {
    assert.equal(path.resolve(resolveReport(reference)), path.resolve(report));
  }
  assert.throws(() => resolveReport("elsewhere"), code("file_not_found"));
});

test("without any run the error says how to make one", () => {
  assert.throws(
    () => resolveReport(undefined),
    (thrown: unknown) => thrown instanceof LimbeckError && /quickstart/.test(thrown.cure ?? ""),
  );
});
