import { elementCount } from "../../tensor/tensor.ts";
import { type Dense, dense, offsetsOf, splitAxis, stridesOf } from "./dense.ts";
import type { RulesOf } from "./rule.ts";

/** Folds every element of `x` into the element of the result that it belongs to. */
function fold(
  x: Dense,
  axes: readonly number[],
  shape: readonly number[],
  start: number,
  step: (sum: number, value: number) => number,
): Dense {
  const kept = x.shape.map((d, i) => (axes.includes(i) ? 1 : d));
  const strides = stridesOf(kept).map((stride, i) => (axes.includes(i) ? 0 : stride));
  const to = offsetsOf(x.shape, strides);
  const out = dense(shape, () => start);
  x.data.forEach((value, i) => {
    out.data[to[i]!] = step(out.data[to[i]!]!, value);
  });
  return out;
}

/** Calls `visit` for each line of `x` along `axis` with the linear index of element i of that line. */
export function forEachLine(
  shape: readonly number[],
  axis: number,
  visit: (at: (i: number) => number, size: number, line: number) => void,
): void {
  const { outer, size, inner } = splitAxis(shape, axis);
  for (let o = 0; o < outer; o++) {
    for (let n = 0; n < inner; n++) visit((i) => (o * size + i) * inner + n, size, o * inner + n);
  }
}

/** x − log Σ exp(x) along an axis, with the largest element taken out first so that exp cannot overflow. */
export function logSoftmax(x: Dense, axis: number): Dense {
  const out = dense(x.shape);
  forEachLine(x.shape, axis, (at, size) => {
    let max = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < size; i++) max = Math.max(max, x.data[at(i)]!);
    let sum = 0;
    for (let i = 0; i < size; i++) sum += Math.exp(x.data[at(i)]! - max);
    for (let i = 0; i < size; i++) out.data[at(i)] = x.data[at(i)]! - max - Math.log(sum);
  });
  return out;
}

export function softmax(x: Dense, axis: number): Dense {
  const log = logSoftmax(x, axis).data;
  return dense(x.shape, (i) => Math.exp(log[i]!));
}

export const reduceRules: RulesOf<
  "reduceSum" | "reduceMean" | "reduceMax" | "cumSum" | "argMax" | "softmax" | "logSoftmax"
> = {
  reduceSum: ([x], { axes }, { outputs }) => [fold(x!, axes, outputs[0]!.shape, 0, (sum, v) => sum + v)],
  reduceMean: ([x], { axes }, { outputs }) => {
    const sum = fold(x!, axes, outputs[0]!.shape, 0, (total, v) => total + v);
    const count = elementCount(axes.map((axis) => x!.shape[axis]!));
    return [dense(sum.shape, (i) => sum.data[i]! / count)];
  },
  reduceMax: ([x], { axes }, { outputs }) => [
    fold(x!, axes, outputs[0]!.shape, Number.NEGATIVE_INFINITY, Math.max),
  ],
  cumSum: ([x], { axis, exclusive, reverse }) => {
    const out = dense(x!.shape);
    forEachLine(x!.shape, axis, (at, size) => {
      let sum = 0;
      for (let step = 0; step < size; step++) {
        const here = at(reverse ? size - 1 - step : step);
        const after = sum + x!.data[here]!;
        out.data[here] = exclusive ? sum : after;
        sum = after;
      }
    });
    return [out];
  },
  argMax: ([x], { axis }, { outputs }) => {
    const out = dense(outputs[0]!.shape);
    forEachLine(x!.shape, axis, (at, size, line) => {
      let best = 0;
      for (let i = 1; i < size; i++) if (x!.data[at(i)]! > x!.data[at(best)]!) best = i;
      out.data[line] = best;
    });
    return [out];
  },
  softmax: ([x], { axis }) => [softmax(x!, axis)],
  logSoftmax: ([x], { axis }) => [logSoftmax(x!, axis)],
};
