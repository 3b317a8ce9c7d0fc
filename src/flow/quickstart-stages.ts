import * as fs from "node:fs";
import * as path from "node:path";
import { LimbeckError } from "../base/errors.ts";
import { estimateStages, type QuickstartSettings, type QuickstartStage } from "./quickstart-settings.ts";
import { createStageClock } from "./stages.ts";

export interface QuickstartProgress {
  readonly stage: QuickstartStage;
  readonly done: number;
  readonly total: number;
  readonly detail?: string;
  /** Of the whole flow. */
  readonly remainingMs: number | null;
}

export interface QuickstartHooks {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: QuickstartProgress) => void;
  /** One sentence after each stage. */
  readonly onStageEnd?: (stage: QuickstartStage, sentence: string, seconds: number) => void;
}

/** How a stage says how far it is. */
export type Report = (done: number, total: number, detail?: string) => void;

export type RunStage = <T>(
  stage: QuickstartStage,
  work: (report: Report) => Promise<T>,
  sentence: (result: T) => string,
) => Promise<T>;

/** What is whole in a run folder, by the file that is written last of it. */
const keptParts: readonly (readonly [what: string, file: string])[] = [
  ["the datasets", "dataset/test.jsonl"],
  ["the teacher's top-k", "train/teacher.topk"],
  ["the state of the training", "train/state/state.json"],
  ["the trained checkpoint", "train/checkpoint/model.safetensors"],
  ["the student's artefact", "student/int8/manifest.json"],
];

/** Says where an interruption came, what is whole in the run folder, and what to do: quickstart itself does not resume. */
function interruptedIn(stage: QuickstartStage, runFolder: string, cause: unknown): LimbeckError {
  const kept = keptParts.filter(([, file]) => fs.existsSync(path.join(runFolder, file)));
  const names = kept.map(([what]) => what);
  const artefact = path.join(runFolder, "student", "int8");
  return new LimbeckError("cancelled", `quickstart: interrupted in ${stage}, there is no verdict`, {
    cure: [
      names.length === 0
        ? `Nothing is kept in ${runFolder}.`
        : `Kept, whole, in ${runFolder}: ${names.join(", ")}.`,
      ...(names.includes("the student's artefact")
        ? [`Try the student with \`limbeck run --artefact ${artefact}\`.`]
        : []),
      "`limbeck quickstart` begins a new run; the folder may be deleted.",
    ].join(" "),
    fields: { stage, run: runFolder, kept: kept.map(([, file]) => file) },
    cause,
  });
}

/**
 * Runs stages one after the other: progress, time left, a sentence at the end. An interruption, in a stage or between
 * two, becomes an error that says what `runFolder` keeps (`cancelled`).
 */
export function createStageRunner(
  settings: QuickstartSettings,
  steps: number,
  runFolder: string,
  hooks: QuickstartHooks,
): RunStage {
  const clock = createStageClock(estimateStages(settings, steps), () => performance.now());
  return async (stage, work, sentence) => {
    if (hooks.signal?.aborted) throw interruptedIn(stage, runFolder, hooks.signal.reason);
    const startMs = performance.now();
    const report: Report = (done, total, detail) =>
      hooks.onProgress?.({
        stage,
        done,
        total,
        ...(detail === undefined ? {} : { detail }),
        remainingMs: clock.remainingMs(stage, total > 0 ? done / total : 0),
      });
    report(0, 1);
    const result = await work(report).catch((thrown: unknown) => {
      const isCancelled = thrown instanceof LimbeckError && thrown.code === "cancelled";
      throw isCancelled ? interruptedIn(stage, runFolder, thrown) : thrown;
    });
    hooks.onStageEnd?.(stage, sentence(result), (performance.now() - startMs) / 1000);
    return result;
  };
}
