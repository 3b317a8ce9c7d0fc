import type { GateResult } from "../gate/gate.ts";
import type { SpeedReport } from "../measure/speed.ts";
import type { Manifest } from "../model/artefact.ts";
import type { ScoreReport } from "../score/score-report.ts";
import type { ModelFigures, RuleFigures } from "./quickstart-result.ts";

/** What was found out about one exported model. */
export interface Examined {
  readonly manifest: Manifest;
  readonly speed: SpeedReport;
  readonly score: ScoreReport;
}

/** The few figures that quickstart shows of a model. */
export function figuresOf({ manifest, speed, score }: Examined): ModelFigures {
  return {
    parameters: manifest.parameters,
    f1_lax: score.f1_lax,
    f1_strict: score.f1_strict,
    argument_valid_rate: score.argument_valid_rate,
    false_calls: score.false_calls,
    privacy_leaks: score.privacy_leaks,
    ttfa_tokens_p95: score.ttfa_tokens.p95,
    tokens_out_median: score.tokens_out.median,
    ttft_ms_p50: speed.ttft_ms.p50,
    tps_p50: speed.tps.p50,
    artefact_bytes: manifest.bytes,
  };
}

/** The gate's rules without their intervals. */
export function rulesOf(gate: GateResult): readonly RuleFigures[] {
  return gate.rules.map(({ name, verdict, value, limit, reason }) => ({
    name,
    verdict,
    value,
    limit,
    reason,
  }));
}
