import type { Shape } from "../../graph/graph.ts";
import type { DType } from "../../tensor/tensor.ts";
import { elementTypes } from "./element-types.ts";
import { contrib, type OnnxEmitter } from "./emitter.ts";
import type { OnnxRules } from "./rule.ts";

interface Operand {
  readonly name: string;
  readonly shape: Shape;
}

export interface ProductOptions {
  readonly transA: boolean;
  readonly transB: boolean;
  readonly alpha: number;
}

/** Swaps the last two axes. */
function swapLast(emit: OnnxEmitter, { name, shape }: Operand): string {
  const perm = shape.map((_, i) => i);
  perm.push(...perm.splice(-2).reverse());
  return emit.op("Transpose", [name], { attributes: { perm: { ints: perm } } });
}

/** Attributes of ONNX are float32: whether `alpha` survives that in a computation of `dtype`. */
function fitsAttribute(dtype: DType, alpha: number): boolean {
  return dtype === "float32" || Math.fround(alpha) === alpha;
}

/** The product by plain operators, for dtypes without fused kernels. */
function plainProduct(
  emit: OnnxEmitter,
  dtype: DType,
  [a, b]: readonly [Operand, Operand],
  { transA, transB, alpha }: ProductOptions,
  output: string,
): void {
  const left = transA ? swapLast(emit, a) : a.name;
  const right = transB ? swapLast(emit, b) : b.name;
  if (alpha === 1) emit.node("MatMul", [left, right], [output]);
  else emit.node("Mul", [emit.op("MatMul", [left, right]), emit.scalar(dtype, alpha)], [output]);
}

/** [..., M, K] x [..., K, N] by the kernel that is fastest on the CPU. */
export function emitProduct(
  emit: OnnxEmitter,
  dtype: DType,
  operands: readonly [Operand, Operand],
  options: ProductOptions,
  output: string,
): void {
  const [a, b] = operands;
  const { transA, transB, alpha } = options;
  const isPlain = !transA && !transB && alpha === 1;
  const names = [a.name, b.name];
  const flags = { alpha: { float: alpha }, transA: { int: transA ? 1 : 0 }, transB: { int: transB ? 1 : 0 } };
  const isMatrix = a.shape.length === 2 && b.shape.length === 2;
  if (isPlain) emit.node("MatMul", names, [output]);
  else if (isMatrix && fitsAttribute(dtype, alpha)) emit.node("Gemm", names, [output], { attributes: flags });
  else if (dtype === "float32")
    emit.node("FusedMatMul", names, [output], { attributes: flags, domain: contrib });
  else plainProduct(emit, dtype, operands, options, output);
}

export const matrixRules: OnnxRules<"matmul" | "fakeQuant" | "dequantize"> = {
  matmul: ({ emit, node, inputs, outputs }) => {
    const [a, b] = node.inputs;
    const operands = [
      { name: inputs[0]!, shape: a!.shape },
      { name: inputs[1]!, shape: b!.shape },
    ] as const;
    emitProduct(emit, a!.dtype, operands, node.attrs, outputs[0]!);
  },

  // Div, Round, Mul rather than QuantizeLinear and DequantizeLinear, which cost 40 % of a training step.
  fakeQuant: ({ emit, node, inputs, outputs }) => {
    const { dtype } = node.inputs[0]!;
    const levels = 2 ** (node.attrs.bits - 1) - 1;
    const size = emit.op("Abs", [inputs[0]!]); // [I, O]
    const peak = emit.op("ReduceMax", [size, emit.int64s([0])], { attributes: { keepdims: { int: 1 } } }); // [1, O]
    const floored = emit.op("Max", [peak, emit.scalar(dtype, 1e-8)]);
    const scale = emit.op("Div", [floored, emit.scalar(dtype, levels)]); // [1, O]
    const steps = emit.op("Round", [emit.op("Div", [inputs[0]!, scale])]);
    emit.node("Mul", [steps, scale], [outputs[0]!]);
  },

  // Cast and Mul rather than DequantizeLinear, which ONNX Runtime fuses with MatMul into a kernel that also rounds the
  // activations to int8 (logits off by 0.3 on a tiny model). These two it folds into float weights when it loads.
  dequantize: ({ emit, node, inputs, outputs }) => {
    const values = emit.op("Cast", [inputs[0]!], {
      attributes: { to: { int: elementTypes[node.outputs[0]!.dtype] } },
    });
    emit.node("Mul", [values, inputs[1]!], [outputs[0]!]); // [I, O] · [O]
  },
};
