import { LimbeckError } from "../base/errors.ts";
import { factorsOf, type Graph, type NodeOf, type Shape } from "../graph/graph.ts";
import type { OpName } from "../graph/ops.ts";

/** Floating-point operations of one run. */
export interface FlopCount {
  /** In matrix products: 2·M·N·K each, the products inside attention included. */
  readonly matmul: number;
  /** With everything else: each addition, product, comparison or function of an element is one. */
  readonly total: number;
}

type Elements = (shape: Shape) => number;

/** Operations of one node: in matrix products, and outside of them. */
interface NodeFlops {
  readonly matmul?: number;
  readonly other?: number;
}

type FlopRule<O extends OpName> = (node: NodeOf<O>, elements: Elements) => NodeFlops;

const none = (): NodeFlops => ({});

/** `perElement` operations for each element of the first output. */
function each<O extends OpName>(perElement: number): FlopRule<O> {
  return ({ outputs }, elements) => ({ other: perElement * elements(outputs[0]!.shape) });
}

/** `perElement` operations for each element of the first operand. */
function eachOperand<O extends OpName>(perElement: number): FlopRule<O> {
  return ({ inputs }, elements) => ({ other: perElement * elements(inputs[0]!.shape) });
}

/** max, subtract, exp, sum, divide. */
const SOFTMAX = 5;

const flopRules: { readonly [O in OpName]: FlopRule<O> } = {
  input: none,
  constant: none,
  neg: each(1),
  exp: each(1),
  log: each(1),
  sqrt: each(1),
  reciprocal: each(1),
  sigmoid: each(1),
  tanh: each(1),
  erf: each(1),
  relu: each(1),
  silu: each(2),
  abs: each(1),
  sign: each(1),
  round: each(1),
  clip: each(2),
  cast: none,
  stopGradient: none,
  add: each(1),
  sub: each(1),
  mul: each(1),
  div: each(1),
  maximum: each(1),
  minimum: each(1),
  equal: each(1),
  less: each(1),
  where: each(1),
  matmul: ({ inputs: [a], outputs: [y], attrs }, elements) => {
    const inner = a!.shape.at(attrs.transA ? -2 : -1)!;
    return { matmul: 2 * elements(y!.shape) * elements([inner]) };
  },
  transpose: none,
  reshape: none,
  expand: none,
  concat: none,
  slice: none,
  reduceSum: eachOperand(1),
  reduceMean: eachOperand(1),
  reduceMax: eachOperand(1),
  cumSum: each(1),
  argMax: eachOperand(1),
  softmax: each(SOFTMAX),
  logSoftmax: each(SOFTMAX),
  gather: none,
  scatterAdd: ({ inputs: [, updates] }, elements) => ({ other: elements(updates!.shape) }),
  gatherElements: none,
  scatterElementsAdd: ({ inputs: [, , updates] }, elements) => ({ other: elements(updates!.shape) }),
  // Square, add, scale by the norm, scale by the weight.
  rmsNorm: each(4),
  // Two products and a sum.
  rotary: each(3),
  swiglu: each(3),
  // Two products for x³, a product and a sum inside of tanh, its scale, tanh, a sum, two products, the gate.
  geglu: each(10),
  // Every score is counted, those that a causal mask hides too: kernels compute them.
  attention: ({ inputs: [q], outputs: [, p] }, elements) => ({
    matmul: 2 * 2 * elements(p!.shape) * elements([q!.shape.at(-1)!]),
    other: SOFTMAX * elements(p!.shape),
  }),
  crossEntropy: eachOperand(SOFTMAX),
  pickLogSoftmax: eachOperand(SOFTMAX),
  // Absolute value, maximum, divide, round, multiply.
  fakeQuant: each(5),
  dequantize: each(1),
  // The weights are unpacked inside the product: no operations of their own.
  matmulQuantised: ({ inputs: [x], outputs: [y] }, elements) => ({
    matmul: 2 * elements(y!.shape) * elements([x!.shape.at(-1)!]),
  }),
  matmulInt8: ({ inputs: [x], outputs: [y] }, elements) => ({
    matmul: 2 * elements(y!.shape) * elements([x!.shape.at(-1)!]),
  }),
  // Subtract, multiply.
  gatherQuantised: each(2),
  // As if the whole capacity were in use: the most that one run can cost.
  cachedAttention: ({ inputs: [q, , , past] }, elements) => {
    const scores = elements([...q!.shape, past!.shape[2]!]); // H·D · S for each token
    return { matmul: 2 * 2 * scores, other: (SOFTMAX * scores) / elements([past!.shape[3]!]) };
  },
};

/**
 * Counts the floating-point operations of one run of `graph`: the base of the matmul ceiling that training is
 * compared with. `sizes` gives the named sizes. Error: `invalid_graph` where one is not given.
 */
export function countFlops(graph: Graph, sizes: Readonly<Record<string, number>> = {}): FlopCount {
  const elements: Elements = (shape) =>
    shape.reduce<number>((product, dim) => {
      const names = typeof dim === "number" ? [] : factorsOf(dim);
      const size =
        typeof dim === "number" ? dim : names.reduce((n, name) => n * (sizes[name] ?? Number.NaN), 1);
      if (Number.isNaN(size)) {
        throw new LimbeckError(
          "invalid_graph",
          `count of operations: expected a size for "${dim}", got none`,
          {
            cure: "Give the named sizes.",
            fields: { size: dim },
          },
        );
      }
      return product * size;
    }, 1);
  let matmul = 0;
  let other = 0;
  for (const node of graph.nodes) {
    const flops = (flopRules[node.op] as FlopRule<OpName>)(node as unknown as NodeOf<OpName>, elements);
    matmul += flops.matmul ?? 0;
    other += flops.other ?? 0;
  }
  return { matmul, total: matmul + other };
}
