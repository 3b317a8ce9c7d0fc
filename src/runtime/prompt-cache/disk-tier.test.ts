import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after, type TestContext, test } from "node:test";
import { headerBytes } from "./disk-entry.ts";
import { type DiskTier, defaultDiskBytes, openDiskTier } from "./disk-tier.ts";
import type { DiskFault } from "./types.ts";

const root = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-disk-tier-"));
after(() => fs.rmSync(root, { recursive: true, force: true }));
let folders = 0;
const newFolder = (): string => path.join(root, String(folders++));

const blockBytes = 1000;
const keyOf = (name: string): string => createHash("sha256").update(name).digest("hex");
const fileOf = (dir: string, key: string): string => path.join(dir, key.slice(0, 2), `${key}.kv`);
const faultsOf = (tier: DiskTier): DiskFault[] =>
  Object.entries(tier.faults).flatMap(([fault, times]) => Array(times).fill(fault) as DiskFault[]);

async function filled(names: readonly string[], budget = 1_000_000) {
  const dir = newFolder();
  const tier = openDiskTier(dir, blockBytes, budget);
  const payloads = names.map(() => randomBytes(blockBytes));
  for (const [i, name] of names.entries()) {
    tier.write(keyOf(name), payloads[i]!);
    await tier.settle();
  }
  return { dir, tier, payloads };
}

test("what was written is read again, by the next process too", async () => {
  const { dir, tier, payloads } = await filled(["a", "b"]);
  for (const one of [tier, openDiskTier(dir, blockBytes, 1_000_000)]) {
    assert.deepEqual([one.blocks, one.bytes], [2, 2 * (blockBytes + headerBytes)]);
    assert.deepEqual(Buffer.from(one.read(keyOf("a"))!), payloads[0]);
    assert.deepEqual(Buffer.from(one.read(keyOf("b"))!), payloads[1]);
    assert.equal(one.read(keyOf("c")), undefined);
    assert.deepEqual(faultsOf(one), []);
  }
  assert.deepEqual(
    fs.readdirSync(dir, { recursive: true }).filter((name) => String(name).endsWith(".tmp")),
    [],
  );
});

const damages: readonly (readonly [string, DiskFault, (file: string, bytes: Buffer) => void])[] = [
  ["cut off at its end", "truncated", (file, bytes) => fs.writeFileSync(file, bytes.subarray(0, -1))],
  ["cut off in its header", "truncated", (file, bytes) => fs.writeFileSync(file, bytes.subarray(0, 11))],
  ["empty", "truncated", (file) => fs.writeFileSync(file, "")],
  [
    "longer than it should be",
    "checksum",
    (file, bytes) => fs.writeFileSync(file, Buffer.concat([bytes, bytes])),
  ],
  ["of another version", "wrong_version", (file, bytes) => fs.writeFileSync(file, bytes.fill(9, 8, 9))],
  ["of another format", "wrong_version", (file, bytes) => fs.writeFileSync(file, bytes.fill("x", 0, 8))],
  [
    "a folder",
    "unreadable",
    (file) => {
      fs.rmSync(file);
      fs.mkdirSync(file);
    },
  ],
];

for (const [what, fault, damage] of damages) {
  test(`an entry that is ${what} is dropped and counted as ${fault}`, async () => {
    const { dir, tier, payloads } = await filled(["a", "b"]);
    const key = keyOf("a");
    damage(fileOf(dir, key), fs.readFileSync(fileOf(dir, key)));
    assert.equal(tier.read(key), undefined);
    assert.equal(tier.faults[fault], 1);
    assert.deepEqual([tier.has(key), tier.blocks], [false, 1]);
    assert.deepEqual(Buffer.from(tier.read(keyOf("b"))!), payloads[1], "others are whole");
    if (fault === "unreadable") return;
    tier.write(key, payloads[0]!);
    await tier.settle();
    assert.deepEqual(Buffer.from(tier.read(key)!), payloads[0], "and it can be written again");
  });
}

test("only the owner can read what was said", {
  skip: process.platform === "win32" && "no such modes",
}, async () => {
  const { dir } = await filled(["a"]);
  const file = fileOf(dir, keyOf("a"));
  const modes = [dir, path.dirname(file), file].map((name) => fs.statSync(name).mode & 0o777);
  assert.deepEqual(modes, [0o700, 0o700, 0o600]);
});

