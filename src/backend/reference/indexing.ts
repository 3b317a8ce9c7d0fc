import { LimbeckError } from "../../base/errors.ts";
import { elementCount } from "../../tensor/tensor.ts";
import { type Dense, dense, splitAxis } from "./dense.ts";
import type { RulesOf } from "./rule.ts";

/** Index number `i`, checked. ONNX would read negative ones from the end; a graph of ours never means that. */
function indexAt(indices: Dense, i: number, size: number, op: string): number {
  const index = indices.data[i]!;
  if (!(index >= 0 && index < size)) {
    throw new LimbeckError("backend_failed", `${op}: expected indices 0 ≤ i < ${size}, got ${index}`, {
      cure: "Check the data that is fed as indices (token ids, targets).",
      fields: { op, size, index, at: i },
    });
  }
  return index;
}

/** For each element of `indices`, the place in data of `shape` that it points at along `axis`. */
function places(shape: readonly number[], indices: Dense, axis: number, op: string): Int32Array {
  const { size, inner } = splitAxis(shape, axis);
  const count = indices.shape[axis]!;
  return Int32Array.from(indices.data, (_, i) => {
    const outer = Math.floor(i / (count * inner));
    return (outer * size + indexAt(indices, i, size, op)) * inner + (i % inner);
  });
}

export const indexingRules: RulesOf<"gather" | "scatterAdd" | "gatherElements" | "scatterElementsAdd"> = {
  gather: ([table, indices], _attrs, { outputs }) => {
    const width = elementCount(table!.shape.slice(1));
    const out = dense(outputs[0]!.shape);
    for (let i = 0; i < indices!.data.length; i++) {
      const row = indexAt(indices!, i, table!.shape[0]!, "gather");
      out.data.set(table!.data.subarray(row * width, (row + 1) * width), i * width);
    }
    return [out];
  },
  scatterAdd: ([indices, updates], { rows }, { outputs }) => {
    const width = elementCount(updates!.shape.slice(1));
    const out = dense(outputs[0]!.shape);
    for (let i = 0; i < indices!.data.length; i++) {
      const row = indexAt(indices!, i, rows, "scatterAdd");
      for (let j = 0; j < width; j++) out.data[row * width + j]! += updates!.data[i * width + j]!;
    }
    return [out];
  },
  gatherElements: ([data, indices], { axis }) => {
    const from = places(data!.shape, indices!, axis, "gatherElements");
    return [dense(indices!.shape, (i) => data!.data[from[i]!]!)];
  },
  scatterElementsAdd: ([data, indices, updates], { axis }) => {
    const to = places(data!.shape, indices!, axis, "scatterElementsAdd");
    const out = dense(data!.shape, (i) => data!.data[i]!);
    to.forEach((place, i) => {
      out.data[place]! += updates!.data[i]!;
    });
    return [out];
  },
};
