import type { GraphBuilder } from "../graph/builder.ts";
import type { Value } from "../graph/graph.ts";
import type { BinaryOp, UnaryOp } from "../graph/ops.ts";
import type { VjpEntriesOf } from "./rule.ts";
import { sumTo } from "./shaping.ts";

/** g where `condition`, else 0. */
function keepWhere(b: GraphBuilder, condition: Value, g: Value): Value {
  return b.where(condition, g, 0);
}

/** g where not `condition`, else 0. */
function dropWhere(b: GraphBuilder, condition: Value, g: Value): Value {
  return b.where(condition, 0, g);
}

/** a − a·f. */
function lessPart(b: GraphBuilder, a: Value, f: Value): Value {
  return b.sub(a, b.mul(a, f));
}

export const unaryVjps: VjpEntriesOf<UnaryOp | "clip" | "cast"> = {
  neg: ({ b, g }) => [b.neg(g)],
  exp: ({ b, g, outputs: [y] }) => [b.mul(g, y!)],
  log: ({ b, g, inputs: [x] }) => [b.div(g, x!)],
  sqrt: ({ b, g, outputs: [y] }) => [b.div(b.mul(g, 0.5), y!)],
  reciprocal: ({ b, g, outputs: [y] }) => [b.neg(b.mul(b.mul(g, y!), y!))],
  // y′ = y (1 − y).
  sigmoid: ({ b, g, outputs: [y] }) => [lessPart(b, b.mul(g, y!), y!)],
  // y′ = 1 − y².
  tanh: ({ b, g, outputs: [y] }) => [lessPart(b, g, b.mul(y!, y!))],
  // y′ = 2/√π · exp(−x²).
  erf: ({ b, g, inputs: [x] }) => [b.mul(b.mul(g, 2 / Math.sqrt(Math.PI)), b.exp(b.neg(b.mul(x!, x!))))],
  // 0 at 0.
  relu: ({ b, g, inputs: [x] }) => [keepWhere(b, b.less(0, x!), g)],
  // y′ = y + s (1 − y) with s = sigmoid(x).
  silu: ({ b, g, inputs: [x], outputs: [y] }) => [b.mul(g, b.add(y!, lessPart(b, b.sigmoid(x!), y!)))],
  // 0 at 0.
  abs: ({ b, g, inputs: [x] }) => [b.mul(g, b.sign(x!))],
  sign: "zero",
  round: "zero",
  // 1 where min ≤ x ≤ max, the bounds included: a value that was clipped to a bound can come back.
  clip: ({ b, g, inputs: [x], attrs: { min, max } }) => {
    const above = Number.isFinite(min) ? dropWhere(b, b.less(x!, min), g) : g;
    return [Number.isFinite(max) ? dropWhere(b, b.less(max, x!), above) : above];
  },
  cast: ({ b, g, inputs: [x] }) => [b.cast(g, x!.dtype)],
  stopGradient: "zero",
};

export const binaryVjps: VjpEntriesOf<BinaryOp | "where"> = {
  add: ({ b, g, inputs: [x, y] }) => [sumTo(b, g, x!.shape), sumTo(b, g, y!.shape)],
  sub: ({ b, g, inputs: [x, y] }) => [sumTo(b, g, x!.shape), b.neg(sumTo(b, g, y!.shape))],
  mul: ({ b, g, inputs: [x, y] }) => [sumTo(b, b.mul(g, y!), x!.shape), sumTo(b, b.mul(g, x!), y!.shape)],
  // ∂(x/y)/∂y = −(x/y)/y.
  div: ({ b, g, inputs: [x, y], outputs: [quotient] }) => {
    const part = b.div(g, y!);
    return [sumTo(b, part, x!.shape), b.neg(sumTo(b, b.mul(part, quotient!), y!.shape))];
  },
  // Where both are equal, the first operand takes the gradient.
  maximum: ({ b, g, inputs: [x, y] }) => {
    const second = b.less(x!, y!);
    return [sumTo(b, dropWhere(b, second, g), x!.shape), sumTo(b, keepWhere(b, second, g), y!.shape)];
  },
  minimum: ({ b, g, inputs: [x, y] }) => {
    const second = b.less(y!, x!);
    return [sumTo(b, dropWhere(b, second, g), x!.shape), sumTo(b, keepWhere(b, second, g), y!.shape)];
  },
  equal: "zero",
  less: "zero",
  where: ({ b, g, inputs: [condition, x, y] }) => [
    "zero",
    sumTo(b, keepWhere(b, condition!, g), x!.shape),
    sumTo(b, dropWhere(b, condition!, g), y!.shape),
  ],
};
