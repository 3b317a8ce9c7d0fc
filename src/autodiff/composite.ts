import type { GraphBuilder } from "../graph/builder.ts";
import type { Value } from "../graph/graph.ts";
import { siluParts } from "./elementwise.ts";
import type { VjpEntriesOf } from "./rule.ts";
import { asRows, reshapeTo } from "./shaping.ts";

/** Σ over the last axis of a·b, kept as 1. */
function rowDot(b: GraphBuilder, x: Value, y: Value): Value {
  return b.reduceSum(b.mul(x, y), [-1], true);
}

function sumOf(b: GraphBuilder, terms: readonly (Value | null)[]): Value | null {
  return terms.reduce((sum, term) => (sum && term ? b.add(sum, term) : (sum ?? term)), null);
}

export const compositeVjps: VjpEntriesOf<
  | "rmsNorm"
  | "rotary"
  | "swiglu"
  | "attention"
  | "crossEntropy"
  | "fakeQuant"
  | "dequantize"
  | "cachedAttention"
> = {
  // With r = 1/√(mean x² + ε): y = x·r·w, dw = Σ g·x·r and dx = g·w·r − x·r³·mean(g·x·w).
  // Both sums are matrix-vector products over g·x: one read of it each, no array of its size is written.
  rmsNorm: ({ b, g, inputs, attrs: { epsilon } }) => {
    const [x, weight] = inputs as readonly [Value, Value];
    const width = Number(x.shape.at(-1));
    const r = b.reciprocal(b.sqrt(b.add(b.reduceMean(b.mul(x, x), [-1], true), epsilon))); // [..., 1]
    const gx = b.mul(g, x); // [..., C]
    const rows = asRows(b, gx); // [P, C]
    const scales = asRows(b, r); // [P, 1]
    const mean = b.matmul(rows ?? gx, b.reshape(weight, [width, 1]), { alpha: 1 / width });
    const pull = b.mul(reshapeTo(b, mean, r.shape), b.mul(r, b.mul(r, r))); // [..., 1]
    const dx = b.sub(b.mul(b.mul(g, weight), r), b.mul(x, pull));
    const leading = x.shape.slice(0, -1).map((_, axis) => axis);
    const dw =
      rows && scales
        ? b.reshape(b.matmul(scales, rows, { transA: true }), [width])
        : b.reduceSum(b.mul(gx, r), leading);
    return [dx, dw];
  },

  // The adjoint of a rotation turns the other way.
  rotary: ({ b, g, inputs: [, cos, sin], attrs: { inverse } }) => [
    b.rotary(g, cos!, sin!, !inverse),
    "missing",
    "missing",
  ],

  swiglu: ({ b, g, inputs: [gate, up] }) => {
    // d gate = g·up·silu′(gate) = up·(gradient of silu for the cotangent g); d up = g·silu(gate).
    const { gsx, gradient } = siluParts(b, gate!, g);
    return [b.mul(up!, gradient()), gsx];
  },

  // With P the probabilities: dP = dO·Vᵀ, dS = (dP − rowsum(dP·P))·P, and rowsum(dP·P) = rowsum(dO·O), which is a sum
  // over D elements instead of S. Source: Dao et al. 2022, arXiv:2205.14135, appendix B.
  attention: ({ b, inputs, outputs, cotangents, attrs: { scale } }) => {
    const [q, k, v] = inputs as readonly [Value, Value, Value];
    const [out, p] = outputs as readonly [Value, Value];
    const [dOut = null, dP = null] = cotangents;
    const total = sumOf(b, [dOut && b.matmul(dOut, v, { transB: true }), dP])!; // [B, H, T, S]
    const rows = sumOf(b, [dOut && rowDot(b, dOut, out), dP && rowDot(b, dP, p)])!; // [B, H, T, 1]
    const dScores = b.mul(b.sub(total, rows), p);
    return [
      b.matmul(dScores, k, { alpha: scale }),
      b.matmul(dScores, q, { transA: true, alpha: scale }),
      dOut ? b.matmul(p, dOut, { transA: true }) : "zero",
    ];
  },

  // d logits = (P − one-hot)·g. The product comes first: it is an array of our own, which the scatter may overwrite.
  crossEntropy: ({ b, inputs, outputs, cotangents }) => {
    const [, targets] = inputs as readonly [Value, Value];
    const p = outputs[1]!; // [M, V]
    const [dNll = null, dP = null] = cotangents;
    const rows = targets.shape[0]!;
    let fromNll: Value | null = null;
    if (dNll) {
      const g = b.reshape(dNll, [rows, 1]);
      fromNll = b.scatterElementsAdd(b.mul(p, g), b.reshape(targets, [rows, 1]), b.neg(g), 1);
    }
    const fromP = dP && b.mul(b.sub(dP, rowDot(b, dP, p)), p);
    return [sumOf(b, [fromNll, fromP])!, "zero"];
  },

  // Straight through: rounding is treated as the identity. Source: Bengio et al. 2013, arXiv:1308.3432.
  fakeQuant: ({ g }) => [g],

  dequantize: "missing",
  cachedAttention: "missing",
};
