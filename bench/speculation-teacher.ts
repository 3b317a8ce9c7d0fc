import * as path from "node:path";
import type { NamedTensors } from "#limbeck/backend/session.js";
import { createRandom } from "#limbeck/base/random.js";
import { exportArtefact, openArtefactSession, openModel } from "#limbeck/model/artefact.js";
import { loadCheckpoint, saveCheckpoint } from "#limbeck/model/checkpoint.js";
import type { ModelConfig } from "#limbeck/model/config.js";
import { isNormWeight, parameterShapes } from "#limbeck/model/decoder.js";
import type { WeightFormat } from "#limbeck/model/weight-formats.js";
import { mostSteps } from "#limbeck/runtime/draft-engine.js";
import { createStepRunner, type StepRunner } from "#limbeck/runtime/step-runner.js";
import { type Tensor, zeros } from "#limbeck/tensor/tensor.js";
import type { Tokenizer } from "#limbeck/tokenizer/tokenizer.js";
import { repositoryPath } from "./repository.ts";

/** The size of a larger model; D and K stay the teacher's. */
export interface GrownShape {
  readonly layers: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  /** A multiple of K. */
  readonly heads: number;
  /** Default: the teacher's. */
  readonly vocabSize?: number;
}

/** Where an index of a larger axis lies in the teacher's own; −1: it is new. */
type Origin = (index: number) => number;

const upTo =
  (size: number): Origin =>
  (index) =>
    index < size ? index : -1;

/** Columns of q, of `to` heads: each group of heads that share keys begins with the teacher's own. */
function headColumns({ heads, kvHeads, headDim }: ModelConfig, to: number): Origin {
  const [own, all] = [heads / kvHeads, to / kvHeads];
  return (column) => {
    const [head, d] = [Math.floor(column / headDim), column % headDim];
    const [group, inGroup] = [Math.floor(head / all), head % all];
    return inGroup < own ? (group * own + inGroup) * headDim + d : -1;
  };
}

/** `weight` [rows, columns] spread over a larger matrix, filled up by `fill`. */
function spread(
  weight: Tensor | undefined,
  [rows, columns]: readonly [number, number],
  [rowOf, columnOf]: readonly [Origin, Origin],
  fill: () => number,
): Tensor {
  const larger = zeros("float32", [rows, columns]);
  const to = larger.data as Float32Array;
  const from = Int32Array.from({ length: columns }, (_, c) => columnOf(c));
  const width = weight?.shape[1] ?? 0;
  for (let r = 0; r < rows; r++) {
    const row = weight ? rowOf(r) : -1;
    for (let c = 0; c < columns; c++) {
      const column = from[c] as number;
      to[r * columns + c] = row < 0 || column < 0 ? fill() : Number(weight!.data[row * width + column]);
    }
  }
  return larger;
}

/** Draws of a table of normal numbers: a quarter of a billion in seconds. */
function createNoise(): () => number {
  const random = createRandom(1);
  const draws = Float32Array.from({ length: 4096 }, () => 0.02 * random.normal());
  let at = 0;
  return () => {
    at = (Math.imul(at, 1_664_525) + 1_013_904_223) >>> 0;
    return draws[at >>> 20] as number;
  };
}

/**
 * A model of another size that says what the given one says, by itself, while a step costs what its size costs. New
 * layers, heads and neurons compute something of random weights, but give nothing: their output weights are 0. New
 * channels hold 0, so the norms, which now take a mean over more of them, are scaled by as much.
 */
function grow(
  { config, weights }: { readonly config: ModelConfig; readonly weights: NamedTensors },
  shape: GrownShape,
): { readonly config: ModelConfig; readonly weights: NamedTensors } {
  const { hiddenSize, intermediateSize, vocabSize, kvHeads, headDim } = config;
  const share = hiddenSize / shape.hiddenSize;
  const grown: ModelConfig = { ...config, ...shape, rmsNormEpsilon: config.rmsNormEpsilon * share };
  const noise = createNoise();
  const none = (): number => 0;
  const [channels, heads] = [upTo(hiddenSize), headColumns(config, shape.heads)];
  const [kv, neurons] = [upTo(kvHeads * headDim), upTo(intermediateSize)];
  const places: readonly (readonly [RegExp, readonly [Origin, Origin], () => number])[] = [
    [/embed_tokens/, [upTo(vocabSize), channels], none],
    [/q_proj/, [channels, heads], noise],
    [/[kv]_proj/, [channels, kv], noise],
    [/o_proj/, [heads, channels], none],
    [/(gate|up)_proj/, [channels, neurons], noise],
    [/down_proj/, [neurons, channels], none],
  ];
  const all = [...parameterShapes(grown)].map(([name, size]): [string, Tensor] => {
    const own = weights[name];
    if (isNormWeight(name)) {
      const norm = zeros("float32", [...size]);
      norm.data.forEach((_, c) => {
        norm.data[c] = own && c < hiddenSize ? Number(own.data[c]) * Math.sqrt(share) : 1;
      });
      return [name, norm];
    }
    const [, origins, fill] = places.find(([pattern]) => pattern.test(name))!;
    return [name, spread(own, size as [number, number], origins, fill)];
  });
  return { config: grown, weights: Object.fromEntries(all) };
}

/** Exports the shipped teacher, which really copies arguments from requests, at its own size (null) or grown. */
export async function exportTeacher(
  folder: string,
  shape: GrownShape | null,
  format: WeightFormat,
): Promise<string> {
  const shipped = repositoryPath("assets", "teacher");
  const artefact = path.join(folder, "artefact");
  let checkpoint = shipped;
  if (shape !== null) {
    checkpoint = path.join(folder, "checkpoint");
    const options = { dtype: "float16", tokenizerDir: shipped } as const;
    saveCheckpoint(checkpoint, grow(loadCheckpoint(shipped), shape), options);
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
