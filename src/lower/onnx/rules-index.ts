import type { OnnxRules } from "./rule.ts";

export const indexRules: OnnxRules<"gather" | "scatterAdd" | "gatherElements" | "scatterElementsAdd"> = {
  gather: ({ emit, inputs, outputs }) => {
    emit.node("Gather", inputs, [outputs[0]!], { attributes: { axis: { int: 0 } } });
  },

  // ScatterND, which copies whole rows, only for distinct indices: its sums over repeated ones race between threads on
  // the CPU. ScatterElements is exact and gives the same bits every time, one element after the other in one thread.
  scatterAdd: ({ emit, node, inputs, outputs }) => {
    const updates = node.inputs[1]!;
    const [count, ...rest] = updates.shape;
    let indices = inputs[0]!; // [M]
    if (node.attrs.distinct) {
      const column = emit.reshape(indices, [count!, 1]); // [M, 1]
      const zeros = emit.zeros(updates.dtype, [node.attrs.rows, ...rest]);
      emit.node("ScatterND", [zeros, column, inputs[1]!], [outputs[0]!]);
      return;
    }
    if (rest.length > 0) {
      const column = emit.reshape(indices, [count!, ...rest.map(() => 1)]); // [M, 1, ...]
      indices = emit.op("Expand", [column, emit.shape([1, ...rest])]); // [M, ...]
    }
    const zeros = emit.zeros(updates.dtype, [node.attrs.rows, ...rest]);
    emit.node("ScatterElements", [zeros, indices, inputs[1]!], [outputs[0]!], {
      attributes: { axis: { int: 0 }, reduction: { text: "add" } },
    });
  },

  gatherElements: ({ emit, node, inputs, outputs }) => {
    emit.node("GatherElements", inputs, [outputs[0]!], { attributes: { axis: { int: node.attrs.axis } } });
  },

  scatterElementsAdd: ({ emit, node, inputs, outputs }) => {
    emit.node("ScatterElements", inputs, [outputs[0]!], {
      attributes: { axis: { int: node.attrs.axis }, reduction: { text: "add" } },
    });
  },
};
