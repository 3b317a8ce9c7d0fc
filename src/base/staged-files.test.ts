import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after, test } from "node:test";
import { stageFiles } from "./staged-files.ts";

const root = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-staged-"));
after(() => fs.rmSync(root, { recursive: true }));

const options = { stale: ["data", "extra"], seal: "manifest" };
const put = (dir: string, files: Readonly<Record<string, string>>): void => {
  fs.mkdirSync(dir, { recursive: true });
  for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(dir, name), text);
};
const held = (dir: string): Record<string, string> =>
  Object.fromEntries(
    fs.readdirSync(dir).map((name) => [name, fs.readFileSync(path.join(dir, name), "utf8")] as const),
  );

test("files come over as a whole; stale ones go, others stay", async () => {
  const dir = path.join(root, "over");
  put(dir, { manifest: "old", data: "old", extra: "old", own: "mine" });
  const result = await stageFiles(dir, options, async (stage) => {
    assert.equal(
      fs.readFileSync(path.join(dir, "data"), "utf8"),
      "old",
      "untouched while the new one is made",
    );
    put(stage, { data: "new", manifest: "new" });
    return 7;
  });
  assert.equal(result, 7);
  assert.deepEqual(held(dir), { manifest: "new", data: "new", own: "mine" });
});

test("where making them fails, what was there stays, and what was not is not left", async () => {
  const dir = path.join(root, "fails");
  put(dir, { manifest: "old", data: "old" });
  const fail = async (stage: string): Promise<never> => {
    put(stage, { data: "half" });
    throw new Error("no");
  };
  await assert.rejects(stageFiles(dir, options, fail), /no/);
  assert.deepEqual(held(dir), { manifest: "old", data: "old" });
  await assert.rejects(stageFiles(path.join(root, "a", "b"), options, fail), /no/);
  assert.equal(fs.existsSync(path.join(root, "a")), false);
});

test("what a killed process left is cleared", async () => {
  const dir = path.join(root, "killed");
  put(path.join(dir, ".staged"), { data: "half", odd: "half" });
  await stageFiles(dir, options, async (stage) => put(stage, { manifest: "new" }));
  assert.deepEqual(held(dir), { manifest: "new" });
});
