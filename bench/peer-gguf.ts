import * as fs from "node:fs";
import type { ModelConfig } from "#limbeck/model/config.js";
import { toFloat16 } from "#limbeck/tensor/half.js";

// GGUF version 3: header, typed key/value pairs, tensor descriptions, then the tensors, each at a multiple of 32 bytes.
// Source: ggml-org/ggml, docs/gguf.md.

/** Kinds of blocks: ggml's number of the type and of the file, bytes of a block of 32 weights, a plausible scale. */
const kinds = {
  Q4_0: { type: 2, fileType: 2, blockBytes: 18, scale: 0.005 },
  Q8_0: { type: 8, fileType: 7, blockBytes: 34, scale: 0.0003 },
} as const;
export type GgufKind = keyof typeof kinds;

const float32Type = 0;
const blockWeights = 32;
const alignment = 32;

const valueTypes = { uint32: 4, float32: 6, bool: 7, text: 8, array: 9, int32: 5 } as const;

class Bytes {
  readonly parts: Buffer[] = [];
  private buffer(size: number, fill: (buffer: Buffer) => void): void {
    const made = Buffer.alloc(size);
    fill(made);
    this.parts.push(made);
  }
  uint32(value: number): void {
    this.buffer(4, (b) => b.writeUInt32LE(value));
  }
  uint64(value: number): void {
    this.buffer(8, (b) => b.writeBigUInt64LE(BigInt(value)));
  }
  float32(value: number): void {
    this.buffer(4, (b) => b.writeFloatLE(value));
  }
  text(value: string): void {
    const bytes = Buffer.from(value);
    this.uint64(bytes.length);
    this.parts.push(bytes);
  }
  all(): Buffer {
    return Buffer.concat(this.parts);
  }
}

/** The key/value pairs of a Llama model with a made-up vocabulary of bytes and words that no text gives. */
function metadata(config: ModelConfig, kind: GgufKind): { bytes: Buffer; count: number } {
  const out = new Bytes();
  let count = 0;
  const pair = (key: string, type: keyof typeof valueTypes, write: () => void): void => {
    out.text(key);
    out.uint32(valueTypes[type]);
    write();
    count += 1;
  };
  const text = (key: string, value: string): void => pair(key, "text", () => out.text(value));
  const uint = (key: string, value: number): void => pair(key, "uint32", () => out.uint32(value));
  const float = (key: string, value: number): void => pair(key, "float32", () => out.float32(value));
  const array = (key: string, type: "text" | "float32" | "int32", write: (i: number) => void): void =>
    pair(key, "array", () => {
      out.uint32(valueTypes[type]);
      out.uint64(config.vocabSize);
      for (let i = 0; i < config.vocabSize; i++) write(i);
    });
  text("general.architecture", "llama");
  text("general.name", "random");
  uint("general.file_type", kinds[kind].fileType);
  uint("general.alignment", alignment);
  uint("llama.context_length", config.contextLength);
  uint("llama.embedding_length", config.hiddenSize);
  uint("llama.block_count", config.layers);
  uint("llama.feed_forward_length", config.intermediateSize);
  uint("llama.attention.head_count", config.heads);
  uint("llama.attention.head_count_kv", config.kvHeads);
  uint("llama.attention.key_length", config.headDim);
  uint("llama.attention.value_length", config.headDim);
  uint("llama.rope.dimension_count", config.headDim);
  float("llama.rope.freq_base", config.ropeTheta);
  float("llama.attention.layer_norm_rms_epsilon", config.rmsNormEpsilon);
  uint("llama.vocab_size", config.vocabSize);
  text("tokenizer.ggml.model", "llama");
  const firstByte = 3;
  const firstWord = firstByte + 256;
  const token = (i: number): string => {
    if (i < firstByte) return ["<unk>", "<s>", "</s>"][i] as string;
    if (i >= firstWord) return `w${i}`;
    return `<0x${(i - firstByte).toString(16).toUpperCase().padStart(2, "0")}>`;
  };
  const [normal, unknown, control, byte] = [1, 2, 3, 6];
  const typeOf = (i: number): number =>
    i === 0 ? unknown : i < firstByte ? control : i < firstWord ? byte : normal;
  array("tokenizer.ggml.tokens", "text", (i) => out.text(token(i)));
  array("tokenizer.ggml.scores", "float32", (i) => out.float32(-i));
  array("tokenizer.ggml.token_type", "int32", (i) => out.uint32(typeOf(i)));
  uint("tokenizer.ggml.unknown_token_id", 0);
  uint("tokenizer.ggml.bos_token_id", 1);
  uint("tokenizer.ggml.eos_token_id", 2);
  return { bytes: out.all(), count };
}

