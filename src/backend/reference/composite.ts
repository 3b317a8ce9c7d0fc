import { type Dense, dense, splitAxis } from "./dense.ts";
import { elementwiseRules, roundHalfEven, sigmoid } from "./elementwise.ts";
import { indexingRules } from "./indexing.ts";
import { logSoftmax } from "./reduce.ts";
import type { RulesOf } from "./rule.ts";

/** Rotates the pairs (x[i], x[i + D/2]) of the last axis of one row by the angle of `position`. Writes into `out`. */
export function rotateRow(
  row: { readonly from: Float64Array; readonly to: Float64Array; readonly offset: number },
  cos: Dense,
  sin: Dense,
  position: number,
  inverse: boolean,
): void {
  const half = cos.shape[1]!;
  for (let i = 0; i < half; i++) {
    const c = cos.data[position * half + i]!;
    const s = (inverse ? -1 : 1) * sin.data[position * half + i]!;
    const first = row.from[row.offset + i]!;
    const second = row.from[row.offset + half + i]!;
    row.to[row.offset + i] = first * c - second * s;
    row.to[row.offset + half + i] = second * c + first * s;
  }
}

/** The first of `seen` keys that lies within the window. */
export function firstSeen(seen: number, window: number | undefined): number {
  return window === undefined ? 0 : Math.max(0, seen - window);
}

function gelu(x: number): number {
  return (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}

/** One query against `keys` rows that begin at `start`: writes their weights and returns nothing else. */
export function attendRow(
  query: Float64Array,
  keys: Float64Array,
  scale: number,
  weights: Float64Array,
): void {
  const width = query.length;
  let max = Number.NEGATIVE_INFINITY;
  for (let s = 0; s < weights.length; s++) {
    let dot = 0;
    for (let d = 0; d < width; d++) dot += query[d]! * keys[s * width + d]!;
    weights[s] = dot * scale;
    max = Math.max(max, weights[s]!);
  }
  let sum = 0;
  for (let s = 0; s < weights.length; s++) {
    weights[s] = Math.exp(weights[s]! - max);
    sum += weights[s]!;
  }
  for (let s = 0; s < weights.length; s++) weights[s]! /= sum;
}

export const compositeRules: RulesOf<
  | "rmsNorm"
  | "rotary"
  | "swiglu"
  | "geglu"
  | "attention"
  | "crossEntropy"
  | "pickLogSoftmax"
  | "fakeQuant"
  | "dequantize"
> = {
  rmsNorm: ([x, weight], { epsilon }) => {
    const width = weight!.data.length;
    const inverse = dense([...x!.shape.slice(0, -1), 1], (row) => {
      let squares = 0;
      for (let c = 0; c < width; c++) squares += x!.data[row * width + c]! ** 2;
      return 1 / Math.sqrt(squares / width + epsilon);
    });
    const out = dense(
      x!.shape,
      (i) => x!.data[i]! * inverse.data[Math.floor(i / width)]! * weight!.data[i % width]!,
    );
    return [out, inverse];
  },

  rotary: ([x, cos, sin], { inverse }) => {
    const [, , t, width] = x!.shape;
    const out = dense(x!.shape);
    for (let row = 0; row * width! < x!.data.length; row++) {
      const at = { from: x!.data, to: out.data, offset: row * width! };
      rotateRow(at, cos!, sin!, row % t!, inverse);
    }
    return [out];
  },

  swiglu: ([gate, up]) => [
    dense(gate!.shape, (i) => gate!.data[i]! * sigmoid(gate!.data[i]!) * up!.data[i]!),
  ],

  geglu: ([gate, up]) => [dense(gate!.shape, (i) => gelu(gate!.data[i]!) * up!.data[i]!)],

  attention: ([q, k, v], { scale, causal, window }, { outputs }) => {
    const out = dense(outputs[0]!.shape);
    const probabilities = dense(outputs[1]!.shape);
    const [b, h, t, width] = q!.shape as [number, number, number, number];
    const s = k!.shape[2]!;
    for (let head = 0; head < b * h; head++) {
      const keys = k!.data.subarray(head * s * width, (head + 1) * s * width);
      const values = v!.data.subarray(head * s * width, (head + 1) * s * width);
      for (let row = 0; row < t; row++) {
        const at = head * t + row;
        const seen = causal ? row + s - t + 1 : s;
        const first = firstSeen(seen, window);
        const weights = probabilities.data.subarray(at * s + first, at * s + seen);
        attendRow(
          q!.data.subarray(at * width, (at + 1) * width),
          keys.subarray(first * width),
          scale,
          weights,
        );
        weights.forEach((weight, i) => {
          const value = (first + i) * width;
          for (let d = 0; d < width; d++) out.data[at * width + d]! += weight * values[value + d]!;
        });
      }
    }
    return [out, probabilities];
  },

  crossEntropy: ([logits, targets], _attrs, context) => {
    const log = logSoftmax(logits!, 1);
    const column = { shape: [targets!.shape[0]!, 1], data: targets!.data };
    const picked = indexingRules.gatherElements([log, column], { axis: 1 }, context)[0]!;
    const nll = dense(targets!.shape, (i) => -picked.data[i]!);
    return [nll, ...elementwiseRules.exp([log], {}, context)];
  },

  pickLogSoftmax: ([logits, classes], _attrs, context) => {
    const log = logSoftmax(logits!, 1);
    return [...indexingRules.gatherElements([log, classes!], { axis: 1 }, context), log];
  },

  fakeQuant: ([weight], { bits }) => {
    const { outer, size } = splitAxis(weight!.shape, 1);
    const levels = 2 ** (bits - 1) - 1;
    const scales = dense([size], (column) => {
      let max = 1e-8;
      for (let row = 0; row < outer; row++) max = Math.max(max, Math.abs(weight!.data[row * size + column]!));
      return max / levels;
    });
    return [
      dense(weight!.shape, (i) => {
        const scale = scales.data[i % size]!;
        return roundHalfEven(weight!.data[i]! / scale) * scale;
      }),
    ];
  },

  dequantize: ([quantized, scale]) => [
    dense(quantized!.shape, (i) => quantized!.data[i]! * scale!.data[i % scale!.data.length]!),
  ],
};
