import * as path from "node:path";
import { onnxCpuBackend } from "../backend/onnx/backend.ts";
import type { Backend, NamedTensors } from "../backend/session.ts";
import { LimbeckError } from "../base/errors.ts";
import { sha256 } from "../base/files.ts";
import { stringifyJson } from "../base/json.ts";
import { createRandom } from "../base/random.ts";
import type { Example } from "../data/types.ts";
import { type Checkpoint, loadCheckpoint, saveCheckpoint } from "../model/checkpoint.ts";
import type { ModelConfig } from "../model/config.ts";
import { initialiseWeights, parameterCount } from "../model/decoder.ts";
import { loadTokenizer, type Tokenizer } from "../tokenizer/tokenizer.ts";
import type { SpecialIds } from "./batch.ts";
import { createJudge } from "./judge.ts";
import { checkVocabulary, createEncode, specialIds } from "./language.ts";
import type { Recipe } from "./recipe.ts";
import { createRowSource, type Encode, type ExampleSource, type RowSource } from "./row-source.ts";
import { partsOf } from "./runner-pool.ts";
import { needsTopk } from "./step-graph.ts";
import { teacherTopk } from "./teacher-topk.ts";
import type { TopkStore } from "./topk-file.ts";
import { trainLoop } from "./train-loop.ts";
import type { LoopHooks, LoopResult } from "./train-types.ts";

export interface DistilOptions {
  readonly recipe: Recipe;
  /** Checkpoint folder that the student starts from; null starts from nothing, with `recipe.model`'s size. */
  readonly student: string | null;
  /** Checkpoint folder of the teacher; null trains on the examples alone. */
  readonly teacher: string | null;
  /** Folder of the tokenizer; by default the student's. */
  readonly tokenizer?: string;
  readonly train: ExampleSource;
  /** Names the examples where `train` generates them: a resumed run must have the same. */
  readonly dataName?: string;
  readonly validation: readonly Example[];
  /** train.jsonl, teacher.topk, state/, best/ and checkpoint/ go here. */
  readonly outDir: string;
  /** Goes on from `outDir`'s state where there is one. */
  readonly resume?: boolean;
  readonly backend?: Backend;
}

export interface DistilHooks extends LoopHooks {
  readonly onTopk?: (done: number, total: number) => void;
}

export interface DistilResult extends LoopResult {
  /** Folder of the trained weights, in Hugging Face layout. */
  readonly checkpoint: string;
  /** Folder of the weights of the lowest validation loss; null without validation. */
  readonly bestCheckpoint: string | null;
  readonly config: ModelConfig;
  readonly parameters: number;
  readonly teacherTopk: {
    readonly positions: number;
    readonly bytesPerPosition: number;
    readonly seconds: number;
    readonly file: string;
  } | null;
  readonly warnings: readonly string[];
}

/** What training starts from, loaded and checked: shared with preflight. */
export interface Prepared {
  readonly backend: Backend;
  readonly tokenizer: Tokenizer;
  readonly tokenizerDir: string;
  readonly config: ModelConfig;
  readonly weights: NamedTensors;
  readonly teacher: Checkpoint | null;
  readonly encode: Encode;
  readonly specials: SpecialIds;
  readonly source: RowSource;
  /** Over recipe, data, tokenizer, teacher and start weights. */
  readonly fingerprint: string;
}

function freshConfig(recipe: Recipe, tokenizer: Tokenizer): ModelConfig {
  const size = recipe.model;
  if (!size) {
    throw new LimbeckError(
      "invalid_config",
      "recipe: expected a model to start from, got no checkpoint and no model block",
      {
        cure: "Give a student checkpoint, or add a model block to the recipe.",
      },
    );
  }
  return {
    family: "llama",
    vocabSize: tokenizer.vocabSize,
    hiddenSize: size.hidden_size,
    intermediateSize: size.intermediate_size,
    layers: size.layers,
    heads: size.heads,
    kvHeads: size.kv_heads,
    headDim: size.hidden_size / size.heads,
    contextLength: size.context_length,
    ropeTheta: size.rope_theta,
    rmsNormEpsilon: 1e-6,
    tieEmbeddings: true,
    bosId: null,
    eosIds: [tokenizer.eosId],
    padId: tokenizer.padId,
  };
}

function loadTeacher(dir: string, tokenizer: Tokenizer, config: ModelConfig): Checkpoint {
  const teacher = loadCheckpoint(dir);
  const own = loadTokenizer(dir);
  if (own.fingerprint !== tokenizer.fingerprint || teacher.config.vocabSize !== config.vocabSize) {
    throw new LimbeckError(
      "invalid_checkpoint",
      `${dir}: expected the student's tokenizer, with ${config.vocabSize} classes, got another one, with ${teacher.config.vocabSize}`,
      {
        cure: "Distillation compares token by token: teacher and student must share one tokenizer.",
        fields: { path: dir, expected: tokenizer.fingerprint, got: own.fingerprint },
      },
    );
  }
  return teacher;
}

