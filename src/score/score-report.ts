import type { Json } from "../base/json.ts";
import type { Behaviour } from "../data/types.ts";
import { censoredPercentile, mean, median, percentile } from "../measure/statistics.ts";
import type { BatchReport } from "./batch-report.ts";
import type { GroundingScore } from "./grounding.ts";
import type { ExampleScore } from "./score-example.ts";

/** sha-256 of what was used; `null`: not known to the caller, which the gate refuses. */
export interface ScoreFingerprints {
  readonly dataset: string | null;
  readonly tools: string | null;
  readonly tokenizer: string | null;
  readonly prompt_wrapper: string | null;
  readonly runner: string | null;
  readonly model: string | null;
}

export interface ControlSlice {
  readonly examples: number;
  readonly false_calls: number;
  /** Share of the examples with at least one call; `null` for an empty slice. */
  readonly false_call_rate: number | null;
}

export interface ToolScore {
  readonly expected: number;
  readonly made: number;
  readonly valid: number;
  /** Over all calls of the tool; `null` when it was neither expected nor called. */
  readonly f1_lax: number | null;
  readonly f1_strict: number | null;
}

export interface GroundingSummary {
  readonly eligible: number;
  readonly strict: { readonly precision: number; readonly recall: number; readonly f1: number } | null;
  readonly lax: { readonly precision: number; readonly recall: number; readonly f1: number } | null;
}

/** The quality of one model on one dataset. Every mean is over examples; `null` is "nothing to take it over". */
export interface ScoreReport {
  readonly schema_version: 1;
  readonly kind: "score_report";
  readonly runner: string;
  readonly examples: number;
  readonly coverage: { readonly expected: number; readonly missing: number; readonly duplicates: number };
  /** Examples that expect calls: what F1 is a mean over. */
  readonly eligible: number;
  readonly f1_lax: number | null;
  readonly f1_strict: number | null;
  readonly calls_made: number;
  readonly malformed_calls: number;
  /** Valid calls over all calls tried, malformed ones too; `null` when none was tried. */
  readonly argument_valid_rate: number | null;
  readonly controls: number;
  readonly false_calls: number;
  readonly no_tool: ControlSlice;
  readonly decline: ControlSlice;
  /** Examples that expect two calls or more. */
  readonly multi_call: {
    readonly examples: number;
    readonly f1_lax: number | null;
    readonly parity_rate: number | null;
  };
  readonly privacy_leaks: number;
  readonly privacy_copied: number;
  readonly ttfa_tokens: {
    readonly p50: number | null;
    readonly p90: number | null;
    readonly p95: number | null;
    readonly censored_fraction: number | null;
    readonly n: number;
  };
  readonly tokens_out: {
    readonly median: number | null;
    readonly mean: number | null;
    readonly p95: number | null;
  };
  readonly grounding: GroundingSummary;
  readonly fixture: { readonly hits: number; readonly misses: number; readonly hit_rate: number | null };
  readonly per_tool: { readonly [tool: string]: ToolScore };
  /** Examples in which a turn ran into the token limit. */
  readonly truncated: number;
  readonly fingerprints: ScoreFingerprints;
  readonly settings: { readonly [key: string]: Json };
  /** How many examples ran side by side, and why; null: a runner without rows, or stored transcripts. */
  readonly batch: BatchReport | null;
  readonly examples_detail: readonly ExampleScore[];
}

function meanOrNull(values: readonly number[]): number | null {
  return values.length === 0 ? null : mean(values);
}

function sumOf(scores: readonly ExampleScore[], count: (score: ExampleScore) => number): number {
  return scores.reduce((sum, score) => sum + count(score), 0);
}

function present(values: readonly (number | null)[]): number[] {
  return values.filter((value) => value !== null);
}

function sliceOf(scores: readonly ExampleScore[], behaviour: Behaviour): ControlSlice {
  const slice = scores.filter((score) => score.behaviour === behaviour);
  return {
    examples: slice.length,
    false_calls: sumOf(slice, (score) => score.false_calls),
    false_call_rate: meanOrNull(slice.map((score) => (score.false_calls > 0 ? 1 : 0))),
  };
}

