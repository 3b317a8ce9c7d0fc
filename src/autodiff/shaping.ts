import type { GraphBuilder } from "../graph/builder.ts";
import type { Shape, Value } from "../graph/graph.ts";
import { elementCount } from "../tensor/tensor.ts";

export function equalShapes(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, axis) => dim === b[axis]);
}

/** `g` itself or reshaped: free in every backend, so made wherever it is convenient. */
export function reshapeTo(b: GraphBuilder, x: Value, shape: Shape): Value {
  return equalShapes(x.shape, shape) ? x : b.reshape(x, shape);
}

/** The transpose of broadcasting: sums `g` over every axis that `shape` was repeated along. */
export function sumTo(b: GraphBuilder, g: Value, shape: Shape): Value {
  const leading = g.shape.length - shape.length;
  const axes = g.shape.flatMap((dim, axis) =>
    axis < leading || (shape[axis - leading] === 1 && dim !== 1) ? [axis] : [],
  );
  return reshapeTo(b, axes.length > 0 ? b.reduceSum(g, axes) : g, shape);
}

/** Zeros of the type of `like`. */
export function zerosLike(b: GraphBuilder, like: { dtype: Value["dtype"]; shape: Shape }): Value {
  return b.expand(b.scalar(0, like.dtype), like.shape);
}

/** The shape with 1 for each reduced axis. */
export function keptShape(shape: Shape, axes: readonly number[]): Shape {
  return shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim));
}

/** `x` [..., C] as [P, C]; null where the product of the leading sizes is not known. */
export function asRows(b: GraphBuilder, x: Value): Value | null {
  const leading = x.shape.slice(0, -1).filter((dim) => typeof dim === "number");
  if (leading.length !== x.shape.length - 1) return null;
  return reshapeTo(b, x, [elementCount(leading), x.shape.at(-1)!]);
}
