import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { verifyArtefact } from "../model/artefact.ts";
import { readSafetensors } from "../tensor/safetensors.ts";
import { readTopkFile } from "../train/topk-file.ts";

/** Reads a file as what its name says that it is; throws where it is not whole. Null: such files are not looked into. */
const readers: readonly (readonly [name: RegExp, read: (file: string) => void])[] = [
  [/\.tmp$/, (file) => assert.fail(`${file} was left behind`)],
  [/(^|\/)manifest\.json$/, (file) => void verifyArtefact(path.dirname(file))],
  [/\.json$/, (file) => void JSON.parse(fs.readFileSync(file, "utf8"))],
  [
    /\.jsonl$/,
    (file) => {
      const lines = fs.readFileSync(file, "utf8").split("\n");
      assert.equal(lines.pop(), "", `${file} ends inside a line`);
      for (const line of lines) JSON.parse(line);
    },
  ],
  [/\.safetensors$/, (file) => void readSafetensors(file)],
  [/\.topk$/, (file) => void readTopkFile(file)],
];

/** Checks that every file below `folder` is whole: nothing temporary, nothing cut. Returns their names. */
export function assertWhole(folder: string): readonly string[] {
  const names = fs.readdirSync(folder, { recursive: true, encoding: "utf8" });
  const files = names.filter((name) => fs.statSync(path.join(folder, name)).isFile());
  for (const name of files) {
    const file = path.join(folder, name);
    try {
      readers.find(([pattern]) => pattern.test(name))?.[1](file);
    } catch (cause) {
      assert.fail(`${file} is not whole: ${(cause as Error).message}`);
    }
  }
  return files;
}
