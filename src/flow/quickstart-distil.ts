import type { Example } from "../data/types.ts";
import { loadCheckpoint } from "../model/checkpoint.ts";
import { type DistilResult, distil } from "../train/distil.ts";
import type { Recipe } from "../train/recipe.ts";
import type { QuickstartSettings } from "./quickstart-settings.ts";
import type { Report, RunStage } from "./quickstart-stages.ts";
import { measureTrainingCeiling } from "./training-ceiling.ts";

/** What the student is trained on. */
export interface TrainingExamples {
  readonly train: readonly Example[];
  readonly validation: readonly Example[];
}

/** Trains the student of quickstart, as two stages: the teacher's part, and the training. Errors: those of `distil`. */
export async function distilStudent(
  settings: QuickstartSettings,
  recipe: Recipe,
  { train, validation }: TrainingExamples,
  outDir: string,
  runStage: RunStage,
  signal: AbortSignal | undefined,
): Promise<DistilResult> {
  const { tokens_per_batch: tokens } = recipe.shapes;
  // About a quarter of a row is completion; the rate hardly depends on it.
  const ceilingGflops = await measureTrainingCeiling(
    loadCheckpoint(settings.student).config,
    { tokens, completions: tokens >> 2 },
    recipe.threads,
  );
  // The teacher's part and the training are one call; it reports to whichever stage is on.
  let reportTeach: Report = () => undefined;
  let reportDistil: Report = () => undefined;
  let rows = 0;
  let endTeach = (): void => undefined;
  const isTaught = new Promise<void>((resolve) => {
    endTeach = resolve;
  });
  const training = distil(
    {
      recipe,
      student: settings.student,
      teacher: settings.teacher,
      train,
      validation,
      outDir,
    },
    {
      ceilingGflops,
      ...(signal === undefined ? {} : { signal }),
      onTopk: (done, total) => reportTeach(done, total),
      onEvent: ({ event }) => (event === "start" ? endTeach() : undefined),
      onStep: ({ step, steps, loss, tokens_per_second: rate }) =>
        reportDistil(step, steps, `loss ${loss.toFixed(3)}, ${rate.toFixed(0)} tokens/s`),
    },
  );
  try {
    await runStage(
      "teach",
      async (report) => {
        reportTeach = (done, total) => {
          rows = total;
          report(done, total);
        };
        // A failure in the teacher's part ends this stage with it.
        await Promise.race([isTaught, training]);
      },
      () =>
        rows === 0 ? "no teacher's logits asked for" : `the teacher's top-${recipe.loss.k} over ${rows} rows`,
    );
    return await runStage(
      "distil",
      (report) => {
        reportDistil = report;
        return training;
      },
      (result) =>
        `${result.steps} steps${result.tokensPerSecond === null ? "" : `, ${result.tokensPerSecond.toFixed(0)} tokens/s`}, loss ${result.finalLoss?.toFixed(3) ?? "–"}`,
    );
  } finally {
    // An interrupted training first writes its state.
    await Promise.allSettled([training]);
  }
}
