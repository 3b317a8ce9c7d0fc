import { z } from "zod";
import { LimbeckError } from "../base/errors.ts";
import { readJson } from "../base/files.ts";

/**
 * The run report: what `measure`, `score` and `distil` found out about one artefact on one machine, and all that
 * the gate reads. Field names are the seeds'. `null` is "not measured"; unknown fields are kept.
 */
const amount = z.number().nonnegative().nullable();
const rate = z.number().min(0).max(1).nullable();
const count = z.number().int().nonnegative();
const fingerprint = z.string().nullable();

const bounds = z.tuple([amount, amount]).nullable();

/** Percentiles with the runs that they are of and their 95 % intervals: for the reader, the gate resamples the raw runs. */
const percentilesSchema = z.looseObject({
  p50: amount,
  p90: amount,
  p95: amount,
  n: count.optional(),
  intervals: z.object({ p50: bounds, p90: bounds, p95: bounds }).optional(),
});

const fingerprintsSchema = z.object({
  dataset: fingerprint,
  tools: fingerprint,
  tokenizer: fingerprint,
  prompt_wrapper: fingerprint,
  runner: fingerprint,
  model: fingerprint,
});

/** Tokens to the first complete valid call: percentiles are `null` once the censored share reaches them. */
const ttfaSchema = z.looseObject({ p50: amount, p95: amount, censored_fraction: rate });

const qualitySchema = z.looseObject({
  examples: count,
  coverage: z.object({ expected: count, missing: count, duplicates: count }),
  eligible: count,
  f1_lax: rate,
  f1_strict: rate,
  argument_valid_rate: rate,
  controls: count,
  false_calls: count,
  no_tool: z.looseObject({ examples: count, false_calls: count }),
  privacy_leaks: count,
  ttfa_tokens: ttfaSchema,
  tokens_out: z.looseObject({ median: amount }),
  fixture: z.looseObject({ hits: count, misses: count, hit_rate: rate }),
  fingerprints: fingerprintsSchema,
});

const speedSchema = z.looseObject({
  ttft_ms: percentilesSchema,
  tps: percentilesSchema,
  ttfa_tokens: ttfaSchema,
  tpot_ms: z.looseObject({ p50: amount }).nullable(),
  ttft_split: z.looseObject({ tokenizer_ms: amount, first_step_ms: amount }).nullable(),
  per_shape: z.array(z.looseObject({ shape: count })),
  raw: z.looseObject({
    /** One entry a run, warm-ups dropped. */
    ttft_ms: z.array(z.number()),
    tps: z.array(z.number()),
    /** The pass over the prompts that each run belongs to, for `ttft_ms` and `tps` alike; left out where they differ. */
    block: z.array(z.number().int()).optional(),
  }),
});

export const runReportSchema = z.looseObject({
  schema_version: z.literal(1),
  kind: z.literal("run_report"),
  created_at: z.string(),
  task: z.string().min(1),
  artefact: z.looseObject({
    kind: z.string().min(1),
    bytes: count,
    fingerprint,
    parameters: count.nullable(),
  }),
  hardware: z.looseObject({ soc: z.string(), os: z.string() }),
  hardware_profile_key: z.string(),
  backend: z.string().min(1),
  /** Why the conditions of the run (heat, load, battery) make its speed no ground for a verdict. */
  invalid_for_gate: z.array(z.string()),
  fingerprints: fingerprintsSchema,
  speed_metrics: speedSchema.nullable(),
  quality: qualitySchema.nullable(),
  teacher: qualitySchema.nullable(),
  train: z.looseObject({ steps: count, tokens_per_second: amount, ceiling_fraction: amount }).nullable(),
  /** Per layer the cosine between its output before and after quantisation; `null` where it was NaN. */
  qat: z
    .looseObject({ layers: z.array(z.looseObject({ name: z.string(), cosine: z.number().nullable() })) })
    .nullable(),
  shapes: z
    .looseObject({ per_shape: z.array(z.looseObject({ shape: count, examples: count, f1_lax: rate })) })
    .nullable(),
});

/** The fields that are known by name: without the index signatures of loose objects, which interfaces do not fit. */
export type Known<T> = T extends readonly (infer Item)[]
  ? readonly Known<Item>[]
  : T extends object
    ? { readonly [K in keyof T as string extends K ? never : K]: Known<T[K]> }
    : T;

export type RunReport = Known<z.infer<typeof runReportSchema>>;
export type QualitySummary = Known<z.infer<typeof qualitySchema>>;
export type Fingerprints = Known<z.infer<typeof fingerprintsSchema>>;
export type SpeedMetrics = Known<z.infer<typeof speedSchema>>;

/** The published names of what is fingerprinted, in the order in which they are listed. */
export const fingerprintNames = [
  "dataset",
  "tools",
  "tokenizer",
  "prompt_wrapper",
  "runner",
  "model",
] as const;

/** Turns what zod found into one of our errors: the first few fields with their reasons. */
export function invalidReport(source: string, what: string, error: z.ZodError): LimbeckError {
  const issues = error.issues.map((issue) => `${issue.path.join(".") || "(top)"}: ${issue.message}`);
  const shown = issues.slice(0, 3).join("; ") + (issues.length > 3 ? `; and ${issues.length - 3} more` : "");
  return new LimbeckError("invalid_report", `${source}: expected ${what}, got ${shown}`, {
    cure: "Write the report again with this version of `limbeck measure` or `limbeck quickstart`.",
    fields: { source, issues },
  });
}

/** Checks that `value` is a run report. Error: `invalid_report`, naming `source` and the fields. */
export function parseRunReport(value: unknown, source: string): RunReport {
  const result = runReportSchema.safeParse(value);
  if (!result.success) throw invalidReport(source, "a run report", result.error);
  return result.data;
}

/** Reads a run report. Errors: `file_not_found`, `invalid_json`, `invalid_report`. */
export function loadRunReport(file: string): RunReport {
  return parseRunReport(readJson(file), file);
}
