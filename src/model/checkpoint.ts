import * as fs from "node:fs";
import * as path from "node:path";
import type { NamedTensors } from "../backend/session.ts";
import { LimbeckError } from "../base/errors.ts";
import { readBytes, readJson, withFileErrors, writeFileAtomic, writeJsonAtomic } from "../base/files.ts";
import { fromBfloat16, fromFloat16, toFloat16 } from "../tensor/half.ts";
import { type SafetensorsFile, writeSafetensors } from "../tensor/safetensors.ts";
import { elementCount, type Tensor, type TensorData, zeros } from "../tensor/tensor.ts";
import { type ModelConfig, parseEosIds, parseModelConfig, toHuggingFaceConfig } from "./config.ts";
import { isLinearWeight, isNormWeight, parameterShapes } from "./decoder.ts";
import { families } from "./families.ts";
import { openWeightFiles, type WeightFiles } from "./weight-files.ts";

/** A model's weights as float32 in graph layout (linear weights [in, out]). */
export interface Checkpoint {
  readonly config: ModelConfig;
  readonly weights: NamedTensors;
  /** sha-256 of the bytes of the weights' file; of shards, over the hashes of each. */
  readonly fingerprint: string;
}

/** A checkpoint whose weights stay in their files until they are asked for. */
export interface OpenCheckpoint {
  readonly config: ModelConfig;
  /** Every parameter of the model, in the order of `parameterShapes`; each is there with its shape. */
  readonly names: readonly string[];
  /**
   * One parameter as float32 in graph layout (linear weights [in, out]), in memory of its own: the caller's to change
   * or to drop. Beyond the result it takes at most 16 MiB. Errors: `invalid_safetensors`, `invalid_checkpoint` naming
   * the first value that is not finite.
   */
  read(name: string): Tensor;
  /** The same as `Checkpoint.fingerprint`; reads every byte of the files. */
  fingerprint(): string;
}

export const tokenizerFiles = ["tokenizer.json", "tokenizer_config.json"] as const;

/** What a published tokenizer may have beside them: a template of its own, and all its end tokens. */
export const optionalTokenizerFiles = ["chat_template.jinja", "generation_config.json"] as const;

/** Elements that are read at once. */
const pieceElements = 1 << 21;

/** Rows of a tile: as many cache lines of the source stay near while its columns are written. */
const tileRows = 32;

/** Writes rows [R, columns] of a matrix as columns of `out` [columns, rows], the first at `firstRow`. */
function writeTransposed(
  source: Float32Array,
  columns: number,
  out: Float32Array,
  rows: number,
  firstRow: number,
): void {
  const count = source.length / columns;
  for (let tile = 0; tile < count; tile += tileRows) {
    const end = Math.min(tile + tileRows, count);
    for (let c = 0; c < columns; c++) {
      for (let r = tile; r < end; r++) out[c * rows + firstRow + r] = source[r * columns + c]!;
    }
  }
}

function transposed(source: Float32Array, rows: number, columns: number): Tensor {
  const out = zeros("float32", [columns, rows]);
  writeTransposed(source, columns, out.data as Float32Array, rows, 0);
  return out;
}

/** Adds `offset` to every value, in place. */
function shifted(tensor: Tensor, offset: number): Tensor {
  const values = tensor.data as Float32Array;
  for (let i = 0; i < values.length; i++) values[i] = values[i]! + offset;
  return tensor;
}

type FloatFile = "float32" | "float16" | "bfloat16";

const widen: { readonly [D in FloatFile]: (data: TensorData) => Float32Array } = {
  float32: (data) => data as Float32Array,
  float16: (data) => fromFloat16(data as Uint16Array),
  bfloat16: (data) => fromBfloat16(data as Uint16Array),
};

const isFloatFile = (dtype: string): dtype is FloatFile => Object.hasOwn(widen, dtype);

/** Shape in the file: linear weights lie there as [out, in]. */
const storedShape = (name: string, shape: readonly number[]): readonly number[] =>
  isLinearWeight(name) ? [...shape].reverse() : shape;

