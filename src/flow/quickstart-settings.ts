import { packagePath } from "./package-files.ts";
import { defaultBaselineDir } from "./run-folder.ts";
import type { StageEstimate } from "./stages.ts";
import { shippedTeacher } from "./teacher-artefact.ts";

export interface QuickstartOptions {
  /** Of the dataset and of the training (default 7). */
  readonly seed?: number;
  /** Run folder, absent or empty; default `.limbeck/runs/<id>`. */
  readonly out?: string;
  readonly baselineDir?: string;
  /** Recipe file; default the package's. */
  readonly recipe?: string;
  /** Training steps; default as the recipe says. */
  readonly steps?: number;
  readonly trainExamples?: number;
  readonly validationExamples?: number;
  /** Examples that both models are scored on. */
  readonly testExamples?: number;
  /** Checkpoint folder that the student starts from; default the package's base. */
  readonly student?: string;
  /** Checkpoint folder of the teacher; default the package's. */
  readonly teacher?: string;
  /** Passes over the measured prompts (default 8). */
  readonly measureRounds?: number;
}

/** Every option decided; without `steps` the recipe says how many. */
export interface QuickstartSettings extends Required<Omit<QuickstartOptions, "out" | "steps">> {
  readonly out: string | undefined;
  readonly steps: number | undefined;
}

/** Every default of quickstart. Error: `file_not_found` where the package lacks what it ships. */
export function resolveQuickstart(options: QuickstartOptions): QuickstartSettings {
  return {
    seed: options.seed ?? 7,
    out: options.out,
    baselineDir: options.baselineDir ?? defaultBaselineDir,
    recipe: options.recipe ?? packagePath("configs", "recipes", "quickstart.yaml"),
    steps: options.steps,
    trainExamples: options.trainExamples ?? 4000,
    validationExamples: options.validationExamples ?? 200,
    testExamples: options.testExamples ?? 240,
    student: options.student ?? packagePath("assets", "base"),
    teacher: options.teacher ?? shippedTeacher(),
    measureRounds: options.measureRounds ?? 8,
  };
}

export const quickstartStages = ["dataset", "teach", "distil", "export", "measure", "score", "gate"] as const;
export type QuickstartStage = (typeof quickstartStages)[number];

/** About how long each stage takes on two cores of a server of 2024, in seconds: for the first ETA only. */
export function estimateStages(
  settings: QuickstartSettings,
  steps: number,
): StageEstimate<QuickstartStage>[] {
  const seconds: { readonly [S in QuickstartStage]: number } = {
    dataset: 1,
    teach: 0.006 * settings.trainExamples,
    distil: 0.12 * steps,
    export: 4,
    measure: 3 * settings.measureRounds,
    score: 0.15 * settings.testExamples,
    gate: 0.5,
  };
  return quickstartStages.map((name) => ({ name, seconds: seconds[name] }));
}