interface GgufTensor {
  readonly name: string;
  /** The fastest axis first. */
  readonly dims: readonly number[];
}

/** A tied head is no tensor: the table of embeddings is read for it. */
function tensorsOf(config: ModelConfig): GgufTensor[] {
  const { hiddenSize: c, intermediateSize: f, vocabSize, heads, kvHeads, headDim } = config;
  const layer = (i: number): GgufTensor[] => {
    const tensor = (name: string, ...dims: number[]): GgufTensor => ({
      name: `blk.${i}.${name}.weight`,
      dims,
    });
    return [
      tensor("attn_norm", c),
      tensor("attn_q", c, heads * headDim),
      tensor("attn_k", c, kvHeads * headDim),
      tensor("attn_v", c, kvHeads * headDim),
      tensor("attn_output", heads * headDim, c),
      tensor("ffn_norm", c),
      tensor("ffn_gate", c, f),
      tensor("ffn_up", c, f),
      tensor("ffn_down", f, c),
    ];
  };
  return [
    { name: "token_embd.weight", dims: [c, vocabSize] },
    { name: "output_norm.weight", dims: [c] },
    ...Array.from({ length: config.layers }, (_, i) => layer(i)).flat(),
  ];
}

const product = (dims: readonly number[]): number => dims.reduce((n, d) => n * d, 1);
const padding = (position: number): number => (alignment - (position % alignment)) % alignment;

/** Random blocks with one scale: what decoding costs does not depend on the numbers. */
function randomBlocks(count: number, kind: GgufKind): Buffer {
  const { blockBytes, scale } = kinds[kind];
  const bytes = Buffer.alloc(count * blockBytes);
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  let state = 99;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  const half = toFloat16(Float32Array.of(scale))[0] as number;
  for (let i = 0; i < count; i++) bytes.writeUInt16LE(half, i * blockBytes);
  return bytes;
}

/** Writes a random model of this shape as GGUF, with a tied head. */
export function writeGguf(file: string, config: ModelConfig, kind: GgufKind): void {
  const tensors = tensorsOf(config);
  const { bytes: pairs, count } = metadata(config, kind);
  const sizeOf = ({ dims }: GgufTensor): number =>
    dims.length === 1 ? product(dims) * 4 : (product(dims) / blockWeights) * kinds[kind].blockBytes;
  const head = new Bytes();
  head.parts.push(Buffer.from("GGUF"));
  head.uint32(3);
  head.uint64(tensors.length);
  head.uint64(count);
  head.parts.push(pairs);
  let offset = 0;
  for (const tensor of tensors) {
    head.text(tensor.name);
    head.uint32(tensor.dims.length);
    for (const dim of tensor.dims) head.uint64(dim);
    head.uint32(tensor.dims.length === 1 ? float32Type : kinds[kind].type);
    head.uint64(offset);
    offset += sizeOf(tensor);
    offset += padding(offset);
  }
  const handle = fs.openSync(file, "w");
  try {
    let position = 0;
    const write = (bytes: Uint8Array): void => {
      fs.writeFileSync(handle, bytes);
      position += bytes.length;
    };
    write(head.all());
    write(Buffer.alloc(padding(position)));
    for (const tensor of tensors) {
      if (tensor.dims.length === 1) write(Buffer.from(new Float32Array(product(tensor.dims)).fill(1).buffer));
      else write(randomBlocks(product(tensor.dims) / blockWeights, kind));
      write(Buffer.alloc(padding(position)));
    }
  } finally {
    fs.closeSync(handle);
  }
}
