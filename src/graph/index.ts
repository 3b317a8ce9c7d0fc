/** Entry point `limbeck/graph`: build a graph, differentiate it, run it on a backend, write it as ONNX. */
export { gradients, pullBack, type Seed } from "../autodiff/gradients.ts";
export { type OnnxBackend, onnxCpuBackend, openOnnx } from "../backend/onnx/backend.ts";
export { referenceBackend, runReference } from "../backend/reference/session.ts";
export type {
  Backend,
  BackendName,
  Binding,
  NamedTensors,
  Session,
  SessionOptions,
  TensorSpec,
} from "../backend/session.ts";
export { createRandom, type Random } from "../base/random.ts";
export { type LowerOptions, lowerToOnnx, type OnnxModel } from "../lower/onnx/lower.ts";
export { countFlops, type FlopCount } from "../passes/flops.ts";
export { readSafetensors, type Safetensors, writeSafetensors } from "../tensor/safetensors.ts";
export { type DType, float32, int64, type Tensor, type TensorData, tensor, zeros } from "../tensor/tensor.ts";
export { GraphBuilder } from "./builder.ts";
export {
  type Dim,
  formatType,
  type Graph,
  type Node,
  type Shape,
  type TensorType,
  type Value,
} from "./graph.ts";
export type { InputKind, OpAttrs, OpName } from "./ops.ts";
export { printGraph } from "./print.ts";
export { verifyGraph } from "./verify.ts";
