import { LimbeckError } from "../../base/errors.ts";
import { dtypeOfElementType } from "../../lower/onnx/element-types.ts";
import type { DType } from "../../tensor/tensor.ts";
import type { TensorSpec } from "../session.ts";
import { addressTable } from "./memory.ts";
import type { Handle, OrtApi } from "./ort-api.ts";

/** A tensor's type as ONNX Runtime tells it: −1 for sizes that it knows by a name or not at all. */
export interface NativeType {
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly names: readonly string[];
}

/** Reads a size_t or int result. */
function readNumber(api: OrtApi, name: Parameters<OrtApi["make"]>[0], what: string, handle: Handle): number {
  // An int fills the lower half of the cell only; the rest is 0.
  return Number(api.make(name, what, handle));
}

/** Reads a tensor's dtype and shape from OrtTensorTypeAndShapeInfo, which stays the caller's. */
export function readTypeInfo(api: OrtApi, info: Handle, what: string): NativeType {
  const elementType = readNumber(api, "GetTensorElementType", what, info);
  const dtype = dtypeOfElementType(elementType);
  if (!dtype) {
    throw new LimbeckError(
      "backend_failed",
      `${what}: expected a dtype of Limbeck, got ONNX element type ${elementType}`,
      {
        fields: { elementType },
      },
    );
  }
  const rank = readNumber(api, "GetDimensionsCount", what, info);
  const dims = addressTable(new Array<bigint>(rank).fill(0n));
  api.call("GetDimensions", what, info, dims, rank);
  const texts = addressTable(new Array<bigint>(rank).fill(0n));
  api.call("GetSymbolicDimensions", what, info, texts, rank);
  return {
    dtype,
    dims: Array.from(dims, (dim) => Number(BigInt.asIntN(64, dim))),
    names: Array.from(texts, (address) => (address === 0n ? "" : api.text(address))),
  };
}

function readName(api: OrtApi, session: Handle, side: "Input" | "Output", index: number): string {
  const allocator = api.make("GetAllocatorWithDefaultOptions", "names");
  const address = api.make(`SessionGet${side}Name`, "names", session, index, allocator);
  const name = api.text(address);
  api.call("AllocatorFree", "names", allocator, address);
  return name;
}

/** What a session expects or gives, as its model says. Error: `backend_failed` (something else than tensors). */
export function describeSession(api: OrtApi, session: Handle, side: "Input" | "Output"): TensorSpec[] {
  const count = readNumber(api, `SessionGet${side}Count`, `${side}s`, session);
  return Array.from({ length: count }, (_, index): TensorSpec => {
    const name = readName(api, session, side, index);
    const what = `${side.toLowerCase()} "${name}"`;
    const typeInfo = api.make(`SessionGet${side}TypeInfo`, what, session, index);
    try {
      const tensorInfo = api.make("CastTypeInfoToTensorInfo", what, typeInfo); // belongs to typeInfo
      if (tensorInfo === 0n) {
        throw new LimbeckError("backend_failed", `${what}: expected a tensor, got another type`, {
          fields: { name },
        });
      }
      const { dtype, dims, names } = readTypeInfo(api, tensorInfo, what);
      const shape = dims.map((dim, i) => (dim >= 0 ? dim : names[i] || `${name}.${i}`));
      return { name, dtype, shape };
    } finally {
      api.release("TypeInfo", typeInfo);
    }
  });
}
