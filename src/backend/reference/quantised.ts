import type { BlockAttrs } from "../../graph/ops.ts";
import { type Dense, dense } from "./dense.ts";
import { indexingRules } from "./indexing.ts";
import { matrixRules } from "./matrix.ts";
import type { RulesOf } from "./rule.ts";

/** The matrix [R, width] that `BlockAttrs` describes. */
function unpack(values: Dense, scale: Dense, width: number, { bits, block }: BlockAttrs): Dense {
  const [rows, blocks] = scale.shape as [number, number];
  const perByte = 8 / bits;
  const bytesOfRow = (blocks * block) / perByte;
  const middle = 2 ** (bits - 1);
  return dense([rows, width], (i) => {
    const [row, column] = [Math.floor(i / width), i % width];
    const byte = values.data[row * bytesOfRow + Math.floor(column / perByte)]!;
    const integer = Math.floor(byte / 2 ** (bits * (column % perByte))) % 2 ** bits;
    return (integer - middle) * scale.data[row * blocks + Math.floor(column / block)]!;
  });
}

/** Exact products and rows of the unpacked matrix, whatever activations a kernel may round. */
export const quantisedRules: RulesOf<"matmulQuantised" | "gatherQuantised"> = {
  matmulQuantised: ([x, values, scale], attrs, context) => {
    const width = x!.shape.at(-1)!;
    const rows = { shape: [x!.data.length / width, width], data: x!.data };
    const [{ shape, dtype }] = context.outputs as [(typeof context.outputs)[0]];
    const product = { transA: false, transB: true, alpha: 1 };
    const flat = { ...context, outputs: [{ dtype, shape: [rows.shape[0]!, shape.at(-1)!] }] };
    const [out] = matrixRules.matmul([rows, unpack(values!, scale!, width, attrs)], product, flat);
    return [{ shape, data: out!.data }];
  },
  gatherQuantised: ([values, scale, indices], attrs, context) =>
    indexingRules.gather(
      [unpack(values!, scale!, attrs.width, attrs), indices!],
      { distinct: false },
      context,
    ),
};