function checkEntry(name: string, shape: readonly number[], file: SafetensorsFile | undefined, at: string) {
  const found = file?.entries.get(name);
  const expected = storedShape(name, shape);
  if (!found || found.shape.length !== expected.length || found.shape.some((d, i) => d !== expected[i])) {
    const got = found ? `[${found.shape.join(", ")}]` : "nothing";
    throw new LimbeckError(
      "invalid_checkpoint",
      `${file?.file ?? at}: tensor "${name}": expected [${expected.join(", ")}], got ${got}`,
      {
        cure: "The weights and config.json do not belong together: check that both come from the same model.",
        fields: { path: file?.file ?? at, tensor: name, expected, got: found?.shape ?? null },
      },
    );
  }
  if (isFloatFile(found.dtype)) return;
  throw new LimbeckError(
    "invalid_checkpoint",
    `${file?.file}: tensor "${name}": expected ${Object.keys(widen).join(", ")}, got ${found.dtype}`,
    {
      cure: "Quantised checkpoints are not read: give the one that it was made from.",
      fields: { path: file?.file, tensor: name },
    },
  );
}

/** What is wrong with a tensor of which `values`, from element `first` of its file on, are not all finite. */
function notFinite(
  name: string,
  file: SafetensorsFile,
  columns: number,
  first: number,
  values: Float32Array,
): LimbeckError {
  const at = values.findIndex((value) => !Number.isFinite(value));
  const row = Math.floor((first + at) / columns);
  const index = columns === 1 ? [row] : [row, (first + at) % columns];
  return new LimbeckError(
    "invalid_checkpoint",
    `${file.file}: tensor "${name}": expected finite numbers, got ${values[at]} at [${index.join(", ")}]`,
    {
      cure: "Fetch or train the checkpoint again: a model with such a weight computes nothing.",
      fields: { path: file.file, tensor: name, index },
    },
  );
}

/** Zero times a number is zero, times NaN or an infinity it is NaN: one sum tells, without a branch an element. */
function isFinitePiece(values: Float32Array): boolean {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! * 0;
  return sum === 0;
}

/** Tensors that old checkpoints hold beside the parameters: what can be computed, and a tied head once more. */
function isSpare(name: string, config: ModelConfig): boolean {
  return name.endsWith(".rotary_emb.inv_freq") || (name === "lm_head.weight" && config.tieEmbeddings);
}

/** A tensor that the model would not use is a part that this version does not compute. */
function checkNoneLeft(files: WeightFiles, shapes: ReadonlyMap<string, unknown>, config: ModelConfig): void {
  const left = files.names.find((name) => !shapes.has(name) && !isSpare(name, config));
  if (left === undefined) return;
  throw new LimbeckError(
    "invalid_checkpoint",
    `${files.source}: tensor "${left}": expected none of this name in a ${config.family} model of this config.json, got one`,
    {
      cure: "Check that config.json and the weights come from the same model, and that it is a text model without additions.",
      fields: { path: files.source, tensor: left },
    },
  );
}

/** `config.json`, and the tokens that `generation_config.json` ends a text at. */
function readModelConfig(dir: string): ModelConfig {
  const file = path.join(dir, "config.json");
  const config = parseModelConfig(readJson(file), file);
  const generation = path.join(dir, "generation_config.json");
  if (!fs.existsSync(generation)) return config;
  return {
    ...config,
    eosIds: [...new Set([...config.eosIds, ...parseEosIds(readJson(generation), generation)])],
  };
}

/**
 * Opens a folder in Hugging Face layout: reads its configurations and the headers of the weights, and checks that the
 * files hold every parameter in its shape and nothing else. Errors: `file_not_found`, `invalid_checkpoint` naming file
 * and field or tensor, `invalid_safetensors`.
 */
