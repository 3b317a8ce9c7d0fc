import { type Fingerprints, parseRunReport, type QualitySummary, type RunReport } from "../gate/report.ts";
import type { Machine } from "../hardware/machine.ts";
import type { SpeedReport } from "../measure/speed.ts";
import type { Manifest } from "../model/artefact.ts";
import type { ScoreReport } from "../score/score-report.ts";
import type { LayerCosine } from "../train/qat.ts";

export interface RunReportParts {
  readonly createdAt: Date;
  readonly task: string;
  /** Of the student's artefact, its files just checked against it. */
  readonly manifest: Manifest;
  /** Where the artefact is, relative to the report's folder. */
  readonly artefactPath: string;
  readonly machine: Machine;
  readonly profileKey: string;
  readonly backend: string;
  readonly datasetFingerprints: { readonly dataset: string; readonly tools: string };
  readonly speed: SpeedReport;
  readonly quality: ScoreReport;
  readonly teacher: ScoreReport | null;
  readonly train: {
    readonly steps: number;
    readonly tokens_per_second: number | null;
    readonly ceiling_fraction: number | null;
  } | null;
  /** Per layer, where training quantised. */
  readonly cosines: readonly LayerCosine[];
}

/** Speed without its single runs: those are in the speed report's own file, their TTFT and TPS here. */
function metricsOf(speed: SpeedReport): Omit<SpeedReport, "raw"> & { raw: Omit<SpeedReport["raw"], "runs"> } {
  const { runs: _runs, ...raw } = speed.raw;
  return { ...speed, raw };
}

/** A score without its single examples: those are in the score's own file. */
function summaryOf(score: ScoreReport): QualitySummary {
  const { examples_detail: _detail, ...summary } = score;
  return structuredClone(summary) as QualitySummary;
}

/**
 * The run report of one artefact on one machine: what the gate reads. Model, tokenizer, prompt and data are named by
 * what their files hash to now, and the runner by the score; the gate compares them with what was scored.
 * Error: `invalid_report` when a part does not fit the published schema.
 */
export function buildRunReport(parts: RunReportParts): RunReport {
  const { manifest, quality, speed, teacher, cosines, machine } = parts;
  const fingerprints: Fingerprints = {
    ...parts.datasetFingerprints,
    tokenizer: manifest.fingerprints.tokenizer,
    prompt_wrapper: manifest.fingerprints.prompt_wrapper,
    runner: quality.fingerprints.runner,
    model: manifest.fingerprints.model,
  };
  return parseRunReport(
    {
      schema_version: 1,
      kind: "run_report",
      created_at: parts.createdAt.toISOString(),
      task: parts.task,
      artefact: {
        kind: `onnx-${manifest.format}`,
        path: parts.artefactPath,
        bytes: manifest.bytes,
        fingerprint: manifest.fingerprints.model,
        parameters: manifest.parameters,
        parity: manifest.parity,
      },
      hardware: machine,
      hardware_profile_key: parts.profileKey,
      backend: parts.backend,
      invalid_for_gate: speed.conditions?.invalid_for_gate ?? ["the machine's conditions were not watched"],
      fingerprints,
      speed_metrics: metricsOf(speed),
      quality: summaryOf(quality),
      teacher: teacher === null ? null : summaryOf(teacher),
      train: parts.train,
      qat:
        cosines.length === 0
          ? null
          : {
              layers: cosines.map(({ layer, cosine }) => ({
                name: layer,
                cosine: Number.isFinite(cosine) ? cosine : null,
              })),
            },
      // Prompts of different shapes are different examples here: the spread of F1 between them is no drift.
      shapes: null,
    },
    "run report",
  );
}
