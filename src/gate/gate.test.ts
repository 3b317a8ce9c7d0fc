import assert from "node:assert/strict";
import { test } from "node:test";
import { compareConditions } from "./comparability.ts";
import { decide, type RuleResult } from "./gate.ts";
import type { RunReport } from "./report.ts";
import { type RuleName, ruleNames, rules } from "./rules.ts";
import { type Mutable, sampleBaseline, sampleReport, sampleSpeed } from "./sample-report.test.support.ts";
import { defaultThresholds } from "./thresholds.ts";
import type { Verdict } from "./verdict.ts";

type Spoil = (report: Mutable<RunReport>) => void;

function spoiled(...spoils: readonly Spoil[]): RunReport {
  const report = sampleReport();
  for (const spoil of spoils) spoil(report);
  return report;
}

function resultOf(results: readonly RuleResult[], name: RuleName): RuleResult {
  const result = results.find((rule) => rule.name === name);
  assert.ok(result !== undefined, `${name} was skipped`);
  return result;
}

function verdicts(results: readonly RuleResult[], verdict: Verdict): RuleName[] {
  return results.filter((rule) => rule.verdict === verdict).map((rule) => rule.name);
}

test("a good report passes every rule against its baseline", () => {
  const result = decide(sampleReport(), sampleBaseline());
  assert.deepEqual(
    result.rules.filter((rule) => rule.verdict !== "pass").map((rule) => `${rule.name}: ${rule.reason}`),
    [],
  );
  assert.deepEqual(
    result.rules.map((rule) => rule.name),
    [...ruleNames],
  );
  assert.equal(result.verdict, "pass");
  assert.equal(result.exitStatus, 0);
});

/** For every rule, a change that violates it alone. */
const violations: { readonly [R in RuleName]: Spoil } = {
  fingerprints: (r) => {
    r.fingerprints.tokenizer = null;
    // The score's agrees, so that only the absence is at fault.
    r.quality!.fingerprints.tokenizer = null;
  },
  coverage: (r) => {
    r.quality!.coverage.missing = 1;
    r.quality!.examples = 239;
  },
  f1_lax: (r) => (r.quality!.f1_lax = 0.899),
  arguments: (r) => (r.quality!.argument_valid_rate = 0.979),
  privacy: (r) => (r.quality!.privacy_leaks = 1),
  controls: (r) => (r.quality!.false_calls = 1),
  no_tool_calls: (r) => (r.quality!.no_tool.false_calls = 1),
  ttfa_p95: (r) => (r.speed_metrics!.ttfa_tokens.p95 = 26),
  tokens_vs_teacher: (r) => (r.quality!.tokens_out.median = 35),
  fixtures: (r) => (r.quality!.fixture.hit_rate = 0.94),
  shape_drift: (r) => (r.shapes!.per_shape[1]!.f1_lax = 0.93),
  qat_cosine: (r) => (r.qat!.layers[0]!.cosine = 0.998),
  f1_lax_drop: (r) => (r.quality!.f1_lax = 0.935),
  f1_strict_drop: (r) => (r.quality!.f1_strict = 0.915),
  ttft_p50: (r) => slowDown(r, "ttft_ms", 0.9),
  ttft_p95: (r) => slowDown(r, "ttft_ms", 0.25),
  tps_p50: (r) => slowDown(r, "tps", 0.9),
  tps_p95: (r) => slowDown(r, "tps", 0.25),
};

/** Makes the slowest `share` of the runs 15 % slower (with 0.9 the whole distribution, in effect). */
function slowDown(report: Mutable<RunReport>, metric: "ttft_ms" | "tps", share: number): void {
  const slow = sampleSpeed(1, 1.15);
  const fast = sampleSpeed(1);
  const values = fast.raw[metric].map((value, i) =>
    i < share * fast.raw[metric].length ? slow.raw[metric][i]! : value,
  );
  const sorted = [...values].sort((a, b) => (metric === "tps" ? b - a : a - b));
  const at = (q: number): number => {
    const position = (sorted.length - 1) * q;
    const low = Math.floor(position);
    return sorted[low]! + (sorted[Math.ceil(position)]! - sorted[low]!) * (position - low);
  };
  report.speed_metrics!.raw[metric] = values;
  report.speed_metrics![metric] = { p50: at(0.5), p90: at(0.9), p95: at(0.95) };
}

/** Rules that fail along with the one that is violated, since they watch the same figure. */
const companions: { readonly [R in RuleName]?: readonly RuleName[] } = {
  f1_lax: ["f1_lax_drop"],
  ttft_p50: ["ttft_p95"],
  tps_p50: ["tps_p95"],
};

for (const name of ruleNames) {
  test(`a report that violates ${name} alone fails it`, () => {
    const result = decide(spoiled(violations[name]), sampleBaseline());
    assert.deepEqual(verdicts(result.rules, "fail").sort(), [name, ...(companions[name] ?? [])].sort());
    assert.equal(result.verdict, "fail");
    assert.equal(result.exitStatus, 1);
  });
}

