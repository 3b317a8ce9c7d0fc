import * as fs from "node:fs";
import * as path from "node:path";
import { readJson, writeJsonAtomic } from "#limbeck/base/files.js";
import { createRandom } from "#limbeck/base/random.js";
import { type ModelConfig, toHuggingFaceConfig } from "#limbeck/model/config.js";
import { isLinearWeight, isNormWeight, parameterShapes } from "#limbeck/model/decoder.js";
import { toFloat16 } from "#limbeck/tensor/half.js";
import { elementCount } from "#limbeck/tensor/tensor.js";
import { repositoryPath } from "./repository.ts";

/** The shape that decoding is compared at: Qwen2.5 0.5B with Llama's layers. */
export const halfBillion: ModelConfig = {
  family: "llama",
  vocabSize: 151_936,
  hiddenSize: 896,
  intermediateSize: 4864,
  layers: 24,
  heads: 14,
  kvHeads: 2,
  headDim: 64,
  contextLength: 2048,
  ropeTheta: 1_000_000,
  rmsNormEpsilon: 1e-6,
  tieEmbeddings: true,
  bosId: null,
  eosIds: [1],
  padId: 0,
};

/** Layers of TinyLlama 1.1B, of 88 MB each in float16; as many as asked for. */
export const largeModel: ModelConfig = {
  ...halfBillion,
  vocabSize: 32_000,
  hiddenSize: 2048,
  intermediateSize: 5632,
  heads: 32,
  kvHeads: 4,
  contextLength: 512,
  tieEmbeddings: false,
};

/** Ids below this are the shipped tokenizer's special tokens, the end of a text among them. */
const specialTokens = 9;

/** Elements that are written at once. */
const piece = 1 << 20;

const table = "model.embed_tokens.weight";

const half = (value: number): number => toFloat16(Float32Array.of(value))[0] as number;

/** Fills float16 bits with draws from a table of normal numbers: a model of billions in seconds. */
function createFiller(seed: number): (bits: Uint16Array) => void {
  const random = createRandom(seed);
  const draws = toFloat16(Float32Array.from({ length: 4096 }, () => 0.02 * random.normal()));
  let state = 0x9e3779b9 ^ seed;
  return (bits) => {
    for (let i = 0; i < bits.length; i++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      bits[i] = draws[state & 4095]!;
    }
  };
}

interface Entry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly bytes: number;
}

/** Splits the parameters into shards of at most `shardBytes`. */
function shardsOf(config: ModelConfig, shardBytes: number): Entry[][] {
  const shards: Entry[][] = [[]];
  let size = 0;
  for (const [name, graphShape] of parameterShapes(config)) {
    const shape = isLinearWeight(name) ? [...graphShape].reverse() : graphShape;
    const bytes = elementCount(shape) * 2;
    if (size + bytes > shardBytes && size > 0) {
      shards.push([]);
      size = 0;
    }
    shards.at(-1)!.push({ name, shape, bytes });
    size += bytes;
  }
  return shards;
}

/** `endRows`: elements of the table's first rows that stay zero. */
function writeShard(
  file: string,
  entries: readonly Entry[],
  fill: (bits: Uint16Array) => void,
  endRows: number,
): void {
  let offset = 0;
  const header: Record<string, unknown> = {};
  for (const { name, shape, bytes } of entries) {
    header[name] = { dtype: "F16", shape, data_offsets: [offset, offset + bytes] };
    offset += bytes;
  }
  const text = Buffer.from(JSON.stringify(header));
  const padded = Buffer.alloc(Math.ceil((8 + text.length) / 64) * 64 - 8, " ");
  text.copy(padded);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  const handle = fs.openSync(file, "w");
  try {
    fs.writeFileSync(handle, length);
    fs.writeFileSync(handle, padded);
    const bits = new Uint16Array(piece);
    for (const { name, bytes } of entries) {
      for (let left = bytes / 2; left > 0; left -= piece) {
        const part = bits.subarray(0, Math.min(left, piece));
        if (isNormWeight(name)) part.fill(half(1));
        else fill(part);
        // Rows of the tokens that end a text are zero: with a tied head their logit is never the largest.
        if (name === table && left === bytes / 2) part.fill(0, 0, endRows);
        fs.writeFileSync(handle, part);
      }
    }
  } finally {
    fs.closeSync(handle);
  }
}

/** The shipped tokenizer with tokens that no text gives, so that every id of the model can be written. */
function writeTokenizer(dir: string, vocabSize: number): void {
  const from = repositoryPath("assets", "tokenizer");
  const json = readJson(path.join(from, "tokenizer.json")) as {
    readonly model: { readonly vocab: Readonly<Record<string, number>> };
  };
  const vocab: Record<string, number> = { ...json.model.vocab };
  const known = 1 + Math.max(...Object.values(vocab));
  for (let id = known; id < vocabSize; id++) vocab[`x${id}`] = id;
  writeJsonAtomic(path.join(dir, "tokenizer.json"), { ...json, model: { ...json.model, vocab } });
  fs.copyFileSync(path.join(from, "tokenizer_config.json"), path.join(dir, "tokenizer_config.json"));
}

/**
 * Writes a checkpoint of random float16 weights (deviation 0.02) straight to disk, in shards; what is in memory is one
 * piece of 2 MB. With a tied head it never ends a text. Returns the bytes of its weights.
 */
export function writeSyntheticCheckpoint(dir: string, config: ModelConfig, shardBytes = 1e9): number {
  fs.mkdirSync(dir, { recursive: true });
  writeJsonAtomic(path.join(dir, "config.json"), { ...toHuggingFaceConfig(config), torch_dtype: "float16" });
  writeTokenizer(dir, config.vocabSize);
  const shards = shardsOf(config, shardBytes);
  const fill = createFiller(7);
  const map: Record<string, string> = {};
  let total = 0;
  for (const [i, entries] of shards.entries()) {
    const number = (n: number): string => `${n}`.padStart(5, "0");
    const shard = `model-${number(i + 1)}-of-${number(shards.length)}.safetensors`;
    writeShard(path.join(dir, shard), entries, fill, specialTokens * config.hiddenSize);
    for (const { name, bytes } of entries) {
      map[name] = shard;
      total += bytes;
    }
  }
  writeJsonAtomic(path.join(dir, "model.safetensors.index.json"), {
    metadata: { total_size: total },
    weight_map: map,
  });
  return total;
}
