import * as fs from "node:fs";
import * as path from "node:path";
import type { NamedTensors } from "../backend/session.ts";
import { LimbeckError } from "../base/errors.ts";
import {
  readBytes,
  readJson,
  sha256,
  withFileErrors,
  writeFileAtomic,
  writeJsonAtomic,
} from "../base/files.ts";
import { fromBfloat16, fromFloat16, toFloat16 } from "../tensor/half.ts";
import { readSafetensors, writeSafetensors } from "../tensor/safetensors.ts";
import { type Tensor, zeros } from "../tensor/tensor.ts";
import { type ModelConfig, parseModelConfig, toHuggingFaceConfig } from "./config.ts";
import { isLinearWeight, parameterShapes } from "./decoder.ts";

/** A model's weights as float32 in graph layout (linear weights [in, out]). */
export interface Checkpoint {
  readonly config: ModelConfig;
  readonly weights: NamedTensors;
  /** sha-256 of the bytes of the weights' file. */
  readonly fingerprint: string;
}

export const tokenizerFiles = ["tokenizer.json", "tokenizer_config.json"] as const;

function transposed(source: Float32Array, rows: number, columns: number): Tensor {
  const out = zeros("float32", [columns, rows]);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) out.data[c * rows + r] = source[r * columns + c]!;
  }
  return out;
}

function widen(tensor: Tensor, name: string, file: string): Float32Array {
  if (tensor.dtype === "float32") return tensor.data as Float32Array;
  if (tensor.dtype === "float16") return fromFloat16(tensor.data as Uint16Array);
  if (tensor.dtype === "bfloat16") return fromBfloat16(tensor.data as Uint16Array);
  throw new LimbeckError(
    "invalid_checkpoint",
    `${file}: tensor "${name}": expected a float dtype, got ${tensor.dtype}`,
    {
      fields: { path: file, tensor: name },
    },
  );
}

/** Loads a folder in Hugging Face layout. Errors: `file_not_found`, `invalid_checkpoint`, `invalid_safetensors`. */
export function loadCheckpoint(dir: string): Checkpoint {
  const config = parseModelConfig(readJson(path.join(dir, "config.json")), path.join(dir, "config.json"));
  const file = path.join(dir, "model.safetensors");
  const { tensors } = readSafetensors(file);
  const weights: Record<string, Tensor> = {};
  for (const [name, shape] of parameterShapes(config)) {
    const found = tensors[name];
    const expected = isLinearWeight(name) ? [...shape].reverse() : shape;
    if (!found || found.shape.length !== expected.length || found.shape.some((d, i) => d !== expected[i])) {
      const got = found ? `[${found.shape.join(", ")}]` : "nothing";
      throw new LimbeckError(
        "invalid_checkpoint",
        `${file}: tensor "${name}": expected [${expected.join(", ")}], got ${got}`,
        {
          cure: "The weights and config.json do not belong together: check that both come from the same model.",
          fields: { path: file, tensor: name, expected, got: found?.shape ?? null },
        },
      );
    }
    const values = widen(found, name, file);
    if (isLinearWeight(name)) weights[name] = transposed(values, expected[0]!, expected[1]!);
    else {
      const copy = zeros("float32", shape);
      (copy.data as Float32Array).set(values);
      weights[name] = copy;
    }
  }
  return { config, weights, fingerprint: sha256(readBytes(file)) };
}

/** Copies the tokenizer's files from one folder to another, atomically. */
export function copyTokenizer(fromDir: string, toDir: string): void {
  for (const name of tokenizerFiles)
    writeFileAtomic(path.join(toDir, name), readBytes(path.join(fromDir, name)));
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
  for (const [name, shape] of parameterShapes(model.config)) {
    const weight = model.weights[name];
    if (!weight) throw new LimbeckError("internal", `saveCheckpoint: no weight "${name}"`);
    const stored = isLinearWeight(name)
      ? transposed(weight.data as Float32Array, shape[0]!, shape[1]!)
      : weight;
    tensors[name] =
      dtype === "float16"
        ? { dtype, shape: stored.shape, data: toFloat16(stored.data as Float32Array) }
        : { dtype, shape: stored.shape, data: stored.data };
  }
  writeSafetensors(path.join(dir, "model.safetensors"), tensors, { format: "pt", ...metadata });
}