test("any flipped bit is found", async () => {
  const { dir, tier, payloads } = await filled(["a"]);
  const key = keyOf("a");
  const whole = fs.readFileSync(fileOf(dir, key));
  for (let at = 0; at < whole.length; at += 7) {
    const bytes = Buffer.from(whole);
    bytes[at]! ^= 1 << (at % 8);
    fs.mkdirSync(path.dirname(fileOf(dir, key)), { recursive: true });
    fs.writeFileSync(fileOf(dir, key), bytes);
    assert.equal(tier.read(key), undefined, `byte ${at}`);
  }
  assert.equal(faultsOf(tier).length, Math.ceil(whole.length / 7));
  fs.writeFileSync(fileOf(dir, key), whole);
  assert.deepEqual(Buffer.from(tier.read(key)!), payloads[0]);
});

test("an entry under the name of another, or of a model of another size, is a mismatch", async () => {
  const { dir, tier } = await filled(["a", "b"]);
  fs.copyFileSync(fileOf(dir, keyOf("a")), fileOf(dir, keyOf("b")));
  assert.equal(tier.read(keyOf("b")), undefined);
  assert.equal(openDiskTier(dir, blockBytes + 1, 1e6).read(keyOf("a")), undefined);
  assert.equal(tier.faults.mismatch, 1);
});

test("the budget holds, and the block used longest ago goes first, across a restart too", async () => {
  const size = blockBytes + headerBytes;
  const { dir, tier } = await filled(["a", "b", "c"], 3 * size);
  tier.touch([keyOf("a")]);
  tier.write(keyOf("d"), randomBytes(blockBytes));
  await tier.settle();
  assert.deepEqual(
    ["a", "b", "c", "d"].map((name) => tier.has(keyOf(name))),
    [true, false, true, true],
  );
  assert.deepEqual([tier.evictedBlocks, tier.bytes], [1, 3 * size]);
  fs.utimesSync(fileOf(dir, keyOf("a")), 1, 1);
  const smaller = openDiskTier(dir, blockBytes, 2 * size);
  assert.deepEqual(
    ["a", "c", "d"].map((name) => fs.existsSync(fileOf(dir, keyOf(name)))),
    [false, true, true],
  );
  assert.equal(smaller.blocks, 2);
});

test("of one path the end goes before its beginning", async () => {
  const size = blockBytes + headerBytes;
  const { tier } = await filled(["a", "ab", "abc"], 3 * size);
  tier.touch(["a", "ab", "abc"].map(keyOf));
  tier.write(keyOf("x"), randomBytes(blockBytes));
  await tier.settle();
  assert.deepEqual(
    ["a", "ab", "abc"].map((name) => tier.has(keyOf(name))),
    [true, true, false],
  );
});

/** Writes go on only when the returned function is called. */
function heldWrites(t: TestContext): () => void {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const { writeFile } = fs.promises;
  t.mock.method(fs.promises, "writeFile", async (...args: Parameters<typeof writeFile>) => {
    await opened;
    return writeFile(...args);
  });
  return open;
}

test("a block on its way to a slow disk is there already, is written once, and is not evicted", async (t) => {
  const size = blockBytes + headerBytes;
  const { dir, tier } = await filled(["old"], 2 * size);
  const open = heldWrites(t);
  const payload = randomBytes(blockBytes);
  tier.write(keyOf("a"), payload);
  tier.touch([keyOf("a")]);
  await new Promise(setImmediate);
  assert.deepEqual([tier.has(keyOf("a")), fs.existsSync(fileOf(dir, keyOf("a")))], [true, false]);
  assert.deepEqual(Buffer.from(tier.read(keyOf("a"))!), payload);
  tier.write(keyOf("a"), payload);
  tier.write(keyOf("b"), randomBytes(blockBytes));
  open();
  await tier.settle();
  assert.deepEqual(
    ["old", "a", "b"].map((name) => tier.has(keyOf(name))),
    [false, true, true],
  );
  assert.deepEqual([tier.bytes, tier.evictedBlocks], [2 * size, 1]);
  assert.deepEqual(Buffer.from(tier.read(keyOf("a"))!), payload, "now from its file");
  assert.deepEqual(faultsOf(tier), []);
});

