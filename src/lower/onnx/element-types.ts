import type { DType } from "../../tensor/tensor.ts";

/** ONNX's number of each element type (TensorProto.DataType, the same in ONNX Runtime's C API). */
export const elementTypes: { readonly [D in DType]: number } = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  bfloat16: 16,
};

/** The dtype of an ONNX element type, or null where Limbeck has none. */
export function dtypeOfElementType(type: number): DType | null {
  for (const [dtype, number] of Object.entries(elementTypes)) if (number === type) return dtype as DType;
  return null;
}
