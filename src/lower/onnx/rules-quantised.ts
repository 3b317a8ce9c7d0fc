import { contrib } from "./emitter.ts";
import type { OnnxRules } from "./rule.ts";

/** ONNX Runtime's accuracy levels of MatMulNBits. */
const accuracyLevels = { float32: 1, int8: 4 } as const;

export const quantisedRules: OnnxRules<"matmulQuantised" | "gatherQuantised"> = {
  matmulQuantised: ({ emit, node, inputs, outputs }) => {
    const { bits, block, activations } = node.attrs;
    const inner = Number(node.inputs[0]!.shape.at(-1));
    const columns = Number(node.outputs[0]!.shape.at(-1));
    emit.node("MatMulNBits", inputs, [outputs[0]!], {
      domain: contrib,
      attributes: {
        K: { int: inner },
        N: { int: columns },
        bits: { int: bits },
        block_size: { int: block },
        accuracy_level: { int: accuracyLevels[activations] },
      },
    });
  },

  // The kernel takes each row's blocks as one row of bytes.
  gatherQuantised: ({ emit, node, inputs, outputs }) => {
    const { bits, block, width } = node.attrs;
    const [rows, blocks, bytes] = node.inputs[0]!.shape.map(Number) as [number, number, number];
    const table = emit.view(inputs[0]!, [rows, blocks * bytes]);
    const isPadded = blocks * block !== width;
    const gathered = isPadded ? emit.fresh() : outputs[0]!;
    emit.node("GatherBlockQuantized", [table, inputs[2]!, inputs[1]!], [gathered], {
      domain: contrib,
      attributes: {
        bits: { int: bits },
        block_size: { int: block },
        gather_axis: { int: 0 },
        quantize_axis: { int: 1 },
      },
    });
    if (!isPadded) return;
    const axis = node.outputs[0]!.shape.length - 1;
    const ends = [emit.int64s([0]), emit.int64s([width]), emit.int64s([axis])];
    emit.node("Slice", [gathered, ...ends], [outputs[0]!]);
  },
};
