import assert from "node:assert/strict";
import { test } from "node:test";
import type { ModelFigures, QuickstartResult } from "./quickstart-result.ts";
import { noPaint, renderMarkdownSummary, renderSummary } from "./summary.ts";

const teacher: ModelFigures = {
  parameters: 3_100_000,
  f1_lax: 0.984,
  f1_strict: 0.972,
  argument_valid_rate: 1,
  false_calls: 0,
  privacy_leaks: 0,
  ttfa_tokens_p95: 48,
  tokens_out_median: 40,
  ttft_ms_p50: 8.25,
  tps_p50: 900,
  artefact_bytes: 12_500_000,
};
const result: QuickstartResult = {
  schema_version: 1,
  kind: "quickstart",
  verdict: "inconclusive",
  seconds: 212.4,
  run: ".limbeck/runs/20260131-094501",
  seed: 7,
  hardware_profile_key: "unknown-x64-some-cpu-2c-8GiB",
  student: {
    ...teacher,
    parameters: 1_000_000,
    f1_lax: 0.941,
    tps_p50: null,
    ttfa_tokens_p95: 19,
    tokens_out_median: 20,
  },
  teacher,
  train: { steps: 1_234, tokens_per_second: 20_001.7, ceiling_fraction: null },
  parity: { int8_max_abs_error: 1e-4, fp32_max_abs_error: 1e-6 },
  baseline: null,
  rules: [
    { name: "f1_lax", verdict: "pass", value: 0.941, limit: 0.9, reason: "at least the limit" },
    {
      name: "ttft_p50",
      verdict: "inconclusive",
      value: null,
      limit: 1.05,
      reason: "no baseline | none blessed",
    },
  ],
  warnings: ["the machine was busy"],
};

test("the summary sets teacher and student side by side, a missing figure as a dash", () => {
  const lines = renderSummary(result, noPaint).split("\n");
  assert.ok(lines.includes("  parameters               3.10 M     1.00 M   3.1 × smaller"));
  assert.ok(lines.includes("  F1 lax                    0.984      0.941   −0.043"));
  assert.ok(lines.includes("  TPS p50                     900          –"));
});

test("every rule stands there with its figures and its reason", () => {
  const lines = renderSummary(result, noPaint).split("\n");
  assert.ok(lines.includes("  ✓ f1_lax    0.941 (limit 0.9)  at least the limit"));
  assert.ok(lines.includes("  ? ttft_p50  limit 1.05  no baseline | none blessed"));
  assert.ok(lines.includes("  ! the machine was busy"));
});

test("without a baseline the summary says what makes one; after a failure it does not", () => {
  assert.match(renderSummary(result, noPaint), /limbeck bless/);
  assert.doesNotMatch(renderSummary({ ...result, verdict: "fail" }, noPaint), /limbeck bless/);
});

test("Markdown cells cannot be broken by a reason", () => {
  assert.match(
    renderMarkdownSummary(result),
    /\| \? \| ttft_p50 \| limit 1\.05 \| no baseline \\\| none blessed \|/,
  );
});
