import { LimbeckError } from "../../base/errors.ts";
import type { BinaryOp, UnaryOp } from "../../graph/ops.ts";
import { elementTypes } from "./element-types.ts";
import type { Lowering, OnnxRules } from "./rule.ts";

/** Those that are one ONNX operator. */
type SameOp = Exclude<UnaryOp, "erf" | "silu" | "stopGradient"> | BinaryOp | "where";

/** The ONNX operator that means exactly the same as ours. */
const same: { readonly [O in SameOp]: string } = {
  neg: "Neg",
  exp: "Exp",
  log: "Log",
  sqrt: "Sqrt",
  reciprocal: "Reciprocal",
  sigmoid: "Sigmoid",
  tanh: "Tanh",
  relu: "Relu",
  abs: "Abs",
  sign: "Sign",
  round: "Round",
  add: "Add",
  sub: "Sub",
  mul: "Mul",
  div: "Div",
  maximum: "Max",
  minimum: "Min",
  equal: "Equal",
  less: "Less",
  where: "Where",
};

function direct({ emit, node, inputs, outputs }: Lowering<SameOp>): void {
  emit.node(same[node.op], inputs, [outputs[0]!]);
}

export const elementwiseRules: OnnxRules<SameOp | "erf" | "silu" | "clip" | "cast" | "stopGradient"> = {
  neg: direct,
  exp: direct,
  log: direct,
  sqrt: direct,
  reciprocal: direct,
  sigmoid: direct,
  tanh: direct,
  relu: direct,
  abs: direct,
  sign: direct,
  round: direct,
  add: direct,
  sub: direct,
  mul: direct,
  div: direct,
  maximum: direct,
  minimum: direct,
  equal: direct,
  less: direct,
  where: direct,

  erf: ({ emit, node, inputs, outputs }) => {
    if (node.outputs[0]!.dtype !== "float32") {
      throw new LimbeckError(
        "unsupported_op",
        `erf${node.scope ? ` (${node.scope})` : ""}: expected float32, got ${node.outputs[0]!.dtype}, for which ONNX Runtime has no kernel`,
        {
          cure: "Cast to float32 before, or use the reference backend.",
          fields: { op: "erf", scope: node.scope },
        },
      );
    }
    emit.node("Erf", inputs, [outputs[0]!]);
  },

  // Not QuickGelu: the gradient needs the same sigmoid, and ONNX Runtime merges equal nodes.
  silu: ({ emit, inputs, outputs }) => {
    const gate = emit.op("Sigmoid", [inputs[0]!]);
    emit.node("Mul", [inputs[0]!, gate], [outputs[0]!]);
  },

  clip: ({ emit, node, inputs, outputs }) => {
    const { dtype } = node.inputs[0]!;
    const { min, max } = node.attrs;
    emit.node("Clip", [inputs[0]!, emit.scalar(dtype, min), emit.scalar(dtype, max)], [outputs[0]!]);
  },

  cast: ({ emit, node, inputs, outputs }) => {
    emit.node("Cast", inputs, [outputs[0]!], { attributes: { to: { int: elementTypes[node.attrs.to] } } });
  },

  stopGradient: ({ emit, inputs, outputs }) => {
    emit.node("Identity", inputs, [outputs[0]!]);
  },
};
