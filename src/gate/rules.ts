import { coverageRule, fingerprintsRule } from "./evidence-rules.ts";
import {
  argumentsRule,
  controlsRule,
  f1DropRule,
  f1LaxRule,
  fixturesRule,
  noToolCallsRule,
  privacyRule,
  qatRule,
  shapeDriftRule,
  tokensRule,
  ttfaRule,
} from "./quality-rules.ts";
import { speedRule } from "./speed-rule.ts";
import type { Rule } from "./verdict.ts";

/** Every rule of the gate, in the order in which results list them. */
export const ruleNames = [
  "fingerprints",
  "coverage",
  "f1_lax",
  "arguments",
  "privacy",
  "controls",
  "no_tool_calls",
  "ttfa_p95",
  "tokens_vs_teacher",
  "fixtures",
  "shape_drift",
  "qat_cosine",
  "f1_lax_drop",
  "f1_strict_drop",
  "ttft_p50",
  "ttft_p95",
  "tps_p50",
  "tps_p95",
] as const;

export type RuleName = (typeof ruleNames)[number];

export const rules: { readonly [R in RuleName]: Rule } = {
  fingerprints: fingerprintsRule,
  coverage: coverageRule,
  f1_lax: f1LaxRule,
  arguments: argumentsRule,
  privacy: privacyRule,
  controls: controlsRule,
  no_tool_calls: noToolCallsRule,
  ttfa_p95: ttfaRule,
  tokens_vs_teacher: tokensRule,
  fixtures: fixturesRule,
  shape_drift: shapeDriftRule,
  qat_cosine: qatRule,
  f1_lax_drop: f1DropRule("change of F1 lax", "f1_lax"),
  f1_strict_drop: f1DropRule("change of F1 strict", "f1_strict"),
  ttft_p50: speedRule("time to first token, p50", { metric: "ttft_ms", percentile: "p50" }),
  ttft_p95: speedRule("time to first token, p95", { metric: "ttft_ms", percentile: "p95" }),
  tps_p50: speedRule("tokens per second, p50", { metric: "tps", percentile: "p50" }),
  tps_p95: speedRule("tokens per second, p95 (slow tail)", { metric: "tps", percentile: "p95" }),
};
