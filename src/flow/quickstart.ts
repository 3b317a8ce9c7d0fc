import * as path from "node:path";
import { writeFileAtomic, writeJsonAtomic } from "../base/files.ts";
import { readDataset, writeDataset } from "../data/dataset.ts";
import { generateToolbox } from "../data/toolbox/generate.ts";
import type { Dataset } from "../data/types.ts";
import { gateReport } from "../gate/gate.ts";
import { exportArtefact, verifyArtefact } from "../model/artefact.ts";
import { openEngine } from "../runtime/engine.ts";
import { type Recipe, readRecipe } from "../train/recipe.ts";
import { identifyMachine } from "./identify-machine.ts";
import { measureEngine } from "./measure-artefact.ts";
import { packageVersion } from "./package-files.ts";
import { trainingShares } from "./quickstart-defaults.ts";
import { distilStudent } from "./quickstart-distil.ts";
import { type Examined, figuresOf, rulesOf } from "./quickstart-figures.ts";
import type { QuickstartResult } from "./quickstart-result.ts";
import { type QuickstartOptions, type QuickstartSettings, resolveQuickstart } from "./quickstart-settings.ts";
import { createStageRunner, type QuickstartHooks } from "./quickstart-stages.ts";
import { createRunFolder, homeFolder, markLatest } from "./run-folder.ts";
import { buildRunReport } from "./run-report.ts";
import { scoreEngine } from "./score-artefact.ts";
import { renderMarkdownSummary } from "./summary.ts";
import { cachedTeacherArtefact } from "./teacher-artefact.ts";

/** Half of the embedded task's prompts are shorter than this. */
const shortestPrompt = 64;

interface Datasets {
  readonly train: Dataset;
  readonly validation: Dataset;
  readonly test: Dataset;
}

/** Makes the three splits, writes them, and reads the test set back: what is scored is what the file holds. */
function makeDatasets(settings: QuickstartSettings, folder: string): Datasets {
  const { seed } = settings;
  const train = generateToolbox({
    split: "train",
    seed,
    examples: settings.trainExamples,
    shares: trainingShares,
  });
  const validation = generateToolbox({ split: "validation", seed, examples: settings.validationExamples });
  const test = generateToolbox({ split: "test", seed, examples: settings.testExamples });
  for (const dataset of [train, validation, test]) {
    writeDataset(path.join(folder, `${dataset.header.split}.jsonl`), dataset);
  }
  return { train, validation, test: readDataset(path.join(folder, "test.jsonl")) };
}

/** Prompt lengths to measure at: the trained ones, and a shorter one, since rows hold the answers too. */
function promptShapes({ shapes }: Recipe): readonly number[] {
  return [...new Set([shortestPrompt, ...shapes.lengths])].sort((a, b) => a - b);
}

/** Opens an artefact in a worker; `use` gets the engine. */
async function withEngine<T>(
  artefact: string,
  use: (engine: Awaited<ReturnType<typeof openEngine>>) => Promise<T>,
): Promise<T> {
  const engine = await openEngine(artefact);
  try {
    return await use(engine);
  } finally {
    await engine.close();
  }
}

/**
 * The whole flow on the embedded task: data, distil, export, measure, score, gate. Everything is kept in the run folder.
 * Errors: `usage` (the folder is not empty), `not_writable`, `disk_full`, `cancelled`, and those of each stage.
 */
