import { type Tensor, zeros } from "../tensor/tensor.ts";

/** Nearest integer, ties to even, as ONNX Round. */
function roundHalfToEven(x: number): number {
  const rounded = Math.round(x);
  return Math.abs(x % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/** The axis of a matrix whose elements have a scale each: 1 of a projection [I, O], 0 of a table [V, C]. */
export type ChannelAxis = 0 | 1;

/**
 * Symmetric int8 per channel of a matrix, in the float32 arithmetic of the `fakeQuant` operation:
 * scale = max(max|w|, 1e-8) / 127, value = round(w / scale). Returns int8 of the matrix's shape and float32 [channels].
 */
export function quantiseInt8(weight: Tensor, axis: ChannelAxis = 1): { values: Tensor; scale: Tensor } {
  const [rows, columns] = weight.shape as [number, number];
  const source = weight.data as Float32Array;
  const scale = zeros("float32", [axis === 0 ? rows : columns]);
  const scales = scale.data as Float32Array;
  const values = zeros("int8", [rows, columns]);
  for (let r = 0, i = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++, i++) {
      const channel = axis === 0 ? r : c;
      scales[channel] = Math.max(scales[channel]!, Math.abs(source[i]!));
    }
  }
  for (let c = 0; c < scales.length; c++) scales[c] = Math.max(scales[c]!, 1e-8) / 127;
  for (let r = 0, i = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++, i++)
      values.data[i] = roundHalfToEven(Math.fround(source[i]! / scales[axis === 0 ? r : c]!));
  }
  return { values, scale };
}

/** The float32 matrix that int8 values stand for: with axis 1, what `fakeQuant` makes of the weight that they came from. */
export function restoreInt8(
  { values, scale }: { readonly values: Tensor; readonly scale: Tensor },
  axis: ChannelAxis = 1,
): Tensor {
  const [rows, columns] = values.shape as [number, number];
  const restored = zeros("float32", values.shape);
  for (let r = 0, i = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++, i++)
      restored.data[i] = (values.data[i] as number) * (scale.data[axis === 0 ? r : c] as number);
  }
  return restored;
}
