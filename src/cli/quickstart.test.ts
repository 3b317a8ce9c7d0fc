import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after, before, test } from "node:test";
import { packageRoot } from "../flow/package-files.ts";
import { errorCode, lastDocument, limbeck } from "./spawn.test.support.ts";

const hasModels = ["base", "teacher"].every((name) => fs.existsSync(path.join(packageRoot, "assets", name)));
const skip = hasModels ? false : "assets/base and assets/teacher are not there";
const few = ["--steps", "3", "--train-examples", "40", "--examples", "6", "--rounds", "1"];
let folder = "";

before(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-quickstart-"));
});
after(() => fs.rmSync(folder, { recursive: true }));

test("quickstart --json ends with the published document", { skip }, async () => {
  const ended = await limbeck(["quickstart", ...few, "--json"], { folder });
  const document = lastDocument(ended);
  // Three steps may or may not be enough for every rule; the status has to say what the verdict says.
  assert.equal(ended.status, document["verdict"] === "fail" ? 1 : 0, ended.stderr);
  for (const name of ["verdict", "seconds", "run", "student", "teacher", "train", "rules"]) {
    assert.ok(name in document, name);
  }
  const figures = [
    "parameters",
    "f1_lax",
    "f1_strict",
    "argument_valid_rate",
    "false_calls",
    "privacy_leaks",
    "ttfa_tokens_p95",
    "tokens_out_median",
    "ttft_ms_p50",
    "tps_p50",
    "artefact_bytes",
  ];
  for (const model of ["student", "teacher"]) {
    assert.deepEqual(Object.keys(document[model] as object), figures, model);
  }
  assert.deepEqual(Object.keys(document["train"] as object), [
    "steps",
    "tokens_per_second",
    "ceiling_fraction",
  ]);
  const rules = document["rules"] as object[];
  assert.ok(rules.length > 10);
  for (const rule of rules)
    assert.deepEqual(Object.keys(rule), ["name", "verdict", "value", "limit", "reason"]);
  assert.match(ended.stderr, /teacher {4}student/, "the summary is on standard error");
});

test("Ctrl-C in the training ends quickstart with 130 and no report", { skip }, async () => {
  const ended = await limbeck(["quickstart", "--out", "stopped", "--train-examples", "40", "--json"], {
    folder,
    interrupt: {
      signal: "SIGINT",
      isDue: () => fs.existsSync(path.join(folder, "stopped", "train", "train.jsonl")),
    },
  });
  assert.deepEqual([ended.status, errorCode(ended)], [130, "cancelled"], ended.stderr);
  assert.match(ended.stderr, /Kept, whole, in stopped: .*the state of the training.* begins a new run/);
  assert.doesNotMatch(ended.stderr, /--resume/, "quickstart has no such option");
  assert.ok(!fs.existsSync(path.join(folder, "stopped", "report.json")));
});
