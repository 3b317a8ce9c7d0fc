import * as path from "node:path";
import { createRandom } from "#limbeck/base/random.js";
import { exportArtefact, openArtefactSession, openModel } from "#limbeck/model/artefact.js";
import { loadCheckpoint, saveCheckpoint } from "#limbeck/model/checkpoint.js";
import type { WeightFormat } from "#limbeck/model/weight-formats.js";
import { mostSteps } from "#limbeck/runtime/draft-engine.js";
import { createStepRunner, type StepRunner } from "#limbeck/runtime/step-runner.js";
import { type Tensor, zeros } from "#limbeck/tensor/tensor.js";
import type { Tokenizer } from "#limbeck/tokenizer/tokenizer.js";
import { repositoryPath } from "./repository.ts";

/** `weight` [rows, columns] in the corner of a larger matrix, filled up by `fill`. */
function enlarged(weight: Tensor, [rows, columns]: readonly [number, number], fill: () => number): Tensor {
  const [oldRows, oldColumns] = weight.shape as [number, number];
  const larger = zeros("float32", [rows, columns]);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const isOld = r < oldRows && c < oldColumns;
      larger.data[r * columns + c] = isOld ? Number(weight.data[r * oldColumns + c]) : fill();
    }
  }
  return larger;
}

/**
 * Exports the shipped teacher, which really copies arguments from requests, at its own size or with a wider
 * feed-forward: further neurons with random input weights, whose output weights are 0. So the wide model says what the
 * shipped one says, by itself, while a step costs what its size costs.
 */
export async function exportTeacher(
  folder: string,
  feedForward: number | null,
  format: WeightFormat,
): Promise<string> {
  const shipped = repositoryPath("assets", "teacher");
  const artefact = path.join(folder, "artefact");
  let checkpoint = shipped;
  if (feedForward !== null) {
    const { config, weights } = loadCheckpoint(shipped);
    const random = createRandom(1);
    const noise = (): number => 0.02 * random.normal();
    const { hiddenSize } = config;
    const wide = Object.entries(weights).map(([name, weight]): [string, Tensor] => {
      if (/\.(gate|up)_proj\.weight$/.test(name))
        return [name, enlarged(weight, [hiddenSize, feedForward], noise)];
      if (name.endsWith(".down_proj.weight"))
        return [name, enlarged(weight, [feedForward, hiddenSize], () => 0)];
      return [name, weight];
    });
    checkpoint = path.join(folder, "checkpoint");
    saveCheckpoint(
      checkpoint,
      { config: { ...config, intermediateSize: feedForward }, weights: Object.fromEntries(wide) },
      { tokenizerDir: shipped },
    );
  }
  // Rows in blocks of 32 have the same bits alone and in company.
  await exportArtefact(checkpoint, artefact, { format, ...(format === "int4" ? { block: 32 } : {}) });
  return artefact;
}

/** An open teacher: the two sessions that an engine of a small model has. */
export interface Teacher {
  readonly format: WeightFormat;
  readonly parameters: number;
  readonly endId: number;
  /** A blocking runner with a sequence of its own, whose drafts attend one by one. */
  createRunner(): StepRunner;
  /** One whose every run goes through the session in which drafts attend one by one. */
  createStepwiseRunner(): StepRunner;
  /** Closes the runners too. */
  close(): void;
}

export async function openTeacher(artefactDir: string, tokenizer: Tokenizer): Promise<Teacher> {
  const { manifest, config, session } = await openArtefactSession(artefactDir);
  const stepwise = await openModel(artefactDir, { steps: mostSteps });
  const runners: StepRunner[] = [];
  return {
    format: manifest.format,
    parameters: manifest.parameters,
    endId: tokenizer.eosId,
    createRunner: () => {
      const runner = createStepRunner(session, config, { blocking: true });
      runner.attendStepwise(stepwise);
      runners.push(runner);
      return runner;
    },
    createStepwiseRunner: () => {
      const runner = createStepRunner(stepwise, config, { blocking: true });
      runners.push(runner);
      return runner;
    },
    close: () => {
      for (const runner of runners) runner.close();
      stepwise.close();
      session.close();
    },
  };
}
