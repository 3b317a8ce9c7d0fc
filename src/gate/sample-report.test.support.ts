import { createRandom } from "../base/random.ts";
import { percentile, slowTailPercentile } from "../measure/statistics.ts";
import type { BlessedBaseline } from "./baseline-file.ts";
import type { QualitySummary, RunReport, SpeedMetrics } from "./report.ts";

/** A run report that passes every rule against `sampleBaseline`, for tests to spoil in one place. */

export type Mutable<T> = T extends object ? { -readonly [K in keyof T]: Mutable<T[K]> } : T;

const hash = (letter: string): string => letter.repeat(64);

const fingerprints = {
  dataset: hash("a"),
  tools: hash("b"),
  tokenizer: hash("c"),
  prompt_wrapper: hash("d"),
  runner: hash("e"),
  model: hash("f"),
};

function sampleQuality(medianTokens: number): QualitySummary {
  return {
    examples: 240,
    coverage: { expected: 240, missing: 0, duplicates: 0 },
    eligible: 190,
    f1_lax: 0.95,
    f1_strict: 0.93,
    argument_valid_rate: 0.995,
    controls: 50,
    false_calls: 0,
    no_tool: { examples: 30, false_calls: 0 },
    privacy_leaks: 0,
    ttfa_tokens: { p50: 14, p95: 20, censored_fraction: 0.01 },
    tokens_out: { median: medianTokens },
    fixture: { hits: 185, misses: 1, hit_rate: 185 / 186 },
    fingerprints: { ...fingerprints },
  };
}

/** Speed metrics with lognormal noise of 2 %; `factor` above 1 is a slower machine. */
export function sampleSpeed(seed: number, factor = 1, samples = 60): Mutable<SpeedMetrics> {
  const random = createRandom(seed);
  const noise = (scale: number): number[] =>
    Array.from({ length: samples }, () => scale * Math.exp(0.02 * random.normal()));
  const ttft = noise(40 * factor);
  const tps = noise(120 / factor);
  return {
    ttft_ms: { p50: percentile(ttft, 50), p90: percentile(ttft, 90), p95: percentile(ttft, 95) },
    tps: {
      p50: slowTailPercentile(tps, 50),
      p90: slowTailPercentile(tps, 90),
      p95: slowTailPercentile(tps, 95),
    },
    ttfa_tokens: { p50: 14, p95: 21, censored_fraction: 0 },
    tpot_ms: { p50: 8 },
    ttft_split: { tokenizer_ms: 1, first_step_ms: 39 },
    per_shape: [{ shape: 128 }],
    raw: { ttft_ms: ttft, tps },
  };
}

export function sampleReport(seed = 1): Mutable<RunReport> {
  return {
    schema_version: 1,
    kind: "run_report",
    created_at: "2026-01-01T00:00:00.000Z",
    task: "toolbox",
    artefact: { kind: "onnx-int8", bytes: 1_500_000, fingerprint: fingerprints.model, parameters: 1_000_000 },
    hardware: { soc: "Apple M4 Max", os: "macOS" },
    hardware_profile_key: "m4-max-64g",
    backend: "onnx-cpu",
    invalid_for_gate: [],
    fingerprints: { ...fingerprints },
    speed_metrics: sampleSpeed(seed),
    quality: sampleQuality(30),
    teacher: sampleQuality(40),
    train: { steps: 1000, tokens_per_second: 20_000, ceiling_fraction: 0.8 },
    qat: { layers: [{ name: "layer.0", cosine: 0.9999 }] },
    shapes: {
      per_shape: [
        { shape: 128, examples: 120, f1_lax: 0.95 },
        { shape: 256, examples: 120, f1_lax: 0.945 },
      ],
    },
  };
}

export function sampleBaseline(seed = 2): Mutable<BlessedBaseline> {
  const report = sampleReport(seed);
  return {
    schema_version: 1,
    kind: "blessed_baseline",
    task: report.task,
    hardware_profile_key: report.hardware_profile_key,
    backend: report.backend,
    profile_known: true,
    blessed_at: "2026-01-02T00:00:00.000Z",
    blessed_by: "Ada",
    why: "first",
    forced_over: null,
    report,
  };
}
