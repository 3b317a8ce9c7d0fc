import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after, before, test } from "node:test";
import { LimbeckError } from "../base/errors.ts";
import { readDataset } from "../data/dataset.ts";
import { bless } from "../gate/baseline.ts";
import { loadRunReport } from "../gate/report.ts";
import { fillDiskAt } from "./full-disk.test.support.ts";
import { gateReportFile } from "./gate-report-file.ts";
import { runQuickstart } from "./quickstart.ts";
import type { QuickstartOptions, QuickstartStage } from "./quickstart-settings.ts";
import { resolveReport } from "./run-folder.ts";
import { saveTinyCheckpoint } from "./tiny-checkpoint.test.support.ts";
import { assertWhole } from "./whole-files.test.support.ts";

// The models know nothing: what is tested is that the stages fit together and that everything is written.
const startFolder = process.cwd();
let folder = "";

function tinyRun(out: string): QuickstartOptions {
  return {
    out,
    seed: 3,
    student: path.join(folder, "base"),
    teacher: path.join(folder, "teacher"),
    baselineDir: path.join(folder, "baselines"),
    steps: 5,
    trainExamples: 120,
    validationExamples: 8,
    testExamples: 4,
    measureRounds: 1,
  };
}

before(() => {
  folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-flow-")));
  process.chdir(folder);
  saveTinyCheckpoint("base", 1);
  saveTinyCheckpoint("teacher", 2);
});
after(() => {
  process.chdir(startFolder);
  fs.rmSync(folder, { recursive: true });
});

test("the flow runs from data to verdict and keeps everything", async () => {
  const stages: QuickstartStage[] = [];
  const result = await runQuickstart(tinyRun("run"), { onStageEnd: (stage) => stages.push(stage) });
  assert.deepEqual(stages, ["dataset", "teach", "distil", "export", "measure", "score", "gate"]);
  assert.equal(result.verdict, "fail", "a model that knows nothing must not pass");
  const f1 = result.rules.find(({ name }) => name === "f1_lax");
  assert.deepEqual([f1?.verdict, f1?.value, result.student.f1_lax], ["fail", 0, 0]);
  assert.ok(result.parity.fp32_max_abs_error <= 1e-4, `fp32 ${result.parity.fp32_max_abs_error}`);
  assert.ok(result.parity.int8_max_abs_error <= 1e-3, `int8 ${result.parity.int8_max_abs_error}`);
  assert.ok((result.student.tps_p50 ?? 0) > 0 && (result.student.ttft_ms_p50 ?? 0) > 0);
  assert.ok((result.train.tokens_per_second ?? 0) > 0 && (result.train.ceiling_fraction ?? 0) > 0);
  for (const file of [
    "run.json",
    "dataset/train.jsonl",
    "dataset/validation.jsonl",
    "dataset/test.jsonl",
    "train/train.jsonl",
    "train/checkpoint/model.safetensors",
    "student/int8/manifest.json",
    "student/fp32/manifest.json",
    "speed/student.json",
    "speed/teacher.json",
    "score/student.json",
    "score/teacher.json",
    "transcripts/student.jsonl",
    "transcripts/teacher.jsonl",
    "report.json",
    "gate.json",
    "result.json",
    "summary.md",
  ]) {
    assert.ok(fs.existsSync(path.join("run", file)), file);
  }
  assert.equal(readDataset("run/dataset/test.jsonl").examples.length, 4);
});

test("its report is the latest one; blessed by force it is the baseline of the next gate", () => {
  const file = resolveReport(undefined);
  const report = loadRunReport(file);
  const { fingerprints } = report;
  assert.ok(Object.values(fingerprints).every((value) => /^[0-9a-f]{64}$/.test(value ?? "")));
  const baselineDir = path.join(folder, "baselines");
  assert.equal(gateReportFile(file, { baselineDir }).baseline, null);
  bless(report, baselineDir, { who: "Ada", why: "a test", force: true });
  const gate = gateReportFile(file, { baselineDir });
  assert.equal(gate.baseline?.blessed_by, "Ada");
  assert.equal(gate.rules.find(({ name }) => name === "f1_lax_drop")?.verdict, "pass");
});

test("an artefact that was changed after its report is refused", () => {
  const file = resolveReport(undefined);
  const model = path.join(path.dirname(file), "student", "int8", "model.onnx");
  fs.appendFileSync(model, "x");
  assert.throws(
    () => gateReportFile(file, { baselineDir: null }),
    (thrown: unknown) => thrown instanceof LimbeckError && thrown.code === "invalid_artefact",
  );
});

/** The files by whose presence a run says how far it came, in the order in which they are written. */
const steps = [
  "dataset/test.jsonl",
  "train/state/state.json",
  "train/checkpoint/model.safetensors",
  "student/int8/manifest.json",
];
const keptAfter: { readonly [S in Exclude<QuickstartStage, "gate">]: number } = {
  dataset: 1,
  teach: 1,
  distil: 2,
  export: 4,
  measure: 4,
  score: 4,
};

for (const [stage, kept] of Object.entries(keptAfter)) {
  test(`an interruption in ${stage} leaves only whole files, and says which and what to do`, async () => {
    const stop = new AbortController();
    const out = `stopped-${stage}`;
    const latest = resolveReport(undefined);
    const error = await runQuickstart(tinyRun(out), {
      signal: stop.signal,
      onProgress: ({ stage: now, done }) => {
        if (now === stage && (done > 0 || stage === "dataset")) stop.abort();
      },
    }).then(
      () => assert.fail("expected an interruption"),
      (thrown: LimbeckError) => thrown,
    );
    assert.deepEqual([error.code, error.fields["run"]], ["cancelled", out], error.message);
    const files = assertWhole(out);
    const expected = steps.slice(0, kept);
    assert.deepEqual(
      steps.filter((file) => files.includes(file)),
      expected,
    );
    assert.deepEqual(
      steps.filter((file) => (error.fields["kept"] as string[]).includes(file)),
      expected,
    );
    assert.match(error.cure ?? "", /`limbeck quickstart` begins a new run/);
    assert.doesNotMatch(error.cure ?? "", /--resume/, "quickstart has no such option");
    assert.ok(!files.includes("report.json"));
    assert.equal(resolveReport(undefined), latest, "an unfinished run is not the latest");
  });
}

test("an interruption in the gate comes too late: the run is whole", async () => {
  const stop = new AbortController();
  const result = await runQuickstart(tinyRun("late"), {
    signal: stop.signal,
    onProgress: ({ stage }) => (stage === "gate" ? stop.abort() : undefined),
  });
  assert.equal(result.run, "late");
  assert.ok(assertWhole("late").includes("summary.md"));
});

for (const part of ["dataset/test.jsonl", "student/int8/.staged/model.onnx"]) {
  test(`a disk that is full at ${part} ends the run and leaves only whole files`, async (t) => {
    const out = `full-${path.basename(part)}`;
    fillDiskAt(t, `${out}/${part}`);
    await assert.rejects(runQuickstart(tinyRun(out)), (thrown: unknown) => {
      assert.ok(thrown instanceof LimbeckError, String(thrown));
      assert.deepEqual([thrown.code, thrown.exitStatus], ["disk_full", 3], thrown.message);
      assert.match(thrown.cure ?? "", /Free some space/);
      return true;
    });
    assert.ok(!assertWhole(out).includes(part));
  });
}
