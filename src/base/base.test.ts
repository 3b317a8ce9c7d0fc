import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after, test } from "node:test";
import { errorCodes, LimbeckError } from "./errors.ts";
import { readText, sha256, sha256File, writeFileAtomic, writePartsAtomic } from "./files.ts";
import { canonicalJson, parseJson, stringifyJson } from "./json.ts";
import { createRandom, randomFromState } from "./random.ts";

const dir = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-base-"));
after(() => fs.rmSync(dir, { recursive: true }));

test("JSON with NaN or Infinity is not written, and the field is named", () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    assert.throws(() => stringifyJson({ rate: value }), /internal:.*"rate"/);
  }
  assert.equal(stringifyJson({ rate: null }), '{"rate":null}');
});

test("bad JSON names its source; canonical JSON sorts keys at every depth", () => {
  assert.throws(() => parseJson("{", "recipe.json"), /recipe\.json: expected JSON/);
  assert.equal(canonicalJson({ b: [{ d: 1, c: 2 }], a: 0 }), '{"a":0,"b":[{"c":2,"d":1}]}');
});

test("a file's fingerprint is that of its bytes, however many pieces it is read in", () => {
  const bytes = Buffer.alloc((1 << 22) * 2 + 5, "abc");
  const file = path.join(dir, "large");
  fs.writeFileSync(file, bytes);
  assert.equal(sha256File(file), sha256(bytes));
  assert.throws(() => sha256File(path.join(dir, "none")), /none/);
});

test("a write that fails leaves the old file and no rubbish", () => {
  const file = path.join(dir, "sub", "a.txt");
  writeFileAtomic(file, "old");
  const broken = { toString: () => assert.fail("disk") } as unknown as Uint8Array;
  assert.throws(() => writeFileAtomic(file, ["new", broken] as unknown as Uint8Array[]));
  assert.equal(readText(file), "old");
  assert.deepEqual(fs.readdirSync(path.dirname(file)), ["a.txt"]);
});

test("a folder that is a file is answered with a clear error", () => {
  fs.writeFileSync(path.join(dir, "plain"), "");
  assert.throws(
    () => writeFileAtomic(path.join(dir, "plain", "x"), "y"),
    (error) => error instanceof LimbeckError && error.code === "not_writable" && error.exitStatus === 2,
  );
});

test("one seed gives one sequence, forks depend on seed and label only, state resumes", () => {
  const a = createRandom(5);
  const b = createRandom(5);
  const drawn = Array.from({ length: 20 }, () => a.next());
  assert.deepEqual(
    drawn,
    Array.from({ length: 20 }, () => b.next()),
  );
  assert.equal(a.fork("x").next(), createRandom(5).fork("x").next());
  assert.notEqual(a.fork("x").next(), a.fork("y").next());
  const saved = a.state();
  const next = Array.from({ length: 5 }, () => a.next());
  const resumed = randomFromState(saved);
  assert.deepEqual(
    next,
    Array.from({ length: 5 }, () => resumed.next()),
  );
});

test("the draws have the moments of their distributions", () => {
  const random = createRandom(11);
  const n = 20_000;
  const mean = (draw: () => number): number => Array.from({ length: n }, draw).reduce((s, x) => s + x, 0) / n;
  assert.ok(Math.abs(mean(random.next) - 0.5) < 0.01);
  assert.ok(Math.abs(mean(random.normal)) < 0.03);
  assert.ok(Math.abs(mean(() => random.normal() ** 2) - 1) < 0.05);
  assert.ok(Math.abs(mean(() => random.gamma(2.5)) - 2.5) < 0.06);
  assert.ok(Math.abs(mean(() => random.gamma(0.4)) - 0.4) < 0.03);
  assert.equal(new Set(random.shuffle([1, 2, 3, 4, 5])).size, 5);
});

test("every error code has statuses that processes and HTTP know", () => {
  for (const [code, { exitStatus, httpStatus }] of Object.entries(errorCodes)) {
    assert.ok([1, 2, 3, 4, 70].includes(exitStatus), code);
    assert.ok(httpStatus >= 400 && httpStatus < 600, code);
  }
});

test("between the parts of a file the event loop turns; parts that fail leave the old file", async () => {
  const folder = fs.mkdtempSync(path.join(dir, "parts-"));
  const file = path.join(folder, "file");
  let turns = 0;
  const parts = function* (fails: boolean) {
    setImmediate(() => turns++);
    yield Buffer.from("a");
    yield Buffer.from(String(turns));
    if (fails) throw new Error("no");
  };
  await writePartsAtomic(file, parts(false));
  assert.equal(fs.readFileSync(file, "utf8"), "a1");
  await assert.rejects(writePartsAtomic(file, parts(true)), /no/);
  assert.equal(fs.readFileSync(file, "utf8"), "a1");
  assert.deepEqual(fs.readdirSync(folder), ["file"]);
});