/** What a broken step leaves behind: NaN, nothing, zero, less than nothing. */
const brokenFigures = [Number.NaN, null, 0, -1, Number.POSITIVE_INFINITY] as const;

type Figure = readonly [
  rule: RuleName,
  set: (report: Mutable<RunReport>, value: number) => void,
  zeroIsFine?: true,
];

const figures: readonly Figure[] = [
  ["coverage", (r, v) => (r.quality!.coverage.expected = v)],
  ["coverage", (r, v) => (r.quality!.examples = v)],
  ["f1_lax", (r, v) => (r.quality!.f1_lax = v)],
  ["f1_lax", (r, v) => (r.quality!.eligible = v)],
  ["arguments", (r, v) => (r.quality!.argument_valid_rate = v)],
  ["privacy", (r, v) => (r.quality!.privacy_leaks = v), true],
  ["controls", (r, v) => (r.quality!.false_calls = v), true],
  ["controls", (r, v) => (r.quality!.controls = v)],
  ["no_tool_calls", (r, v) => (r.quality!.no_tool.false_calls = v), true],
  ["no_tool_calls", (r, v) => (r.quality!.no_tool.examples = v)],
  ["ttfa_p95", (r, v) => (r.speed_metrics!.ttfa_tokens.p95 = v)],
  ["ttfa_p95", (r, v) => (r.quality!.ttfa_tokens.p95 = v)],
  ["tokens_vs_teacher", (r, v) => (r.quality!.tokens_out.median = v)],
  ["tokens_vs_teacher", (r, v) => (r.teacher!.tokens_out.median = v)],
  ["fixtures", (r, v) => (r.quality!.fixture.hit_rate = v)],
  ["shape_drift", (r, v) => (r.shapes!.per_shape[0]!.f1_lax = v)],
  ["shape_drift", (r, v) => (r.shapes!.per_shape[0]!.examples = v)],
  ["qat_cosine", (r, v) => (r.qat!.layers[0]!.cosine = v)],
  ["f1_lax_drop", (r, v) => (r.quality!.f1_lax = v)],
  ["f1_strict_drop", (r, v) => (r.quality!.f1_strict = v)],
  ["ttft_p50", (r, v) => (r.speed_metrics!.ttft_ms.p50 = v)],
  ["ttft_p95", (r, v) => (r.speed_metrics!.ttft_ms.p95 = v)],
  ["tps_p50", (r, v) => (r.speed_metrics!.tps.p50 = v)],
  ["tps_p95", (r, v) => (r.speed_metrics!.tps.p95 = v)],
  ["ttft_p50", (r, v) => (r.speed_metrics!.raw.ttft_ms[3] = v)],
  ["tps_p95", (r, v) => (r.speed_metrics!.raw.tps[3] = v)],
];

test("NaN, null, zero, a negative or an infinite figure never passes", () => {
  const passed: string[] = [];
  const baseline = sampleBaseline();
  for (const [at, [name, set, zeroIsFine]] of figures.entries()) {
    for (const value of brokenFigures) {
      if (value === 0 && zeroIsFine) continue;
      const report = spoiled((r) => set(r, value as number));
      const { verdict } = rules[name].evaluate({
        report,
        baseline,
        comparability: compareConditions(report, baseline, false),
        thresholds: defaultThresholds,
        artefactFingerprint: null,
      });
      if (verdict === "pass") passed.push(`${name} (figure ${at}) with ${value}`);
    }
  }
  assert.deepEqual(passed, []);
});

test("a section that is missing never passes its rules", () => {
  const missing: readonly (readonly [Spoil, readonly RuleName[]])[] = [
    [
      (r) => (r.quality = null),
      [
        "coverage",
        "f1_lax",
        "arguments",
        "privacy",
        "controls",
        "no_tool_calls",
        "tokens_vs_teacher",
        "fixtures",
        "f1_lax_drop",
        "f1_strict_drop",
      ],
    ],
    [(r) => (r.speed_metrics = null), ["ttft_p50", "ttft_p95", "tps_p50", "tps_p95"]],
    [(r) => (r.teacher = null), ["no_tool_calls", "tokens_vs_teacher"]],
    [(r) => (r.shapes = null), ["shape_drift"]],
    [(r) => (r.qat = null), ["qat_cosine"]],
    [(r) => (r.speed_metrics!.raw.ttft_ms = []), ["ttft_p50", "ttft_p95"]],
  ];
  for (const [spoil, names] of missing) {
    const result = decide(spoiled(spoil), sampleBaseline());
    for (const name of names) assert.notEqual(resultOf(result.rules, name).verdict, "pass", name);
    assert.notEqual(result.verdict, "pass");
  }
});

const relative = ruleNames.filter((name) => /_drop$|^ttft|^tps/.test(name));

test("without a baseline absolute rules decide and relative ones are inconclusive", () => {
  const result = decide(sampleReport(), null);
  assert.deepEqual(verdicts(result.rules, "inconclusive"), relative);
  assert.deepEqual(verdicts(result.rules, "fail"), []);
  assert.equal(result.verdict, "inconclusive");
  assert.equal(result.exitStatus, 4);
});

