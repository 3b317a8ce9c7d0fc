import { LimbeckError } from "../base/errors.ts";

/** Every element type of Limbeck, with its array and its width. float16 and bfloat16 are held as raw bits. */
export const dtypes = {
  float64: { array: Float64Array, bytes: 8, isFloat: true },
  float32: { array: Float32Array, bytes: 4, isFloat: true },
  float16: { array: Uint16Array, bytes: 2, isFloat: true },
  bfloat16: { array: Uint16Array, bytes: 2, isFloat: true },
  int64: { array: BigInt64Array, bytes: 8, isFloat: false },
  int32: { array: Int32Array, bytes: 4, isFloat: false },
  int8: { array: Int8Array, bytes: 1, isFloat: false },
  uint8: { array: Uint8Array, bytes: 1, isFloat: false },
  bool: { array: Uint8Array, bytes: 1, isFloat: false },
} as const;

export type DType = keyof typeof dtypes;

export type TensorData =
  | Float64Array
  | Float32Array
  | Uint16Array
  | BigInt64Array
  | Int32Array
  | Int8Array
  | Uint8Array;

/** A dense row-major array. `data.length` equals the product of `shape`. */
export interface Tensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

/** A tensor over `data`, checked. Error: `invalid_tensor`. */
export function tensor(dtype: DType, shape: readonly number[], data: TensorData): Tensor {
  const count = elementCount(shape);
  if (data.length !== count || !(data instanceof dtypes[dtype].array)) {
    throw new LimbeckError(
      "invalid_tensor",
      `tensor ${dtype}[${shape.join(", ")}]: expected ${count} elements of ${dtypes[dtype].array.name}, got ${data.length} of ${data.constructor.name}`,
      { fields: { dtype, shape, length: data.length } },
    );
  }
  return { dtype, shape, data };
}

/** Zeros, in memory that starts at a multiple of 64 bytes and is not shared with other small arrays. */
export function zeros(dtype: DType, shape: readonly number[]): Tensor {
  const { bytes, array } = dtypes[dtype];
  const count = elementCount(shape);
  // Node gives small ArrayBuffers inline storage that native code must not keep: always at least one page.
  const buffer = new ArrayBuffer(Math.max(4096, Math.ceil((count * bytes) / 64) * 64));
  return { dtype, shape, data: new array(buffer, 0, count) };
}

/** Float32 tensor from numbers. */
export function float32(shape: readonly number[], values: ArrayLike<number>): Tensor {
  return tensor("float32", shape, Float32Array.from(values));
}

/** Int64 tensor from numbers. */
export function int64(shape: readonly number[], values: ArrayLike<number>): Tensor {
  const data = new BigInt64Array(values.length);
  for (let i = 0; i < values.length; i++) data[i] = BigInt(values[i]!);
  return tensor("int64", shape, data);
}