test("of a path that is still being written the end goes first too, and after a restart", async () => {
  const size = blockBytes + headerBytes;
  const path3 = ["r", "rs", "rst"].map(keyOf);
  const { dir, tier } = await filled([], 3 * size);
  for (const key of path3) tier.write(key, randomBytes(blockBytes));
  tier.touch(path3);
  await tier.settle();
  const reopened = openDiskTier(dir, blockBytes, 3 * size);
  reopened.write(keyOf("y"), randomBytes(blockBytes));
  await reopened.settle();
  assert.deepEqual(
    path3.map((key) => reopened.has(key)),
    [true, true, false],
  );
  const fresh = await filled([], 3 * size);
  for (const key of path3) fresh.tier.write(key, randomBytes(blockBytes));
  fresh.tier.touch(path3);
  fresh.tier.write(keyOf("x"), randomBytes(blockBytes));
  await fresh.tier.settle();
  assert.deepEqual(
    path3.map((key) => fresh.tier.has(key)),
    [true, true, false],
  );
});

test("a folder that cannot be used is counted, and nothing is thrown", async () => {
  const file = path.join(root, "file");
  fs.writeFileSync(file, "not a folder");
  const tier = openDiskTier(path.join(file, "inside"), blockBytes, 1e6);
  tier.write(keyOf("a"), randomBytes(blockBytes));
  await tier.settle();
  assert.equal(tier.read(keyOf("a")), undefined);
  assert.ok(tier.faults.not_writable >= 2 && tier.blocks === 0, JSON.stringify(tier.faults));
});

test("a disk without room for one block is counted at once", () => {
  const tier = openDiskTier(path.join(root, "no-room"), 2 ** 60);
  assert.deepEqual(faultsOf(tier), ["disk_full"]);
});

test("a disk that is full is counted, leaves no half file, and is tried again", async (t) => {
  const { dir, tier } = await filled([]);
  const full = t.mock.method(fs.promises, "writeFile", async (file: string) => {
    fs.writeFileSync(file, "half");
    throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC", errno: -28 });
  });
  const payload = randomBytes(blockBytes);
  tier.write(keyOf("a"), payload);
  await tier.settle();
  assert.deepEqual([tier.faults.disk_full, tier.has(keyOf("a")), tier.bytes], [1, false, 0]);
  assert.deepEqual(
    fs.readdirSync(dir, { recursive: true, encoding: "utf8" }).filter((name) => name.includes(".")),
    [],
  );
  full.mock.restore();
  tier.write(keyOf("a"), payload);
  await tier.settle();
  assert.deepEqual(Buffer.from(tier.read(keyOf("a"))!), payload);
});

test("unfinished files of long ago are removed, young ones of other engines are left", () => {
  const dir = newFolder();
  fs.mkdirSync(path.join(dir, "ab"), { recursive: true });
  const [old, young] = ["old.tmp", "young.tmp"].map((name) => path.join(dir, "ab", name)) as [string, string];
  for (const file of [old, young]) fs.writeFileSync(file, "half");
  fs.utimesSync(old, 1, 1);
  openDiskTier(dir, blockBytes, 1e6);
  assert.deepEqual([fs.existsSync(old), fs.existsSync(young)], [false, true]);
});

test("without a budget of its own the tier takes a quarter of what is free, 30 GiB at most", () => {
  assert.equal(defaultDiskBytes(40 * 2 ** 30), 10 * 2 ** 30);
  assert.equal(defaultDiskBytes(500 * 2 ** 30), 30 * 2 ** 30);
  const dir = newFolder();
  const { budgetBytes } = openDiskTier(dir, blockBytes);
  const { bavail, bsize } = fs.statfsSync(dir);
  // Others write to the disk meanwhile.
  const ratio = budgetBytes / defaultDiskBytes(bavail * bsize);
  assert.ok(ratio > 0.9 && ratio < 1.1, `${budgetBytes} bytes`);
});
