import type { BlockAttrs } from "../../graph/ops.ts";
import { type Dense, dense } from "./dense.ts";
import { roundHalfEven } from "./elementwise.ts";
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

/** All but the last axis of x as one: [..., I] → [M, I]. */
function flatRows(x: Dense): Dense {
  const width = x.shape.at(-1)!;
  return { shape: [x.data.length / width, width], data: x.data };
}

/** Rows of x [M, I] as `matmulInt8` rounds them, in its float32 arithmetic: integers, and a scale for each row. */
function roundRows(x: Dense): { integers: Dense; scale: Dense } {
  const [rows, width] = x.shape as [number, number];
  const { fround } = Math;
  const scale = dense([rows], (row) => {
    let peak = 0;
    for (let i = 0; i < width; i++) peak = Math.max(peak, Math.abs(fround(x.data[row * width + i]!)));
    return Math.max(fround(peak * fround(1 / 127)), fround(1e-30));
  });
  const integers = dense(x.shape, (i) => {
    const steps = roundHalfEven(fround(fround(x.data[i]!) / scale.data[Math.floor(i / width)]!));
    return Math.max(-128, Math.min(127, steps));
  });
  return { integers, scale };
}

/** Products and rows of the unpacked matrix: exact where a kernel may round activations, rounded where it must. */
export const quantisedRules: RulesOf<"matmulQuantised" | "matmulInt8" | "gatherQuantised"> = {
  matmulQuantised: ([x, values, scale], attrs, context) => {
    const width = x!.shape.at(-1)!;
    const rows = flatRows(x!);
    const [{ shape, dtype }] = context.outputs as [(typeof context.outputs)[0]];
    const product = { transA: false, transB: true, alpha: 1 };
    const flat = { ...context, outputs: [{ dtype, shape: [rows.shape[0]!, shape.at(-1)!] }] };
    const [out] = matrixRules.matmul([rows, unpack(values!, scale!, width, attrs)], product, flat);
    return [{ shape, data: out!.data }];
  },
  matmulInt8: ([x, values, scale], { transB, activations }, context) => {
    const rows = flatRows(x!);
    const rounded = activations === "int8" ? roundRows(rows) : null;
    const product = { transA: false, transB, alpha: 1 };
    const columns = scale!.data.length;
    const [{ shape, dtype }] = context.outputs as [(typeof context.outputs)[0]];
    const flat = { ...context, outputs: [{ dtype, shape: [rows.shape[0]!, columns] }] };
    const [sum] = matrixRules.matmul([rounded?.integers ?? rows, values!], product, flat);
    return [
      dense(shape, (i) => {
        const ofRow = rounded?.scale.data[Math.floor(i / columns)] ?? 1;
        return sum!.data[i]! * scale!.data[i % columns]! * ofRow;
      }),
    ];
  },
  gatherQuantised: ([values, scale, indices], attrs, context) =>
    indexingRules.gather(
      [unpack(values!, scale!, attrs.width, attrs), indices!],
      { distinct: false },
      context,
    ),
};
