import type { GraphBuilder } from "../graph/builder.ts";
import type { Value } from "../graph/graph.ts";
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
  | "geglu"
  | "attention"
  | "crossEntropy"
  | "pickLogSoftmax"
  | "fakeQuant"
  | "dequantize"
  | "matmulQuantised"
  | "matmulInt8"
  | "gatherQuantised"
  | "cachedAttention"
> = {
  // With r = 1/√(mean x² + ε): y = x·r·w, dw = Σ g·x·r and dx = g·w·r − x·r³·(mean(g·x·w) + dr / C), since
  // dr/dx = −x·r³ / C. Both sums are matrix-vector products over g·x: one read of it each, no array of its size is written.
  rmsNorm: ({ b, inputs, outputs, cotangents: [g = null, dr = null] }) => {
    const [x, weight] = inputs as readonly [Value, Value];
    const width = Number(x.shape.at(-1));
    const r = outputs[1]!; // [..., 1]
    const gx = g && b.mul(g, x); // [..., C]
    const rows = gx && (asRows(b, gx) ?? gx); // [P, C]
    const mean = rows && b.matmul(rows, b.reshape(weight, [width, 1]), { alpha: 1 / width });
    const mass = sumOf(b, [mean && reshapeTo(b, mean, r.shape), dr && b.mul(dr, 1 / width)])!; // [..., 1]
    const pulled = b.mul(x, b.mul(mass, b.mul(r, b.mul(r, r))));
    if (!g || !gx || !rows) return [b.neg(pulled), "zero"];
    const scales = asRows(b, r); // [P, 1]
    const leading = x.shape.slice(0, -1).map((_, axis) => axis);
    const dw = scales
      ? b.reshape(b.matmul(scales, rows, { transA: true }), [width])
      : b.reduceSum(b.mul(gx, r), leading);
    return [b.sub(b.mul(b.mul(g, weight), r), pulled), dw];
  },

  // The adjoint of a rotation turns the other way.
  rotary: ({ b, g, inputs: [, cos, sin], attrs: { inverse } }) => [
    b.rotary(g, cos!, sin!, !inverse),
    "missing",
    "missing",
  ],

  // With s = sigmoid(gate) and y = gate·s·up: d gate = g·(y + s·(up − y)), since silu′ = silu + s·(1 − silu), and
  // d up = g·(gate·s). Each operation is one pass over memory; the lowering of swiglu has made s and gate·s already.
  swiglu: ({ b, g, inputs: [gate, up], outputs: [y] }) => {
    const s = b.sigmoid(gate!);
    const slope = b.add(y!, b.mul(s, b.sub(up!, y!)));
    return [b.mul(g, slope), b.mul(g, b.mul(gate!, s))];
  },

  // With t = tanh(√(2/π)·(x + 0.044715 x³)) and gelu = x·(1 + t)/2:
  // gelu′ = (1 + t)/2 + x·(1 − t²)/2 · √(2/π)·(1 + 3·0.044715 x²).
  geglu: ({ b, g, inputs: [gate, up] }) => {
    const x = gate!;
    const slope = Math.sqrt(2 / Math.PI);
    const square = b.mul(x, x);
    const t = b.tanh(b.mul(x, b.add(b.mul(square, slope * 0.044715), slope)));
    const half = b.add(b.mul(t, 0.5), 0.5); // (1 + t)/2, and (1 − t²)/2 = 2·half·(1 − half)
    const inner = b.add(b.mul(square, 3 * slope * 0.044715), slope);
    const bend = b.mul(b.mul(b.mul(half, b.sub(1, half)), inner), 2);
    const derivative = b.add(half, b.mul(x, bend));
    return [b.mul(b.mul(g, up!), derivative), b.mul(g, b.mul(x, half))];
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

  // d logits = scatter(g) − P·Σ g, Σ over the picked classes. The product comes first, as in crossEntropy: three passes over
  // [M, V] fewer than through a scattered cotangent and the rule of logSoftmax.
  pickLogSoftmax: ({ b, inputs, outputs, cotangents }) => {
    const [, classes] = inputs as readonly [Value, Value];
    const p = b.exp(outputs[1]!); // [M, V]
    const [dPicked = null, dLog = null] = cotangents;
    const fromPicked =
      dPicked && b.scatterElementsAdd(b.mul(p, b.neg(b.reduceSum(dPicked, [1], true))), classes, dPicked, 1);
    const fromLog = dLog && b.sub(dLog, b.mul(p, b.reduceSum(dLog, [1], true)));
    return [sumOf(b, [fromPicked, fromLog])!, "zero"];
  },

  // Straight through: rounding is treated as the identity. Source: Bengio et al. 2013, arXiv:1308.3432.
  fakeQuant: ({ g }) => [g],

  dequantize: "missing",
  matmulQuantised: "missing",
  matmulInt8: "missing",
  gatherQuantised: "missing",
  cachedAttention: "missing",
};