export function openCheckpoint(dir: string): OpenCheckpoint {
  const config = readModelConfig(dir);
  const files = openWeightFiles(dir);
  const shapes = parameterShapes(config);
  const { normOffset } = families[config.family];
  for (const [name, shape] of shapes) checkEntry(name, shape, files.holderOf(name), files.source);
  checkNoneLeft(files, shapes, config);

  const read = (name: string): Tensor => {
    const shape = shapes.get(name);
    const file = files.holderOf(name);
    if (!shape || !file) throw new LimbeckError("internal", `checkpoint: no parameter "${name}"`);
    const toFloat32 = widen[file.entries.get(name)?.dtype as FloatFile];
    const [rows = 1] = storedShape(name, shape);
    const columns = elementCount(shape) / rows;
    const step = Math.max(1, Math.floor(pieceElements / columns));
    const out = zeros("float32", shape);
    const values = out.data as Float32Array;
    for (let row = 0; row < rows; row += step) {
      const end = Math.min(row + step, rows);
      const piece = toFloat32(file.read(name, row * columns, end * columns));
      if (!isFinitePiece(piece)) throw notFinite(name, file, columns, row * columns, piece);
      if (isLinearWeight(name)) writeTransposed(piece, columns, values, rows, row);
      else values.set(piece, row * columns);
    }
    return isNormWeight(name) ? shifted(out, normOffset) : out;
  };
  return { config, names: [...shapes.keys()], read, fingerprint: files.fingerprint };
}

/** Loads a folder in Hugging Face layout. Errors: `file_not_found`, `invalid_checkpoint`, `invalid_safetensors`. */
export function loadCheckpoint(dir: string): Checkpoint {
  const { config, names, read, fingerprint } = openCheckpoint(dir);
  const weights = Object.fromEntries(names.map((name) => [name, read(name)]));
  return { config, weights, fingerprint: fingerprint() };
}

/** Copies the tokenizer's files from one folder to another, atomically. */
export function copyTokenizer(fromDir: string, toDir: string): void {
  const extra: string[] = [];
  for (const name of optionalTokenizerFiles) {
    if (fs.existsSync(path.join(fromDir, name))) extra.push(name);
    // One of another model would change what this one reads.
    else
      withFileErrors("remove", path.join(toDir, name), () =>
        fs.rmSync(path.join(toDir, name), { force: true }),
      );
  }
  for (const name of [...tokenizerFiles, ...extra])
    writeFileAtomic(path.join(toDir, name), readBytes(path.join(fromDir, name)));
}

/** A parameter as files hold it. */
function asStored(name: string, weight: Tensor, normOffset: number): Tensor {
  const values = weight.data as Float32Array;
  if (isLinearWeight(name)) return transposed(values, weight.shape[0]!, weight.shape[1]!);
  if (!isNormWeight(name) || normOffset === 0) return weight;
  return shifted({ ...weight, data: values.slice() }, -normOffset);
}

/** Writes a folder in Hugging Face layout, each file atomically; weights last, so that a folder with weights is whole. */
export function saveCheckpoint(
  dir: string,
  model: { readonly config: ModelConfig; readonly weights: NamedTensors },
  options: { dtype?: "float32" | "float16"; tokenizerDir?: string; metadata?: Record<string, string> } = {},
): void {
  const { dtype = "float32", tokenizerDir, metadata } = options;
  withFileErrors("create", dir, () => fs.mkdirSync(dir, { recursive: true }));
  if (tokenizerDir && path.resolve(tokenizerDir) !== path.resolve(dir)) copyTokenizer(tokenizerDir, dir);
  writeJsonAtomic(path.join(dir, "config.json"), {
    ...toHuggingFaceConfig(model.config),
    torch_dtype: dtype,
  });
  const tensors: Record<string, Tensor> = {};
  for (const name of parameterShapes(model.config).keys()) {
    const weight = model.weights[name];
    if (!weight) throw new LimbeckError("internal", `saveCheckpoint: no weight "${name}"`);
    const stored = asStored(name, weight, families[model.config.family].normOffset);
    tensors[name] =
      dtype === "float16"
        ? { dtype, shape: stored.shape, data: toFloat16(stored.data as Float32Array) }
        : { dtype, shape: stored.shape, data: stored.data };
  }
  writeSafetensors(path.join(dir, "model.safetensors"), tensors, { format: "pt", ...metadata });
}