function summarizeTools(scores: readonly ExampleScore[]): { [tool: string]: ToolScore } {
  const names = [...new Set(scores.flatMap((score) => Object.keys(score.tools)))].sort();
  return Object.fromEntries(
    names.map((name) => {
      const counts = scores.flatMap((score) => score.tools[name] ?? []);
      const total = (key: keyof (typeof counts)[number]): number =>
        counts.reduce((sum, count) => sum + count[key], 0);
      const both = total("expected") + total("made");
      const f1 = (matched: number): number | null => (both === 0 ? null : (2 * matched) / both);
      return [
        name,
        {
          expected: total("expected"),
          made: total("made"),
          valid: total("valid"),
          f1_lax: f1(total("matched_lax")),
          f1_strict: f1(total("matched_strict")),
        },
      ];
    }),
  );
}

function summarizeGrounding(scores: readonly ExampleScore[]): GroundingSummary {
  const graded = scores.flatMap((score) => score.grounding ?? []);
  const meansOf = (mode: keyof GroundingScore) =>
    graded.length === 0
      ? null
      : {
          precision: mean(graded.map((grounding) => grounding[mode].precision)),
          recall: mean(graded.map((grounding) => grounding[mode].recall)),
          f1: mean(graded.map((grounding) => grounding[mode].f1)),
        };
  return { eligible: graded.length, strict: meansOf("strict"), lax: meansOf("lax") };
}

export interface SummaryContext {
  readonly runner: string;
  /** Ids of the dataset, in order: what has to be covered. */
  readonly ids: readonly string[];
  readonly fingerprints: ScoreFingerprints;
  readonly settings: { readonly [key: string]: Json };
  readonly batch: BatchReport | null;
}

/** The report over the scores of a dataset's examples. Pure. */
export function summarizeScores(scores: readonly ExampleScore[], context: SummaryContext): ScoreReport {
  const scored = new Set(scores.map((score) => score.id));
  const eligible = scores.filter((score) => score.eligible);
  const multi = eligible.filter((score) => score.expected_calls > 1);
  const made = sumOf(scores, (score) => score.made_calls);
  const valid = sumOf(scores, (score) => score.valid_calls);
  const ttfa = eligible.map((score) => score.ttfa_tokens);
  const ttfaAt = (p: number): number | null => (ttfa.length === 0 ? null : censoredPercentile(ttfa, p));
  const tokens = scores.map((score) => score.tokens_out);
  const hits = sumOf(scores, (score) => score.fixture_hits);
  const misses = sumOf(scores, (score) => score.fixture_misses);
  return {
    schema_version: 1,
    kind: "score_report",
    runner: context.runner,
    examples: scores.length,
    coverage: {
      expected: context.ids.length,
      missing: context.ids.filter((id) => !scored.has(id)).length,
      duplicates: scores.length - scored.size,
    },
    eligible: eligible.length,
    f1_lax: meanOrNull(present(eligible.map((score) => score.f1_lax))),
    f1_strict: meanOrNull(present(eligible.map((score) => score.f1_strict))),
    calls_made: made,
    malformed_calls: sumOf(scores, (score) => score.malformed_calls),
    argument_valid_rate: made === 0 ? null : valid / made,
    controls: scores.filter((score) => score.control).length,
    false_calls: sumOf(scores, (score) => score.false_calls),
    no_tool: sliceOf(scores, "no_tool"),
    decline: sliceOf(scores, "decline"),
    multi_call: {
      examples: multi.length,
      f1_lax: meanOrNull(present(multi.map((score) => score.f1_lax))),
      parity_rate: meanOrNull(multi.map((score) => (score.parity ? 1 : 0))),
    },
    privacy_leaks: sumOf(scores, (score) => score.leaks.length),
    privacy_copied: sumOf(scores, (score) => score.copied),
    ttfa_tokens: {
      p50: ttfaAt(50),
      p90: ttfaAt(90),
      p95: ttfaAt(95),
      censored_fraction: meanOrNull(ttfa.map((count) => (count === null ? 1 : 0))),
      n: ttfa.length,
    },
    tokens_out: {
      median: tokens.length === 0 ? null : median(tokens),
      mean: meanOrNull(tokens),
      p95: tokens.length === 0 ? null : percentile(tokens, 95),
    },
    grounding: summarizeGrounding(scores),
    fixture: { hits, misses, hit_rate: hits + misses === 0 ? null : hits / (hits + misses) },
    per_tool: summarizeTools(scores),
    truncated: scores.filter((score) => score.truncated).length,
    fingerprints: context.fingerprints,
    settings: context.settings,
    batch: context.batch,
    examples_detail: scores,
  };
}
