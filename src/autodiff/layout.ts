import type { Value } from "../graph/graph.ts";
import type { VjpEntriesOf } from "./rule.ts";
import { reshapeTo, sumTo, zerosLike } from "./shaping.ts";

export const layoutVjps: VjpEntriesOf<"transpose" | "reshape" | "expand" | "concat" | "slice"> = {
  transpose: ({ b, g, attrs: { perm } }) => [
    b.transpose(
      g,
      perm.map((_, axis) => perm.indexOf(axis)),
    ),
  ],
  reshape: ({ b, g, inputs: [x] }) => [reshapeTo(b, g, x!.shape)],
  expand: ({ b, g, inputs: [x] }) => [sumTo(b, g, x!.shape)],
  concat: ({ b, g, inputs, attrs: { axis } }) => {
    let start = 0;
    return inputs.map((x) => {
      const end = start + Number(x.shape[axis]);
      const part = b.slice(g, axis, start, end);
      start = end;
      return part;
    });
  },
  // Zeros before and after: the sizes are numbers, the shape rule of slice asks for that.
  slice: ({ b, g, inputs: [x], attrs: { axis, start, end } }) => {
    const zerosOf = (size: number): Value[] => {
      const shape = x!.shape.map((dim, i) => (i === axis ? size : dim));
      return size > 0 ? [zerosLike(b, { dtype: g.dtype, shape })] : [];
    };
    const parts = [...zerosOf(start), g, ...zerosOf(Number(x!.shape[axis]) - end)];
    return [parts.length > 1 ? b.concat(parts, axis) : g];
  },
};
