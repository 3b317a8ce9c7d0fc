import { type Tensor, zeros } from "../tensor/tensor.ts";

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

/** The float32 weight [I, O] that int8 values stand for: what `fakeQuant` makes of the weight that they came from. */
export function restoreInt8({ values, scale }: { readonly values: Tensor; readonly scale: Tensor }): Tensor {
  const restored = zeros("float32", values.shape);
  const columns = scale.data.length;
  for (let i = 0; i < restored.data.length; i++)
    restored.data[i] = (values.data[i] as number) * (scale.data[i % columns] as number);
  return restored;
}
