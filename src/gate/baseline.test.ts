import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { writeJsonAtomic } from "../base/files.ts";
import { baselineKeyOf, bless, findBaseline } from "./baseline.ts";
import { gateReport } from "./gate.ts";
import { loadRunReport, parseRunReport } from "./report.ts";
import { sampleReport } from "./sample-report.test.support.ts";

let dir = "";
beforeEach(() => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-baseline-"));
});
afterEach(() => {
  fs.rmSync(dir, { recursive: true, force: true });
});

const by = { who: "Ada", why: "first good student" };

test("bless then makes the next gate decide", () => {
  assert.equal(gateReport(sampleReport(1), { baselineDir: dir }).verdict, "inconclusive");
  const blessing = bless(sampleReport(1), dir, by);
  assert.equal(path.relative(dir, blessing.file), path.join("toolbox", "m4-max-64g", "onnx-cpu.json"));
  assert.deepEqual(blessing.warnings, []);
  const result = gateReport(sampleReport(2), { baselineDir: dir });
  assert.equal(result.verdict, "pass");
  assert.equal(result.baseline?.blessed_by, "Ada");
});

test("a baseline keeps the samples that rules read, not the times of every token", () => {
  const report = sampleReport();
  const raw = { ...report.speed_metrics!.raw, runs: [{ token_times_ms: [1, 2, 3] }] };
  const { file } = bless({ ...report, speed_metrics: { ...report.speed_metrics!, raw } }, dir, by);
  const kept = JSON.parse(fs.readFileSync(file, "utf8")).report.speed_metrics.raw;
  assert.deepEqual(Object.keys(kept), ["ttft_ms", "tps"]);
});

test("a replaced baseline is kept in the history", () => {
  bless(sampleReport(1), dir, { ...by, at: "2026-01-01T10:00:00.000Z" });
  const second = bless(sampleReport(2), dir, { who: "Grace", why: "faster", at: "2026-01-02T10:00:00.000Z" });
  assert.ok(second.replaced !== null);
  assert.match(second.replaced, /history.toolbox.m4-max-64g.onnx-cpu.2026-01-01/);
  assert.equal(JSON.parse(fs.readFileSync(second.replaced, "utf8")).blessed_by, "Ada");
  assert.equal(findBaseline(dir, baselineKeyOf(sampleReport()))?.blessed_by, "Grace");
});

test("a failing report is blessed only by force, and what was forced is recorded", () => {
  const report = sampleReport();
  report.quality!.f1_lax = 0.5;
  assert.throws(() => bless(report, dir, by), { code: "gate_failed", message: /f1_lax/ });
  assert.throws(() => bless(report, dir, { who: "Ada", why: " ", force: true }), { code: "usage" });
  assert.equal(findBaseline(dir, baselineKeyOf(report)), null);
  const { baseline, warnings } = bless(report, dir, { ...by, force: true });
  assert.match(baseline.forced_over?.[0] ?? "", /^f1_lax: /);
  assert.match(warnings[0] ?? "", /by force/);
});

test("a run under invalid conditions is not blessed", () => {
  const report = sampleReport();
  report.invalid_for_gate = ["thermal state serious"];
  assert.throws(() => bless(report, dir, by), { code: "gate_failed", message: /thermal state serious/ });
});

test("a machine that no profile names is blessed with a warning, a nameless one never", () => {
  const report = sampleReport();
  report.hardware_profile_key = "unknown-x64-some-cpu-2c-8g";
  const { baseline, warnings } = bless(report, dir, by);
  assert.equal(baseline.profile_known, false);
  assert.match(warnings[0] ?? "", /very same key/);
  report.hardware_profile_key = "unknown";
  assert.throws(() => bless(report, dir, { ...by, force: true }), { code: "invalid_report" });
});

test("names that would leave the baseline folder are refused", () => {
  const report = sampleReport();
  report.task = "../elsewhere";
  assert.throws(() => bless(report, dir, by), { code: "invalid_report", message: /elsewhere/ });
});

test("another machine's baseline is found only when asked for", () => {
  bless(sampleReport(1), dir, by);
  const report = sampleReport(2);
  report.hardware_profile_key = "m1-max-64g";
  assert.equal(gateReport(report, { baselineDir: dir }).baseline, null);
  const result = gateReport(report, { baselineDir: dir, allowCrossHw: true });
  assert.equal(result.baseline?.hardware_profile_key, "m4-max-64g");
  assert.equal(result.verdict, "inconclusive");
});

test("a broken baseline is an error, not the lack of one", () => {
  const { file } = bless(sampleReport(), dir, by);
  fs.writeFileSync(file, fs.readFileSync(file, "utf8").slice(0, 100));
  assert.throws(() => gateReport(sampleReport(), { baselineDir: dir }), { code: "invalid_json" });
  writeJsonAtomic(file, { schema_version: 1, kind: "blessed_baseline" });
  assert.throws(() => gateReport(sampleReport(), { baselineDir: dir }), { code: "invalid_report" });
});

test("a report is read back as it was written, unknown fields included", () => {
  const file = path.join(dir, "report.json");
  const report = { ...sampleReport(), later_field: [1, 2] };
  Object.assign(report.speed_metrics!.tps, {
    n: 60,
    intervals: { p50: [118, 122], p90: [100, 110], p95: null },
    later_field: true,
  });
  writeJsonAtomic(file, report);
  assert.deepEqual(loadRunReport(file), report);
});

test("a report with a wrong field is refused by name", () => {
  const report = sampleReport();
  report.quality!.f1_lax = 1.5;
  assert.throws(() => parseRunReport(report, "report.json"), {
    code: "invalid_report",
    message: /quality\.f1_lax/,
  });
  assert.throws(() => parseRunReport({ ...sampleReport(), schema_version: 2 }, "report.json"), {
    code: "invalid_report",
    message: /schema_version/,
  });
});
