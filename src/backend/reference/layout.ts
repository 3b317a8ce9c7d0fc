import { broadcastTo, dense, offsetsOf, splitAxis, stridesOf } from "./dense.ts";
import type { RulesOf } from "./rule.ts";

export const layoutRules: RulesOf<"transpose" | "reshape" | "expand" | "concat" | "slice"> = {
  transpose: ([x], { perm }) => {
    const strides = stridesOf(x!.shape);
    const shape = perm.map((p) => x!.shape[p]!);
    const from = offsetsOf(
      shape,
      perm.map((p) => strides[p]!),
    );
    return [dense(shape, (i) => x!.data[from[i]!]!)];
  },
  reshape: ([x], _attrs, { outputs }) => [{ shape: outputs[0]!.shape, data: x!.data }],
  expand: ([x], _attrs, { outputs }) => [broadcastTo(x!, outputs[0]!.shape)],
  concat: (inputs, { axis }, { outputs }) => {
    const out = dense(outputs[0]!.shape);
    const { outer, size, inner } = splitAxis(out.shape, axis);
    let start = 0;
    for (const x of inputs) {
      const chunk = x.shape[axis]! * inner;
      for (let o = 0; o < outer; o++) {
        out.data.set(x.data.subarray(o * chunk, (o + 1) * chunk), (o * size + start) * inner);
      }
      start += x.shape[axis]!;
    }
    return [out];
  },
  slice: ([x], { axis, start, end }, { outputs }) => {
    const out = dense(outputs[0]!.shape);
    const { outer, size, inner } = splitAxis(x!.shape, axis);
    const chunk = (end - start) * inner;
    for (let o = 0; o < outer; o++) {
      const from = (o * size + start) * inner;
      out.data.set(x!.data.subarray(from, from + chunk), o * chunk);
    }
    return [out];
  },
};
