import type { NamedTensors } from "../backend/session.ts";
import { type Tensor, zeros } from "../tensor/tensor.ts";
import { isLinearWeight } from "./decoder.ts";
import { quantisedName } from "./inference-graph.ts";

/** Nearest integer, ties to even, as ONNX Round. */
function roundHalfToEven(x: number): number {
  const rounded = Math.round(x);
  return Math.abs(x % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/**
 * Symmetric int8 per output channel of a weight [I, O], in the float32 arithmetic of the `fakeQuant` operation:
 * scale = max(max|w|, 1e-8) / 127, value = round(w / scale). Returns int8 [I, O] and float32 [O].
 */
export function quantiseInt8(weight: Tensor): { values: Tensor; scale: Tensor } {
  const [rows, columns] = weight.shape as [number, number];
  const source = weight.data as Float32Array;
  const scale = zeros("float32", [columns]);
  const scales = scale.data as Float32Array;
  for (let i = 0; i < source.length; i++) {
    const column = i % columns;
    scales[column] = Math.max(scales[column]!, Math.abs(source[i]!));
  }
  for (let c = 0; c < columns; c++) scales[c] = Math.max(scales[c]!, 1e-8) / 127;
  const values = zeros("int8", [rows, columns]);
  for (let i = 0; i < source.length; i++) {
    values.data[i] = roundHalfToEven(Math.fround(source[i]! / scales[i % columns]!));
  }
  return { values, scale };
}

/** The parameters of an int8 inference graph from float32 weights. */
export function quantiseWeights(weights: NamedTensors): NamedTensors {
  const out: Record<string, Tensor> = {};
  for (const [name, weight] of Object.entries(weights)) {
    if (!isLinearWeight(name)) {
      out[name] = weight;
      continue;
    }
    const { values, scale } = quantiseInt8(weight);
    const names = quantisedName(name);
    out[names.values] = values;
    out[names.scale] = scale;
  }
  return out;
}
