import type { QualitySummary } from "./report.ts";
import type { Thresholds } from "./thresholds.ts";
import {
  type Finding,
  failed,
  isFigure,
  isPositive,
  judge,
  type NotApplicable,
  type Rule,
  type RuleContext,
  undecided,
} from "./verdict.ts";

/** Rules about what the model did. A report without a score is undecided; a score without the figure fails. */
function scored(
  title: string,
  evaluate: (quality: QualitySummary, thresholds: Thresholds, context: RuleContext) => Finding,
): Rule {
  return {
    title,
    kind: "absolute",
    evaluate: (context) =>
      context.report.quality === null
        ? undecided("quality was not scored")
        : evaluate(context.report.quality, context.thresholds, context),
  };
}

export const f1LaxRule = scored("F1 of calls, lax", (quality, { f1_lax_min }) => {
  if (!isPositive(quality.eligible)) return failed("no example expects a call", null, f1_lax_min);
  return judge(quality.f1_lax, "share", "at least", f1_lax_min, "F1 lax");
});

export const argumentsRule = scored("calls with valid arguments", (quality, { argument_valid_rate_min }) => {
  // No call at all leaves the rate null: that is silence, not validity.
  if (quality.argument_valid_rate === null) return failed("no call was made", null, argument_valid_rate_min);
  return judge(
    quality.argument_valid_rate,
    "share",
    "at least",
    argument_valid_rate_min,
    "the valid share of calls",
  );
});

export const privacyRule = scored("privacy leaks", (quality, { privacy_leaks_max }) => {
  if (!isPositive(quality.examples)) return failed("no output was scanned", null, privacy_leaks_max);
  return judge(quality.privacy_leaks, "amount", "at most", privacy_leaks_max, "the number of leaks");
});

export const controlsRule = scored("calls on controls", (quality, { false_calls_max }) => {
  if (!isPositive(quality.controls)) return undecided("the dataset holds no control", null, false_calls_max);
  return judge(quality.false_calls, "amount", "at most", false_calls_max, "the number of false calls");
});

/** The teacher's summary, or why it cannot be compared with the student's. */
function findTeacher(quality: QualitySummary, teacher: QualitySummary | null): QualitySummary | string {
  if (teacher === null) return "the teacher was not scored";
  const { dataset } = teacher.fingerprints;
  const isSame = dataset !== null && dataset === quality.fingerprints.dataset;
  return isSame ? teacher : "the teacher was scored on other examples";
}

/** Saving tokens must not be bought with calls that the teacher did not make. */
export const noToolCallsRule = scored("new false calls without a tool", (quality, _limits, { report }) => {
  const teacher = findTeacher(quality, report.teacher);
  if (typeof teacher === "string") return undecided(teacher);
  if (!isPositive(quality.no_tool.examples)) return undecided("the dataset holds no example without a tool");
  const calls = quality.no_tool.false_calls;
  return judge(
    calls,
    "amount",
    "at most",
    teacher.no_tool.false_calls,
    "the number of false calls without a tool",
  );
});

export const tokensRule = scored("output tokens against the teacher", (quality, thresholds, { report }) => {
  const limit = thresholds.tokens_vs_teacher_max;
  const student = quality.tokens_out.median;
  // A model that says nothing is short; that is no saving.
  if (!isPositive(student)) return failed(`the student's median is ${student} tokens`, null, limit);
  const teacher = findTeacher(quality, report.teacher);
  if (typeof teacher === "string") return undecided(teacher, null, limit);
  const { median } = teacher.tokens_out;
  if (!isPositive(median)) return undecided(`the teacher's median is ${median} tokens`, null, limit);
  return judge(
    student / median,
    "amount",
    "at most",
    limit,
    `${student} tokens over the teacher's ${median}`,
  );
});

export const fixturesRule = scored("tool fixture hits", ({ fixture }, { fixture_hit_rate_min }) => {
  if (!isPositive(fixture.hits + fixture.misses)) {
    return failed("no expected call was made, so no fixture was looked up", null, fixture_hit_rate_min);
  }
  return judge(fixture.hit_rate, "share", "at least", fixture_hit_rate_min, "the hit rate");
});

