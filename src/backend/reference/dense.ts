import { LimbeckError } from "../../base/errors.ts";
import { fromBfloat16, fromFloat16 } from "../../tensor/half.ts";
import { type DType, dtypes, elementCount, type Tensor, tensor } from "../../tensor/tensor.ts";

/**
 * What the reference computes with: row-major float64, whatever the dtype. Booleans are 0 and 1; integers are exact
 * up to 2^53. Rules never change their operands, so that arrays may be shared.
 */
export interface Dense {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** Zeros, or `make(i)` for every linear index. */
export function dense(shape: readonly number[], make?: (index: number) => number): Dense {
  const data = new Float64Array(elementCount(shape));
  if (make) for (let i = 0; i < data.length; i++) data[i] = make(i);
  return { shape, data };
}

/** Row-major strides in elements. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let i = shape.length - 2; i >= 0; i--) strides[i] = strides[i + 1]! * shape[i + 1]!;
  return strides;
}

/** For each linear index of `shape`, the offset that `strides` give it: the base of every layout and broadcast. */
export function offsetsOf(shape: readonly number[], strides: readonly number[]): Int32Array {
  const offsets = new Int32Array(elementCount(shape));
  const position = new Array<number>(shape.length).fill(0);
  let offset = 0;
  for (let i = 0; i < offsets.length; i++) {
    offsets[i] = offset;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      offset += strides[axis]!;
      position[axis]!++;
      if (position[axis]! < shape[axis]!) break;
      offset -= strides[axis]! * shape[axis]!;
      position[axis] = 0;
    }
  }
  return offsets;
}

/** Strides that read `from` as if it had the shape `to`: 0 along every axis that is repeated. */
export function broadcastStrides(from: readonly number[], to: readonly number[]): number[] {
  const strides = stridesOf(from);
  return to.map((_, axis) => {
    const own = axis - to.length + from.length;
    return own < 0 || from[own] === 1 ? 0 : strides[own]!;
  });
}

/** `x` broadcast to `shape`; `x` itself where nothing changes. */
export function broadcastTo(x: Dense, shape: readonly number[]): Dense {
  if (x.shape.length === shape.length && x.shape.every((d, i) => d === shape[i])) return x;
  const offsets = offsetsOf(shape, broadcastStrides(x.shape, shape));
  return dense(shape, (i) => x.data[offsets[i]!]!);
}

/** A shape seen as [outer, size, inner] around one axis: element (o, i, n) is at (o · size + i) · inner + n. */
export function splitAxis(
  shape: readonly number[],
  axis: number,
): { outer: number; size: number; inner: number } {
  return {
    outer: elementCount(shape.slice(0, axis)),
    size: shape[axis]!,
    inner: elementCount(shape.slice(axis + 1)),
  };
}

/** The numbers of a tensor. Error: `invalid_tensor` for integers beyond ±2^53. */
export function widen(x: Tensor): Dense {
  const { data, dtype, shape } = x;
  if (data instanceof Float64Array) return { shape, data };
  if (data instanceof Uint16Array) {
    const values = dtype === "float16" ? fromFloat16(data) : fromBfloat16(data);
    return { shape, data: Float64Array.from(values) };
  }
  const wide = dense(shape, (i) => Number(data[i]));
  if (dtype === "int64") {
    const bad = wide.data.find((value) => !Number.isSafeInteger(value));
    if (bad !== undefined) {
      throw new LimbeckError("invalid_tensor", `int64 tensor: expected integers within ±2^53, got ${bad}`);
    }
  }
  return wide;
}

/** A new tensor with the numbers of `x`: float64 for every float dtype, else the dtype itself. */
export function narrow(x: Dense, dtype: DType): Tensor {
  if (dtypes[dtype].isFloat) return tensor("float64", x.shape, x.data.slice());
  if (dtype === "int64") return tensor(dtype, x.shape, BigInt64Array.from(x.data, BigInt));
  if (dtype === "int32") return tensor(dtype, x.shape, Int32Array.from(x.data));
  if (dtype === "int8") return tensor(dtype, x.shape, Int8Array.from(x.data));
  return tensor(dtype, x.shape, Uint8Array.from(x.data));
}
