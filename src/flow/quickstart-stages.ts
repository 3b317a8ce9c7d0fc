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

/** Runs stages one after the other: progress, time left, a sentence at the end, an interruption in between. */
export function createStageRunner(
  settings: QuickstartSettings,
  steps: number,
  hooks: QuickstartHooks,
): RunStage {
  const clock = createStageClock(estimateStages(settings, steps), () => performance.now());
  return async (stage, work, sentence) => {
    if (hooks.signal?.aborted) throw new LimbeckError("cancelled", `quickstart: interrupted before ${stage}`);
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
    const result = await work(report);
    hooks.onStageEnd?.(stage, sentence(result), (performance.now() - startMs) / 1000);
    return result;
  };
}
