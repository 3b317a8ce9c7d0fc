import type { NamedTensors } from "../backend/session.ts";
import { type Tensor, zeros } from "../tensor/tensor.ts";

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

/** The memory of one sequence's keys and values, allocated once. */
export interface KvCache {
  readonly shape: KvShape;
  readonly bytes: number;
  /** `past_key.{i}`, `past_value.{i}` float32 [1, K, S, D]. */
  readonly inputs: NamedTensors;
  /** `present_key.{i}`, `present_value.{i}`: the same tensors, so a run updates them in place. */
  readonly outputs: NamedTensors;
}

/** layers · 2 (keys and values) · K · S · D · 4 bytes of float32. */
export function kvCacheBytes({ layers, kvHeads, headDim, contextLength }: KvShape): number {
  return layers * 2 * kvHeads * contextLength * headDim * Float32Array.BYTES_PER_ELEMENT;
}

export function createKvCache(shape: KvShape): KvCache {
  const inputs: Record<string, Tensor> = {};
  const outputs: Record<string, Tensor> = {};
  for (let layer = 0; layer < shape.layers; layer++) {
    for (const part of ["key", "value"]) {
      const memory = zeros("float32", [1, shape.kvHeads, shape.contextLength, shape.headDim]); // [1, K, S, D]
      inputs[`past_${part}.${layer}`] = memory;
      outputs[`present_${part}.${layer}`] = memory;
    }
  }
  return { shape, bytes: kvCacheBytes(shape), inputs, outputs };
}