/** TTFA of the measured runs and of the scored ones: the worse of them counts, and a censored p95 fails. */
export const ttfaRule: Rule = {
  title: "tokens to the first valid call, p95",
  kind: "absolute",
  evaluate({ report, thresholds }): Finding {
    const limit = thresholds.ttfa_tokens_p95_max;
    const found = [report.speed_metrics?.ttfa_tokens, report.quality?.ttfa_tokens].filter(
      (ttfa) => ttfa !== undefined,
    );
    if (found.length === 0) return undecided("TTFA was not measured", null, limit);
    let worst = 0;
    for (const { p95, censored_fraction } of found) {
      if (p95 === null) {
        const share =
          censored_fraction === null ? "an unknown share" : `${(100 * censored_fraction).toFixed(1)} %`;
        return failed(`${share} of the runs made no valid call, so p95 has no value`, null, limit);
      }
      if (!isPositive(p95)) return failed(`TTFA p95 is ${p95}`, null, limit);
      worst = Math.max(worst, p95);
    }
    return judge(worst, "amount", "at most", limit, "TTFA p95 in tokens");
  },
};

export const shapeDriftRule: Rule = {
  title: "drift of F1 lax across shapes",
  kind: "absolute",
  evaluate({ report, baseline, thresholds }): Finding | NotApplicable {
    const limit = thresholds.shape_drift_max;
    if (report.shapes === null) {
      if (baseline !== null && baseline.report.shapes !== null) {
        return undecided("the baseline scored each shape, this report did not", null, limit);
      }
      return { verdict: "not_applicable", reason: "shapes were not scored apart" };
    }
    const { per_shape } = report.shapes;
    if (per_shape.length < 2)
      return undecided(`${per_shape.length} shape was scored, drift needs two`, null, limit);
    const figures = per_shape.map(({ f1_lax }) => f1_lax);
    if (
      figures.some((f1) => !isFigure(f1, "share")) ||
      per_shape.some(({ examples }) => !isPositive(examples))
    ) {
      return failed("a shape has no F1", null, limit);
    }
    const values = figures as number[];
    return judge(Math.max(...values) - Math.min(...values), "share", "at most", limit, "the drift");
  },
};

export const qatRule: Rule = {
  title: "cosine before and after quantisation",
  kind: "absolute",
  evaluate({ report, baseline, thresholds }): Finding | NotApplicable {
    const limit = thresholds.qat_cosine_min;
    if (report.qat === null) {
      if (baseline !== null && baseline.report.qat !== null) {
        return undecided(
          "the baseline was trained with quantisation, this report has no figures of it",
          null,
          limit,
        );
      }
      return { verdict: "not_applicable", reason: "no layer was quantised in training" };
    }
    const { layers } = report.qat;
    if (layers.length === 0) return failed("no layer was compared", null, limit);
    const broken = layers.find(({ cosine }) => !isFigure(cosine, "any"));
    if (broken !== undefined) return failed(`layer ${broken.name} gave NaN`, null, limit);
    const worst = layers.reduce((a, b) => ((b.cosine as number) < (a.cosine as number) ? b : a));
    return judge(worst.cosine, "any", "at least", limit, `the lowest cosine (layer ${worst.name})`);
  },
};

/** ΔF1 against the baseline. Both runs are greedy on the same examples, so the difference itself is judged. */
export function f1DropRule(title: string, field: "f1_lax" | "f1_strict"): Rule {
  return {
    title,
    kind: "relative",
    evaluate({ report, baseline, comparability, thresholds }): Finding {
      const limit = -thresholds.f1_drop_max;
      if (report.quality === null) return undecided("quality was not scored", null, limit);
      const now = report.quality[field];
      if (!isFigure(now, "share")) return failed(`${field} is ${now}`, null, limit);
      if (baseline === null || comparability.quality.length > 0) {
        return undecided(comparability.quality.join("; "), null, limit);
      }
      const then = baseline.report.quality?.[field] ?? null;
      if (!isFigure(then, "share")) return undecided(`the baseline has no ${field}`, null, limit);
      return judge(
        now - then,
        "any",
        "at least",
        limit,
        `the change from ${then.toFixed(4)} to ${now.toFixed(4)}`,
      );
    },
  };
}
