import type { NamedTensors } from "../backend/session.ts";
import { type Tensor, tensor, zeros } from "../tensor/tensor.ts";

/** What decides the size of a key/value cache. */
export interface KvShape {
  /** N */
  readonly layers: number;
  /** K */
  readonly kvHeads: number;
  /** D */
  readonly headDim: number;
  /** S */
  readonly contextLength: number;
}

/** The memory of one sequence's keys and values (or of several, side by side), allocated once. */
export interface KvCache {
  readonly shape: KvShape;
  readonly bytes: number;
  /** `past_key.{i}`, `past_value.{i}` float32 [B, K, S, D]. */
  readonly inputs: NamedTensors;
  /** `present_key.{i}`, `present_value.{i}`: the same tensors, so a run updates them in place. */
  readonly outputs: NamedTensors;
}

/** layers · 2 (keys and values) · K · S · D · 4 bytes of float32. */
export function kvCacheBytes({ layers, kvHeads, headDim, contextLength }: KvShape): number {
  return layers * 2 * kvHeads * contextLength * headDim * Float32Array.BYTES_PER_ELEMENT;
}

/** "keys and values: (24 layers, 2 KV heads, head dim 64, sequence 2048) → 50,331,648 bytes". */
export function describeKv(shape: KvShape): string {
  const { layers, kvHeads, headDim, contextLength } = shape;
  const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;
  const sizes = `${counted(layers, "layer")}, ${counted(kvHeads, "KV head")}, head dim ${headDim}, sequence ${contextLength}`;
  return `keys and values: (${sizes}) → ${kvCacheBytes(shape).toLocaleString("en-US")} bytes`;
}

/** The memory of one sequence. */
export function createKvCache(shape: KvShape): KvCache {
  return createKvRows(shape, 1)(0, 1);
}

/** The memory of `rows` sequences; gives a view of `count` of them from row `first` on. */
export function createKvRows(shape: KvShape, rows: number): (first: number, count: number) => KvCache {
  const { layers, kvHeads, contextLength, headDim } = shape;
  const rowElements = kvHeads * contextLength * headDim;
  const memories = Array.from({ length: layers }, (_, layer) => layer).flatMap((layer) =>
    ["key", "value"].map((part) => ({
      name: `${part}.${layer}`,
      whole: zeros("float32", [rows, kvHeads, contextLength, headDim]).data as Float32Array,
    })),
  );
  return (first, count) => {
    const inputs: Record<string, Tensor> = {};
    const outputs: Record<string, Tensor> = {};
    for (const { name, whole } of memories) {
      const data = whole.subarray(first * rowElements, (first + count) * rowElements);
      const memory = tensor("float32", [count, kvHeads, contextLength, headDim], data); // [B, K, S, D]
      inputs[`past_${name}`] = memory;
      outputs[`present_${name}`] = memory;
    }
    return { shape, bytes: count * kvCacheBytes(shape), inputs, outputs };
  };
}
