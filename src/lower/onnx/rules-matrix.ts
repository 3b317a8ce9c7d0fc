import type { Node, Shape, Value } from "../../graph/graph.ts";
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

/**
 * The kernel turns a transposed first operand panel by panel, once for every 128 columns of the result. Turning it once
 * in memory, for all products that read it so, pays where their columns together are at least this many times its rows:
 * the weight gradients of a wide projection, or of several that read the same activations, take 6 to 8 % less.
 */
const columnsToTurn = 2;

/** Columns of all products that read `value` as their transposed first operand. */
function columnsOver(value: Value, readers: readonly Node[]): number {
  return readers.reduce((sum, { op, attrs, inputs, outputs }) => {
    const isTurned = op === "matmul" && attrs.transA && inputs[0] === value && inputs[1]!.shape.length === 2;
    return isTurned ? sum + Number(outputs[0]!.shape[1]) : sum;
  }, 0);
}

/** The transposed matrix, written once however often it is asked for. */
function turned(emit: OnnxEmitter, { name, shape }: Operand): Operand {
  const key = `turned ${name}`;
  const known = emit.shared.get(key) ?? swapLast(emit, { name, shape });
  emit.shared.set(key, known);
  return { name: known, shape: [...shape].reverse() };
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
  matmul: ({ emit, node, inputs, outputs, readersOf }) => {
    const [a, b] = node.inputs as readonly [Value, Value];
    const { transA, transB, alpha } = node.attrs;
    const left = { name: inputs[0]!, shape: a.shape };
    const right = { name: inputs[1]!, shape: b.shape };
    const rows = Number(a.shape[1]);
    const isMatrix = a.shape.length === 2 && b.shape.length === 2;
    const pays = columnsOver(a, readersOf(a)) >= columnsToTurn * rows;
    if (transA && isMatrix && rows > 1 && pays) {
      emitProduct(emit, a.dtype, [turned(emit, left), right], { transA: false, transB, alpha }, outputs[0]!);
    } else emitProduct(emit, a.dtype, [left, right], node.attrs, outputs[0]!);
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
