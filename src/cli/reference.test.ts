import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { test } from "node:test";
import { packageRoot } from "../flow/package-files.ts";
import { referenceDocuments } from "./reference.ts";

for (const [name, render] of Object.entries(referenceDocuments)) {
  test(`docs/${name} says what the code says: run \`npm run docs\` where it does not`, () => {
    assert.equal(fs.readFileSync(path.join(packageRoot, "docs", name), "utf8"), render());
  });
}

test("the command reference names every option", () => {
  const text = referenceDocuments["cli.md"]();
  for (const expected of [
    "## limbeck run [prompt]",
    "`--baseline-dir <dir>`",
    "One of fp32, fp16, int8, int8-block, int8-row, int4. Default: int8.",
    "Required.",
  ]) {
    assert.ok(text.includes(expected), expected);
  }
});
