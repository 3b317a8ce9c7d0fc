import type { GateResult } from "../gate/gate.ts";
import type { Verdict } from "../gate/verdict.ts";

/** What quickstart says of one model. `null` is "not measured", or a percentile that is censored. */
export interface ModelFigures {
  readonly parameters: number;
  readonly f1_lax: number | null;
  readonly f1_strict: number | null;
  readonly argument_valid_rate: number | null;
  readonly false_calls: number;
  readonly privacy_leaks: number;
  /** Tokens until the first complete valid call that 95 % of the examples need at most. */
  readonly ttfa_tokens_p95: number | null;
  readonly tokens_out_median: number | null;
  readonly ttft_ms_p50: number | null;
  /** The speed that half of the runs reach or exceed, in tokens a second. */
  readonly tps_p50: number | null;
  readonly artefact_bytes: number;
}

export interface RuleFigures {
  readonly name: string;
  readonly verdict: Verdict;
  readonly value: number | null;
  readonly limit: number | null;
  readonly reason: string;
}

/** The document of `quickstart --json`. */
export interface QuickstartResult {
  readonly schema_version: 1;
  readonly kind: "quickstart";
  readonly verdict: Verdict;
  readonly seconds: number;
  /** Path of the run folder. */
  readonly run: string;
  readonly seed: number;
  readonly hardware_profile_key: string;
  readonly student: ModelFigures;
  readonly teacher: ModelFigures;
  readonly train: {
    readonly steps: number;
    readonly tokens_per_second: number | null;
    /** Share of the machine's pure MatMul rate at the training step's sizes. */
    readonly ceiling_fraction: number | null;
  };
  readonly parity: {
    /** Largest difference of a logit between the exported artefact and the training graph. */
    readonly int8_max_abs_error: number;
    readonly fp32_max_abs_error: number;
  };
  /** The baseline that the gate compared with, or null. */
  readonly baseline: GateResult["baseline"];
  readonly rules: readonly RuleFigures[];
  readonly warnings: readonly string[];
}
