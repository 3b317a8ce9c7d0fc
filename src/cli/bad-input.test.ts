import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after, before, test } from "node:test";
import type { ErrorCode } from "../base/errors.ts";
import { writeDataset } from "../data/dataset.ts";
import { generateToolbox } from "../data/toolbox/generate.ts";
import { saveTinyCheckpoint } from "../flow/tiny-checkpoint.test.support.ts";
import { readSafetensors, writeSafetensors } from "../tensor/safetensors.ts";
import { float32 } from "../tensor/tensor.ts";
import { lastDocument, limbeck, mainFile } from "./spawn.test.support.ts";

// What people give by mistake, each through the command: exit status, code, the place in the message, and a cure.
let folder = "";
const inFolder = (...parts: string[]): string => path.join(folder, ...parts);
const write = (name: string, text: string): void => fs.writeFileSync(inFolder(name), text);

before(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-bad-"));
  saveTinyCheckpoint(inFolder("base"), 1);
  write("recipe.yaml", "steps: 2\nloss: { kl: 0 }\nshapes: { lengths: [256], tokens_per_batch: 512 }\n");
});
after(() => fs.rmSync(folder, { recursive: true }));

/** The lines of a good dataset. */
function datasetLines(): string[] {
  const file = inFolder("good.jsonl");
  writeDataset(file, generateToolbox({ split: "train", seed: 1, examples: 12 }));
  return fs.readFileSync(file, "utf8").trimEnd().split("\n");
}

function distilOn(data: string, recipe = "recipe.yaml"): readonly string[] {
  return ["distil", "--recipe", recipe, "--student", "base", "--data", data, "--out", "out"];
}

interface BadInput {
  readonly what: string;
  readonly code: ErrorCode;
  readonly message: RegExp;
  /** Makes the bad files; returns the command. */
  readonly prepare: () => readonly string[];
}