/** Loads and checks everything. Errors: `invalid_config`, `invalid_checkpoint`, `file_not_found`, `invalid_dataset`. */
export function prepareDistil(options: DistilOptions): Prepared {
  const { recipe } = options;
  const tokenizerDir = options.tokenizer ?? options.student;
  if (!tokenizerDir) {
    throw new LimbeckError(
      "invalid_config",
      "distil: expected a tokenizer, got neither its folder nor a student's",
      {
        cure: "Give the folder of the tokenizer.",
      },
    );
  }
  const tokenizer = loadTokenizer(tokenizerDir);
  const start = options.student === null ? null : loadCheckpoint(options.student);
  const config = start?.config ?? freshConfig(recipe, tokenizer);
  checkVocabulary(config, tokenizer, options.student ?? "recipe");
  const longest = recipe.shapes.lengths.at(-1) ?? 0;
  if (longest > config.contextLength) {
    throw new LimbeckError(
      "invalid_config",
      `shapes.lengths: expected at most the model's ${config.contextLength} tokens, got ${longest}`,
      { cure: "Shorten shapes.lengths, or raise model.context_length." },
    );
  }
  const teacher = options.teacher === null ? null : loadTeacher(options.teacher, tokenizer, config);
  const encode = createEncode(tokenizer, recipe);
  const { warnings: _warnings, ...settings } = recipe;
  const data =
    typeof options.train === "function"
      ? (options.dataName ?? "generated")
      : sha256(options.train.map((example) => stringifyJson(example)).join("\n"));
  const fingerprint = sha256(
    stringifyJson({
      settings,
      data,
      tokenizer: tokenizer.fingerprint,
      template: tokenizer.templateFingerprint,
      student: start?.fingerprint ?? "fresh",
      teacher: teacher?.fingerprint ?? null,
    }),
  );
  return {
    backend: options.backend ?? onnxCpuBackend,
    tokenizer,
    tokenizerDir,
    config,
    weights: start?.weights ?? initialiseWeights(config, createRandom(recipe.seed).fork("weights")),
    teacher,
    encode,
    specials: specialIds(tokenizer, recipe),
    source: createRowSource(options.train, encode, recipe, recipe.seed),
    fingerprint,
  };
}

/** Whether a recipe compares with a teacher's distribution. */
function comparesWithTeacher(recipe: Recipe, teacher: Checkpoint | null): boolean {
  return teacher !== null && needsTopk(partsOf(recipe, true));
}

async function prepareTopk(
  prepared: Prepared,
  options: DistilOptions,
  hooks: DistilHooks,
): Promise<{ store: TopkStore; report: NonNullable<DistilResult["teacherTopk"]> } | null> {
  const { recipe } = options;
  if (!prepared.teacher || !comparesWithTeacher(recipe, prepared.teacher)) return null;
  // BPE dropout changes prompts only: completion positions, which records belong to, stay as they are.
  if (!prepared.source.isFixed) {
    throw new LimbeckError(
      "invalid_config",
      "loss.kl: expected examples that stay the same, to store the teacher's top-k once, got fresh ones each epoch",
      { cure: "Give a dataset, or set loss.kl and loss.tail_weight to 0." },
    );
  }
  const file = path.join(options.outDir, "teacher.topk");
  const start = performance.now();
  const store = await teacherTopk({
    backend: prepared.backend,
    teacher: prepared.teacher,
    tokenizerFingerprint: prepared.tokenizer.fingerprint,
    rows: prepared.source.all(),
    k: recipe.loss.k,
    padId: prepared.specials.pad,
    lengths: recipe.shapes.lengths,
    tokensPerBatch: recipe.shapes.tokens_per_batch,
    file,
    ...(hooks.signal ? { signal: hooks.signal } : {}),
    ...(recipe.threads === null ? {} : { threads: recipe.threads }),
    onProgress: (done, total) => hooks.onTopk?.(done, total),
  });
  const positions = store.header.rows.reduce((sum, row) => sum + row.count, 0);
  const seconds = (performance.now() - start) / 1000;
  return { store, report: { positions, bytesPerPosition: store.header.record_bytes, seconds, file } };
}

/**
 * Trains a student: against the teacher's top-k where a teacher is given, else on the examples alone (this is also how
 * teacher and base are made). Writes into `outDir`; see `trainLoop` for files and errors.
 */
export async function distil(options: DistilOptions, hooks: DistilHooks = {}): Promise<DistilResult> {
  const { recipe, outDir } = options;
  const prepared = prepareDistil(options);
  const { config, tokenizer, tokenizerDir } = prepared;
  const topk = await prepareTopk(prepared, options, hooks);
  const result = await trainLoop({
    backend: prepared.backend,
    recipe,
    config,
    startWeights: prepared.weights,
    source: prepared.source,
    topk: topk?.store ?? null,
    validation: options.validation,
    encode: prepared.encode,
    specials: prepared.specials,
    judge: createJudge(tokenizer),
    fingerprint: prepared.fingerprint,
    outDir,
    resume: options.resume ?? false,
    saveWeights: (dir, weights) => saveCheckpoint(dir, { config, weights }, { tokenizerDir }),
    hooks,
  });
  return {
    ...result,
    checkpoint: path.join(outDir, "checkpoint"),
    bestCheckpoint: result.best === null ? null : path.join(outDir, "best"),
    config,
    parameters: parameterCount(config),
    teacherTopk: topk?.report ?? null,
    warnings: recipe.warnings,
  };
}
