import type { GraphBuilder } from "../graph/builder.ts";
import type { Value } from "../graph/graph.ts";
import { elementCount } from "../tensor/tensor.ts";
import type { VjpEntriesOf } from "./rule.ts";
import { keptShape, reshapeTo } from "./shaping.ts";

/** A reduced value with its axes back as 1, so that it broadcasts against the operand. */
function unreduce(b: GraphBuilder, reduced: Value, x: Value, axes: readonly number[]): Value {
  return reshapeTo(b, reduced, keptShape(x.shape, axes));
}

export const reduceVjps: VjpEntriesOf<
  "reduceSum" | "reduceMean" | "reduceMax" | "cumSum" | "argMax" | "softmax" | "logSoftmax"
> = {
  reduceSum: ({ b, g, inputs: [x], attrs: { axes } }) => [b.expand(unreduce(b, g, x!, axes), x!.shape)],
  reduceMean: ({ b, g, inputs: [x], attrs: { axes } }) => {
    const sizes = axes.map((axis) => x!.shape[axis]!).filter((dim) => typeof dim === "number");
    if (sizes.length !== axes.length) return ["missing"];
    const share = b.mul(g, 1 / elementCount(sizes));
    return [b.expand(unreduce(b, share, x!, axes), x!.shape)];
  },
  // Equal maxima share the gradient in equal parts.
  reduceMax: ({ b, g, inputs: [x], outputs: [y], attrs: { axes } }) => {
    const isMax = b.cast(b.equal(x!, unreduce(b, y!, x!, axes)), x!.dtype);
    const share = b.div(unreduce(b, g, x!, axes), b.reduceSum(isMax, axes, true));
    return [b.mul(isMax, share)];
  },
  cumSum: ({ b, g, attrs: { axis, exclusive, reverse } }) => [
    b.cumSum(g, axis, { exclusive, reverse: !reverse }),
  ],
  argMax: "zero",
  // dx = (g − Σ g·y)·y.
  softmax: ({ b, g, outputs: [y], attrs: { axis } }) => [
    b.mul(b.sub(g, b.reduceSum(b.mul(g, y!), [axis], true)), y!),
  ],
  // dx = g − exp(y)·Σ g.
  logSoftmax: ({ b, g, outputs: [y], attrs: { axis } }) => [
    b.sub(g, b.mul(b.exp(y!), b.reduceSum(g, [axis], true))),
  ],
};