const badInputs: readonly BadInput[] = [
  {
    what: "a dataset that is not there",
    code: "file_not_found",
    message: /nowhere\.jsonl/,
    prepare: () => distilOn("nowhere.jsonl"),
  },
  {
    what: "an empty dataset",
    code: "invalid_dataset",
    message: /empty\.jsonl:1: .*empty file/,
    prepare: () => {
      write("empty.jsonl", "");
      return distilOn("empty.jsonl");
    },
  },
  {
    what: "a dataset that is cut off",
    code: "invalid_dataset",
    message: /cut\.jsonl:13: .*cut off/,
    prepare: () => {
      write("cut.jsonl", datasetLines().join("\n").slice(0, -40));
      return distilOn("cut.jsonl");
    },
  },
  {
    what: "a line that is no JSON",
    code: "invalid_dataset",
    message: /json\.jsonl:4: .*not JSON/,
    prepare: () => {
      write("json.jsonl", `${datasetLines().with(3, '{"id": oops').join("\n")}\n`);
      return distilOn("json.jsonl");
    },
  },
  {
    what: "a call to a tool that was not offered",
    code: "invalid_dataset",
    message: /tool\.jsonl:\d+: .*launch_rocket/,
    prepare: () => {
      const lines = datasetLines();
      const index = lines.findIndex((line) => line.includes('"calls":[{'));
      const name = /"calls":\[\{"name":"[a-z_]+"/;
      write(
        "tool.jsonl",
        `${lines.with(index, lines[index]!.replace(name, '"calls":[{"name":"launch_rocket"')).join("\n")}\n`,
      );
      return distilOn("tool.jsonl");
    },
  },
  {
    what: "a recipe that is not there",
    code: "file_not_found",
    message: /nowhere\.yaml/,
    prepare: () => distilOn("good.jsonl", "nowhere.yaml"),
  },
  {
    what: "a recipe with a wrong type",
    code: "invalid_config",
    message: /type\.yaml: steps: .*got "many"/,
    prepare: () => {
      write("type.yaml", "steps: many\n");
      return distilOn("good.jsonl", "type.yaml");
    },
  },
  {
    what: "a recipe with an unknown key",
    code: "invalid_config",
    message: /key\.yaml: unknown key stepz/,
    prepare: () => {
      write("key.yaml", "stepz: 3\n");
      return distilOn("good.jsonl", "key.yaml");
    },
  },
  {
    what: "a checkpoint whose weights have another shape",
    code: "invalid_checkpoint",
    message: /"model\.norm\.weight": expected \[32\], got \[8\]/,
    prepare: () => {
      fs.cpSync(inFolder("base"), inFolder("shape"), { recursive: true });
      const file = inFolder("shape", "model.safetensors");
      writeSafetensors(file, {
        ...readSafetensors(file).tensors,
        "model.norm.weight": float32([8], Array(8).fill(1)),
      });
      return ["export", "shape", "--out", "out"];
    },
  },
  {
    what: "safetensors that are cut",
    code: "invalid_safetensors",
    message: /cut.model\.safetensors/,
    prepare: () => {
      fs.cpSync(inFolder("base"), inFolder("cut"), { recursive: true });
      fs.truncateSync(inFolder("cut", "model.safetensors"), 1000);
      return ["export", "cut", "--out", "out"];
    },
  },
  {
    what: "an artefact that is not there",
    code: "file_not_found",
    message: /nowhere/,
    prepare: () => ["run", "hello", "--artefact", "nowhere"],
  },
  {
    what: "an output folder that cannot be written",
    code: "not_writable",
    message: /recipe\.yaml/,
    prepare: () => ["export", "base", "--out", "recipe.yaml/below"],
  },
];

test("bad input ends with status 2, its code, the place and a cure; nothing is written", async () => {
  datasetLines();
  const prepared = badInputs.map(({ prepare }) => prepare());
  const ended = await Promise.all(prepared.map((words) => limbeck([...words, "--json"], { folder })));
  for (const [i, { what, code, message }] of badInputs.entries()) {
    const { error } = lastDocument(ended[i]!) as { error: Record<string, string> };
    assert.deepEqual([ended[i]?.status, error["code"]], [2, code], `${what}: ${error["message"]}`);
    assert.match(error["message"] ?? "", message, what);
    assert.ok(error["cure"], `${what} has no cure`);
  }
  assert.ok(
    !fs.existsSync(inFolder("out", "checkpoint")) && !fs.existsSync(inFolder("out", "manifest.json")),
  );
});

// A device that answers every write as a full disk does.
const fullDevice = "/dev/full";
const skip = fs.existsSync(fullDevice) ? false : `this system has no ${fullDevice}`;

test("a full disk ends distil with status 3 and no checkpoint", { skip }, async () => {
  datasetLines();
  fs.mkdirSync(inFolder("full"));
  fs.symlinkSync(fullDevice, inFolder("full", "train.jsonl"));
  const words = [...distilOn("good.jsonl").slice(0, -1), "full", "--json"];
  const ended = await limbeck(words, { folder });
  const { error } = lastDocument(ended) as { error: Record<string, string> };
  assert.deepEqual([ended.status, error["code"]], [3, "disk_full"], ended.stderr);
  assert.match(error["cure"] ?? "", /Free some space/);
  assert.deepEqual(fs.readdirSync(inFolder("full")), ["train.jsonl"]);
});

test("a result that cannot be written to standard output is no success and no stack trace", { skip }, () => {
  const stdout = fs.openSync(fullDevice, "w");
  const ended = spawnSync(process.execPath, [mainFile, "--help"], {
    cwd: folder,
    stdio: ["ignore", stdout, "pipe"],
    encoding: "utf8",
  });
  fs.closeSync(stdout);
  assert.equal(ended.status, 3, ended.stderr);
  assert.match(
    ended.stderr,
    /^limbeck: write the standard output: no space left on the disk\n {2}Free some space/,
  );
});
