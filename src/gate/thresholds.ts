import { z } from "zod";
import { LimbeckError } from "../base/errors.ts";

/** The limits that the rules apply. A gate result repeats those that it used. */
export interface Thresholds {
  readonly f1_lax_min: number;
  /** Largest drop of F1 (lax and strict) against the baseline. */
  readonly f1_drop_max: number;
  readonly argument_valid_rate_min: number;
  readonly privacy_leaks_max: number;
  readonly false_calls_max: number;
  readonly ttfa_tokens_p95_max: number;
  /** Student's median output tokens over the teacher's. */
  readonly tokens_vs_teacher_max: number;
  /** Relative worsening of TTFT and TPS against the baseline: 0.05 is 5 %. */
  readonly speed_regression_max: number;
  readonly shape_drift_max: number;
  readonly qat_cosine_min: number;
  readonly fixture_hit_rate_min: number;
}

export const defaultThresholds: Thresholds = {
  f1_lax_min: 0.9,
  f1_drop_max: 0.01,
  argument_valid_rate_min: 0.98,
  privacy_leaks_max: 0,
  false_calls_max: 0,
  ttfa_tokens_p95_max: 25,
  tokens_vs_teacher_max: 0.85,
  speed_regression_max: 0.05,
  shape_drift_max: 0.01,
  qat_cosine_min: 0.999,
  fixture_hit_rate_min: 0.95,
};

const limit = z.number().nonnegative();
const share = limit.max(1);

const overridesSchema = z.strictObject({
  f1_lax_min: share.optional(),
  f1_drop_max: share.optional(),
  argument_valid_rate_min: share.optional(),
  privacy_leaks_max: limit.optional(),
  false_calls_max: limit.optional(),
  ttfa_tokens_p95_max: limit.optional(),
  tokens_vs_teacher_max: limit.optional(),
  speed_regression_max: share.optional(),
  shape_drift_max: share.optional(),
  qat_cosine_min: share.optional(),
  fixture_hit_rate_min: share.optional(),
} satisfies { readonly [K in keyof Thresholds]: z.ZodType });

export type ThresholdOverrides = { readonly [K in keyof Thresholds]?: number | undefined };

/** The defaults with `overrides` in their place. Error: `invalid_config` for an unknown name or an impossible limit. */
export function resolveThresholds(overrides: ThresholdOverrides = {}): Thresholds {
  const parsed = overridesSchema.safeParse(overrides);
  if (!parsed.success) {
    const issues = parsed.error.issues.map(
      (issue) => `${issue.path.join(".") || "thresholds"}: ${issue.message}`,
    );
    throw new LimbeckError(
      "invalid_config",
      `thresholds: expected limits of the gate, got ${issues.join("; ")}`,
      {
        cure: `The names are ${Object.keys(defaultThresholds).join(", ")}.`,
        fields: { issues },
      },
    );
  }
  const given = Object.entries(parsed.data).filter(([, value]) => value !== undefined);
  return { ...defaultThresholds, ...Object.fromEntries(given) };
}
