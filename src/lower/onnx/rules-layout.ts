import type { Dim } from "../../graph/graph.ts";
import type { Lowering, OnnxRules } from "./rule.ts";

type Reduction = "reduceSum" | "reduceMean" | "reduceMax";

const reductions: { readonly [O in Reduction]: string } = {
  reduceSum: "ReduceSum",
  reduceMean: "ReduceMean",
  reduceMax: "ReduceMax",
};

function reduce({ emit, node, inputs, outputs }: Lowering<Reduction>): void {
  const { axes, keepDims } = node.attrs;
  // ONNX takes an empty list of axes for "all of them"; ours means "none".
  if (axes.length === 0) {
    emit.node("Identity", inputs, [outputs[0]!]);
    return;
  }
  emit.node(reductions[node.op], [inputs[0]!, emit.int64s(axes)], [outputs[0]!], {
    attributes: { keepdims: { int: keepDims ? 1 : 0 } },
  });
}

function alongAxis(opType: string) {
  return ({ emit, node, inputs, outputs }: Lowering<"concat" | "softmax" | "logSoftmax">): void =>
    emit.node(opType, inputs, [outputs[0]!], { attributes: { axis: { int: node.attrs.axis } } });
}

export const layoutRules: OnnxRules<
  | Reduction
  | "transpose"
  | "reshape"
  | "expand"
  | "concat"
  | "slice"
  | "cumSum"
  | "argMax"
  | "softmax"
  | "logSoftmax"
> = {
  transpose: ({ emit, node, inputs, outputs }) => {
    emit.node("Transpose", inputs, [outputs[0]!], { attributes: { perm: { ints: node.attrs.perm } } });
  },

  reshape: ({ emit, node, inputs, outputs }) => {
    emit.reshape(inputs[0]!, node.attrs.shape, outputs[0]!);
  },

  expand: ({ emit, node, inputs, outputs }) => {
    const from = node.inputs[0]!.shape;
    const to = node.attrs.shape;
    // A 1 leaves the operand's size as it is, so a named size that is there already needs no look at run time.
    const target = to.map((dim, i): Dim => (from[i - to.length + from.length] === dim ? 1 : dim));
    emit.node("Expand", [inputs[0]!, emit.shape(target)], [outputs[0]!]);
  },

  concat: alongAxis("Concat"),
  softmax: alongAxis("Softmax"),
  logSoftmax: alongAxis("LogSoftmax"),

  slice: ({ emit, node, inputs, outputs }) => {
    const { axis, start, end } = node.attrs;
    const operands = [inputs[0]!, emit.int64s([start]), emit.int64s([end]), emit.int64s([axis])];
    emit.node("Slice", operands, [outputs[0]!]);
  },

  reduceSum: reduce,
  reduceMean: reduce,
  reduceMax: reduce,

  cumSum: ({ emit, node, inputs, outputs }) => {
    const { axis, exclusive, reverse } = node.attrs;
    emit.node("CumSum", [inputs[0]!, emit.scalar("int64", axis)], [outputs[0]!], {
      attributes: { exclusive: { int: exclusive ? 1 : 0 }, reverse: { int: reverse ? 1 : 0 } },
    });
  },

  argMax: ({ emit, node, inputs, outputs }) => {
    const { axis, keepDims } = node.attrs;
    emit.node("ArgMax", inputs, [outputs[0]!], {
      attributes: { axis: { int: axis }, keepdims: { int: keepDims ? 1 : 0 } },
    });
  },
};