export async function runQuickstart(
  options: QuickstartOptions = {},
  hooks: QuickstartHooks = {},
): Promise<QuickstartResult> {
  const startMs = performance.now();
  const createdAt = new Date();
  const settings = resolveQuickstart(options);
  const { seed } = settings;
  const ownRecipe = readRecipe(settings.recipe);
  const recipe: Recipe = { ...ownRecipe, seed, steps: settings.steps ?? ownRecipe.steps };
  const run = createRunFolder({ out: settings.out, now: createdAt });
  const inRun = (...parts: string[]): string => path.join(run.path, ...parts);
  const { machine, profileKey } = identifyMachine();
  const { signal } = hooks;
  const cancel = signal === undefined ? {} : { signal };
  writeJsonAtomic(inRun("run.json"), {
    schema_version: 1,
    kind: "quickstart_run",
    created_at: createdAt.toISOString(),
    limbeck: packageVersion(),
    settings: { ...settings, out: run.path, steps: recipe.steps },
    recipe,
    machine,
  });
  const runStage = createStageRunner(settings, recipe.steps, run.path, hooks);

  const datasets = await runStage(
    "dataset",
    async () => makeDatasets(settings, inRun("dataset")),
    ({ train, validation, test }) =>
      `${train.examples.length} train, ${validation.examples.length} validation, ${test.examples.length} test examples`,
  );
  const distilled = await distilStudent(
    settings,
    recipe,
    { train: datasets.train.examples, validation: datasets.validation.examples },
    inRun("train"),
    runStage,
    signal,
  );

  const artefacts = { int8: inRun("student", "int8"), fp32: inRun("student", "fp32") };
  const shapes = promptShapes(recipe);
  const teacherCache = path.join(homeFolder, "cache");
  const exported = await runStage(
    "export",
    async (report) => {
      const fp32 = await exportArtefact(distilled.checkpoint, artefacts.fp32, { format: "fp32", shapes });
      report(1, 3);
      const int8 = await exportArtefact(distilled.checkpoint, artefacts.int8, { format: "int8", shapes });
      report(2, 3);
      const teacher = await cachedTeacherArtefact(settings.teacher, teacherCache, shapes);
      return { fp32, int8, teacher };
    },
    ({ fp32, int8 }) =>
      `logits within ${int8.parity.max_abs_logit_error.toExponential(1)} (int8) and ${fp32.parity.max_abs_logit_error.toExponential(1)} (fp32) of the training graph`,
  );

  const examine = { student: artefacts.int8, teacher: exported.teacher };
  const speed = await runStage(
    "measure",
    async (report) => {
      const rounds = { student: settings.measureRounds, teacher: Math.ceil(settings.measureRounds / 4) };
      const measureOne = (name: "student" | "teacher", before: number): Promise<Examined["speed"]> =>
        withEngine(examine[name], (engine) =>
          measureEngine(
            engine,
            datasets.test.examples,
            { rounds: rounds[name], seed },
            { ...cancel, onProgress: (done, total) => report(before * total + done, 2 * total, name) },
          ),
        );
      return { student: await measureOne("student", 0), teacher: await measureOne("teacher", 1) };
    },
    ({ student }) =>
      `TTFT p50 ${student.ttft_ms.p50?.toFixed(1) ?? "–"} ms, ${student.tps.p50?.toFixed(0) ?? "–"} tokens/s`,
  );
  const score = await runStage(
    "score",
    async (report) => {
      const scoreOne = (name: "student" | "teacher", before: number): Promise<Examined["score"]> =>
        withEngine(examine[name], (engine) =>
          scoreEngine(engine, datasets.test, {
            ...cancel,
            transcriptPath: inRun("transcripts", `${name}.jsonl`),
            onProgress: ({ done, total }) => report(before * total + done, 2 * total, name),
          }),
        );
      return { student: await scoreOne("student", 0), teacher: await scoreOne("teacher", 1) };
    },
    ({ student }) => `F1 lax ${student.f1_lax?.toFixed(3) ?? "–"}, ${student.false_calls} false calls`,
  );

  const studentFiles = verifyArtefact(examine.student).manifest;
  const teacherFiles = verifyArtefact(examine.teacher).manifest;
  for (const name of ["student", "teacher"] as const) {
    writeJsonAtomic(inRun("speed", `${name}.json`), speed[name]);
    writeJsonAtomic(inRun("score", `${name}.json`), score[name]);
  }
  const trained = {
    steps: distilled.steps,
    tokens_per_second: distilled.tokensPerSecond,
    ceiling_fraction: distilled.ceilingFraction,
  };
  const gate = await runStage(
    "gate",
    async () => {
      const report = buildRunReport({
        createdAt,
        task: "toolbox",
        manifest: studentFiles,
        artefactPath: path.join("student", "int8"),
        machine,
        profileKey,
        backend: "onnx-cpu",
        datasetFingerprints: datasets.test.header.fingerprints,
        speed: speed.student,
        quality: score.student,
        teacher: score.teacher,
        train: trained,
        cosines: distilled.cosines,
      });
      writeJsonAtomic(inRun("report.json"), report);
      const result = gateReport(report, {
        baselineDir: settings.baselineDir,
        artefactFingerprint: studentFiles.fingerprints.model,
      });
      writeJsonAtomic(inRun("gate.json"), result);
      return result;
    },
    ({ verdict }) => verdict,
  );

  const result: QuickstartResult = {
    schema_version: 1,
    kind: "quickstart",
    verdict: gate.verdict,
    seconds: (performance.now() - startMs) / 1000,
    run: run.path,
    seed,
    hardware_profile_key: profileKey,
    student: figuresOf({ manifest: studentFiles, speed: speed.student, score: score.student }),
    teacher: figuresOf({ manifest: teacherFiles, speed: speed.teacher, score: score.teacher }),
    train: trained,
    parity: {
      int8_max_abs_error: exported.int8.parity.max_abs_logit_error,
      fp32_max_abs_error: exported.fp32.parity.max_abs_logit_error,
    },
    baseline: gate.baseline,
    rules: rulesOf(gate),
    warnings: [
      ...distilled.warnings,
      ...distilled.actions,
      ...new Set([
        ...(speed.student.conditions?.warnings ?? []),
        ...(speed.student.conditions?.invalid_for_gate ?? []),
      ]),
    ],
  };
  writeJsonAtomic(inRun("result.json"), result);
  writeFileAtomic(inRun("summary.md"), renderMarkdownSummary(result));
  markLatest(run);
  return result;
}
