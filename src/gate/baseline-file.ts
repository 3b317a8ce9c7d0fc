import { z } from "zod";
import { readJson } from "../base/files.ts";
import { invalidReport, type Known, runReportSchema } from "./report.ts";

/** A blessed baseline as it lies in the baseline folder: a report, and who approved it, when and why. */
export const blessedBaselineSchema = z.looseObject({
  schema_version: z.literal(1),
  kind: z.literal("blessed_baseline"),
  task: z.string(),
  hardware_profile_key: z.string(),
  backend: z.string(),
  /** False for a machine that no hardware profile names: only the very same key compares with it. */
  profile_known: z.boolean(),
  blessed_at: z.string(),
  blessed_by: z.string(),
  why: z.string(),
  /** What stood against the report when it was blessed by force; `null` when nothing did. */
  forced_over: z.array(z.string()).nullable(),
  report: runReportSchema,
});

export type BlessedBaseline = Known<z.infer<typeof blessedBaselineSchema>>;

/** Reads a baseline file. Errors: `file_not_found`, `invalid_json`, `invalid_report`. */
export function loadBaseline(file: string): BlessedBaseline {
  const result = blessedBaselineSchema.safeParse(readJson(file));
  if (!result.success) throw invalidReport(file, "a blessed baseline", result.error);
  return result.data;
}
