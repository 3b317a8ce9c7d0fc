import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { LimbeckError } from "../base/errors.ts";
import { openSafetensors, readSafetensors, writeSafetensors } from "./safetensors.ts";
import { float32, int64, type Tensor, tensor } from "./tensor.ts";

const dir = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-safetensors-"));
after(() => fs.rmSync(dir, { recursive: true }));
const file = (name: string): string => path.join(dir, name);

const refuses = (name: string, bytes: Uint8Array, message: RegExp): void => {
  fs.writeFileSync(file(name), bytes);
  assert.throws(
    () => readSafetensors(file(name)),
    (error) =>
      error instanceof LimbeckError && error.code === "invalid_safetensors" && message.test(error.message),
    name,
  );
};

test("what is written is read back, with metadata", () => {
  const tensors: Record<string, Tensor> = {
    a: float32([2, 3], [1, 2, 3, 4, 5, -0.5]),
    empty: float32([0, 4], []),
    ids: int64([2], [7, -9]),
    scalar: float32([], [3]),
    q: tensor("int8", [3], Int8Array.of(-128, 0, 127)),
  };
  writeSafetensors(file("a"), tensors, { format: "pt" });
  const read = readSafetensors(file("a"));
  assert.deepEqual(read.metadata, { format: "pt" });
  assert.deepEqual(Object.keys(read.tensors).sort(), Object.keys(tensors).sort());
  for (const [name, expected] of Object.entries(tensors)) {
    assert.deepEqual(read.tensors[name]!.shape, expected.shape);
    assert.deepEqual([...read.tensors[name]!.data], [...expected.data], name);
  }
});

test("a part of a tensor is read from its place, and a file that shrinks or has no such tensor is named", () => {
  writeSafetensors(file("parts"), { a: int64([3], [1, 2, 3]), b: float32([2, 3], [1, 2, 3, 4, 5, 6]) });
  const opened = openSafetensors(file("parts"));
  assert.deepEqual([...opened.entries.keys()], ["a", "b"]);
  assert.deepEqual([...opened.read("b", 2, 5)], [3, 4, 5]);
  assert.deepEqual([...opened.read("a", 1)], [2n, 3n]);
  assert.throws(() => opened.read("c"), /parts: tensor "c": expected it in the file/);
  fs.truncateSync(file("parts"), fs.statSync(file("parts")).size - 4);
  assert.deepEqual([...opened.read("b", 0, 5)], [1, 2, 3, 4, 5]);
  assert.throws(() => opened.read("b"), /parts: tensor "b": .*truncated/);
});

test("damaged files are refused, naming what is wrong", () => {
  writeSafetensors(file("whole"), { w: float32([4], [1, 2, 3, 4]) });
  const whole = fs.readFileSync(file("whole"));
  const header = (json: unknown, data = Buffer.alloc(0)): Buffer => {
    const text = Buffer.from(typeof json === "string" ? json : JSON.stringify(json));
    const prefix = Buffer.alloc(8);
    prefix.writeBigUInt64LE(BigInt(text.length));
    return Buffer.concat([prefix, text, data]);
  };
  refuses("empty", Buffer.alloc(0), /at least 8 bytes, got 0/);
  refuses("short", whole.subarray(0, whole.length - 1), /"w".*truncated/);
  refuses("long", Buffer.concat([whole, Buffer.alloc(1)]), /the file holds/);
  refuses("header", whole.subarray(0, 20), /header/);
  refuses("json", header("{nope"), /expected JSON/);
  refuses("list", header([]), /JSON object/);
  refuses(
    "dtype",
    header({ w: { dtype: "F8", shape: [1], data_offsets: [0, 1] } }, Buffer.alloc(1)),
    /got F8/,
  );
  refuses(
    "bytes",
    header({ w: { dtype: "F32", shape: [2], data_offsets: [0, 4] } }, Buffer.alloc(4)),
    /expected 8 bytes, got 4/,
  );
  refuses(
    "entry",
    header({ w: { dtype: "F32", shape: [-1], data_offsets: [0, 4] } }, Buffer.alloc(4)),
    /expected dtype, shape/,
  );
});

test("random bytes never do anything but a clear refusal", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      refuses("fuzz", bytes, /./);
    }),
    { seed: 7, numRuns: 200 },
  );
});

test("a missing file is named", () => {
  assert.throws(
    () => readSafetensors(file("none")),
    (error) =>
      error instanceof LimbeckError && error.code === "file_not_found" && error.message.includes("none"),
  );
});
