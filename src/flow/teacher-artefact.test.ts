import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after, before, test } from "node:test";
import { LimbeckError } from "../base/errors.ts";
import { readManifest } from "../model/artefact.ts";
import { cachedTeacherArtefact } from "./teacher-artefact.ts";
import { saveTinyCheckpoint } from "./tiny-checkpoint.test.support.ts";

let folder = "";
const cached = (name: string, shapes?: readonly number[]): Promise<string> =>
  cachedTeacherArtefact(path.join(folder, name), path.join(folder, "cache"), shapes);

before(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-teacher-"));
  saveTinyCheckpoint(path.join(folder, "a"), 1);
  saveTinyCheckpoint(path.join(folder, "b"), 2);
});
after(() => fs.rmSync(folder, { recursive: true }));

test("a teacher is exported once for its weights and its shapes", async () => {
  const first = await cached("a", [64]);
  assert.deepEqual(readManifest(first).shapes, [64]);
  const writtenAt = fs.statSync(path.join(first, "model.onnx")).mtimeMs;
  assert.equal(await cached("a", [64]), first);
  assert.equal(fs.statSync(path.join(first, "model.onnx")).mtimeMs, writtenAt);
  assert.notEqual(await cached("b", [64]), first);
  assert.notEqual(await cached("a"), first);
});

test("a cached artefact that was damaged is refused, not used", async () => {
  const artefact = await cached("a", [64]);
  fs.appendFileSync(path.join(artefact, "model.onnx"), "x");
  await assert.rejects(
    cached("a", [64]),
    (thrown: unknown) => thrown instanceof LimbeckError && thrown.code === "invalid_artefact",
  );
});
