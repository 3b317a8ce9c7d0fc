import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after, test } from "node:test";
import { createRandom } from "../base/random.ts";
import { exportArtefact, readManifest } from "./artefact.ts";
import { saveCheckpoint } from "./checkpoint.ts";
import { initialiseWeights } from "./decoder.ts";
import { findLicence } from "./licence.ts";
import { saveSmallTokenizer, smallConfig } from "./small-model.test.support.ts";

const dir = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-licence-"));
after(() => fs.rmSync(dir, { recursive: true }));

const folder = (files: Readonly<Record<string, string>>): string => {
  const at = fs.mkdtempSync(path.join(dir, "of-"));
  for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(at, name), text);
  return at;
};
const card = (yaml: string): string => `---\n${yaml}\n---\n# A model\n\nlicense: not this\n`;

for (const [what, files, licence] of [
  ["a model card", { "README.md": card("language: en\nlicense: apache-2.0"), LICENSE: "text" }, "apache-2.0"],
  ["a model card from Windows", { "README.md": card("license: mit").replaceAll("\n", "\r\n") }, "mit"],
  [
    "a model card with a licence of its own",
    { "README.md": card("license: other\nlicense_name: tiny-community\nlicense_link: LICENSE") },
    "tiny-community",
  ],
  ["a model card of an unnamed licence", { "README.md": card("license: other") }, "other"],
  ["a card that is not YAML", { "README.md": card("license: [") }, "as the checkpoint"],
  ["a card with a number", { "README.md": card("license: 2") }, "as the checkpoint"],
  ["a card of nothing", { "README.md": card("# nothing") }, "as the checkpoint"],
  ["a plain README", { "README.md": "# A model\nlicense: mit\n" }, "as the checkpoint"],
  ["a licence's text", { "README.md": card("language: en"), "LICENSE.txt": "Apache License" }, "see LICENSE"],
  ["a licence with its identifier", { LICENCE: "SPDX-License-Identifier: MIT\n\nPermission …" }, "MIT"],
  ["nothing", {}, "as the checkpoint"],
] as const) {
  test(`${what} says: ${licence}`, () => {
    assert.equal(findLicence(folder(files)), licence);
  });
}

test("an artefact has the licence and its text; with the next export the text leaves, but no file of others", async () => {
  const checkpoint = folder({ "README.md": card("license: mit"), "LICENSE.md": "the text" });
  saveCheckpoint(checkpoint, {
    config: smallConfig,
    weights: initialiseWeights(smallConfig, createRandom(1)),
  });
  saveSmallTokenizer(checkpoint);
  const out = path.join(dir, "artefact");
  await exportArtefact(checkpoint, out, { format: "fp32" });
  assert.equal(readManifest(out).licence, "mit");
  assert.equal(fs.readFileSync(path.join(out, "LICENSE"), "utf8"), "the text");
  fs.rmSync(path.join(checkpoint, "LICENSE.md"));
  const said = await exportArtefact(checkpoint, out, { format: "fp32", licence: "Apache-2.0" });
  assert.equal(said.licence, "Apache-2.0");
  assert.ok(!fs.existsSync(path.join(out, "LICENSE")));
  const others = folder({ LICENSE: "of this project" });
  await exportArtefact(checkpoint, others, { format: "fp32" });
  assert.equal(fs.readFileSync(path.join(others, "LICENSE"), "utf8"), "of this project");
});