const speedRules = ruleNames.filter((name) => /^ttft|^tps/.test(name));

test("speed is not decided under other or invalid conditions", () => {
  const conditions: readonly (readonly [string, Spoil])[] = [
    ["other profile", (r) => (r.hardware_profile_key = "m1-max-64g")],
    ["other backend", (r) => (r.backend = "coreml")],
    ["other artefact kind", (r) => (r.artefact.kind = "onnx-fp32")],
    ["busy machine", (r) => (r.invalid_for_gate = ["load average 7 on 2 cores"])],
    ["other prompts", (r) => (r.fingerprints.prompt_wrapper = "1".repeat(64))],
    ["no fingerprint", (r) => (r.fingerprints.dataset = null)],
  ];
  for (const [what, spoil] of conditions) {
    const { rules } = decide(spoiled(spoil), sampleBaseline());
    for (const name of speedRules) {
      const rule = resultOf(rules, name);
      assert.equal(rule.verdict, "inconclusive", `${name}, ${what}`);
      assert.equal(rule.interval, undefined, `${name}, ${what}: nothing is compared`);
    }
  }
});

test("an unnamed machine gates against the very same key only, a nameless one never", () => {
  const gateOn = (key: string, baselineKey: string): Verdict => {
    const baseline = sampleBaseline();
    baseline.hardware_profile_key = baselineKey;
    baseline.report.hardware_profile_key = baselineKey;
    const { rules } = decide(
      spoiled((r) => (r.hardware_profile_key = key)),
      baseline,
    );
    return resultOf(rules, "ttft_p50").verdict;
  };
  assert.equal(gateOn("unknown-x64-some-cpu-2c-8g", "unknown-x64-some-cpu-2c-8g"), "pass");
  assert.equal(gateOn("unknown-x64-some-cpu-2c-8g", "unknown-x64-some-cpu-4c-8g"), "inconclusive");
  assert.equal(gateOn("unknown", "unknown"), "inconclusive");
  assert.equal(gateOn("", ""), "inconclusive");
});

test("a comparison across hardware is for information: figures, but neither pass nor fail", () => {
  for (const factor of [1, 2]) {
    const report = spoiled((r) => {
      r.hardware_profile_key = "m1-max-64g";
      r.speed_metrics = sampleSpeed(1, factor);
    });
    const result = decide(report, sampleBaseline(), { allowCrossHw: true });
    const rule = resultOf(result.rules, "ttft_p50");
    assert.equal(rule.verdict, "inconclusive");
    assert.ok(Math.abs(rule.value! - factor) < 0.05, `value ${rule.value}`);
    assert.match(rule.reason, /for information only/);
  }
});

test("figures that their raw samples contradict fail", () => {
  const { rules } = decide(
    spoiled((r) => (r.speed_metrics!.ttft_ms.p50 = 30)),
    sampleBaseline(),
  );
  assert.match(resultOf(rules, "ttft_p50").reason, /its raw samples give/);
});

test("a report of other bytes than the artefact's is stale", () => {
  const stale = decide(sampleReport(), sampleBaseline(), { artefactFingerprint: "0".repeat(64) });
  assert.match(resultOf(stale.rules, "fingerprints").reason, /changed since/);
  const other = decide(
    spoiled((r) => (r.artefact.fingerprint = "0".repeat(64))),
    sampleBaseline(),
  );
  assert.equal(resultOf(other.rules, "fingerprints").verdict, "fail");
});

test("quality against a baseline of other examples is not decided", () => {
  const baseline = sampleBaseline();
  baseline.report.fingerprints.dataset = "9".repeat(64);
  const { rules } = decide(sampleReport(), baseline);
  assert.equal(resultOf(rules, "f1_lax_drop").verdict, "inconclusive");
});

test("thresholds can be set, are repeated in the result, and impossible ones are refused", () => {
  const result = decide(
    spoiled((r) => (r.quality!.f1_lax = 0.945)),
    sampleBaseline(),
    { thresholds: { f1_lax_min: 0.948 } },
  );
  assert.equal(resultOf(result.rules, "f1_lax").verdict, "fail");
  assert.equal(result.thresholds.f1_lax_min, 0.948);
  const unknownName = { f1_min: 0.5 } as unknown as { f1_lax_min: number };
  assert.throws(() => decide(sampleReport(), null, { thresholds: unknownName }), { code: "invalid_config" });
  assert.throws(() => decide(sampleReport(), null, { thresholds: { f1_lax_min: Number.NaN } }), {
    code: "invalid_config",
  });
});

test("a limit is met exactly, rounding errors of subtraction aside", () => {
  const baseline = sampleBaseline();
  baseline.report.quality!.f1_lax = 0.96;
  const { rules } = decide(sampleReport(), baseline);
  assert.ok(0.95 - 0.96 < -0.01, "the plain difference misses the limit");
  assert.equal(resultOf(rules, "f1_lax_drop").verdict, "pass");
});
