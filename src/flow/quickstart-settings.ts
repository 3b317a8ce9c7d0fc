import { packagePath } from "./package-files.ts";
import { quickstartDefaults } from "./quickstart-defaults.ts";
import { defaultBaselineDir } from "./run-folder.ts";
import type { StageEstimate } from "./stages.ts";
import { shippedTeacher } from "./teacher-artefact.ts";

export interface QuickstartOptions {
  /** Of the dataset and of the training. */
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
  /** Passes over the student's measured prompts; the teacher gets a quarter of them. */
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
    seed: options.seed ?? quickstartDefaults.seed,
    out: options.out,
    baselineDir: options.baselineDir ?? defaultBaselineDir,
    recipe: options.recipe ?? packagePath("configs", "recipes", "quickstart.yaml"),
    steps: options.steps,
    trainExamples: options.trainExamples ?? quickstartDefaults.trainExamples,
    validationExamples: options.validationExamples ?? quickstartDefaults.validationExamples,
    testExamples: options.testExamples ?? quickstartDefaults.testExamples,
    student: options.student ?? packagePath("assets", "base"),
    teacher: options.teacher ?? shippedTeacher(),
    measureRounds: options.measureRounds ?? quickstartDefaults.measureRounds,
  };
}

export const quickstartStages = ["dataset", "teach", "distil", "export", "measure", "score", "gate"] as const;
export type QuickstartStage = (typeof quickstartStages)[number];

/** Rough seconds of each stage, for the first ETA only: the run's own pace replaces them. */
export function estimateStages(
  settings: QuickstartSettings,
  steps: number,
): StageEstimate<QuickstartStage>[] {
  const seconds: { readonly [S in QuickstartStage]: number } = {
    dataset: 1,
    teach: 0.006 * settings.trainExamples,
    distil: 0.2 * steps,
    export: 4,
    measure: 0.3 * settings.measureRounds,
    score: 0.06 * settings.testExamples,
    gate: 0.5,
  };
  return quickstartStages.map((name) => ({ name, seconds: seconds[name] }));
}
