import type { Shape } from "../../graph/graph.ts";
import { zeros } from "../../tensor/tensor.ts";
import { contrib, type OnnxEmitter } from "./emitter.ts";
import type { OnnxRules } from "./rule.ts";

/** ONNX Runtime's accuracy levels of MatMulNBits. */
const accuracyLevels = { float32: 1, int8: 4 } as const;

/** Rows of x [..., I] as uint8 around 128, and float32 [..., 1] that a step of each row is worth. */
interface RoundedRows {
  readonly values: string;
  readonly scale: string;
}

/** 128: the kernels for uint8 times int8 are the fast ones, those for int8 times int8 ten times slower on x86-64. */
const middle = 128;
/** Three rounds of 8 bits hold what float32 does. */
const roundsOf = { int8: 1, float32: 3 } as const;

/** What `make` gave under this key before. */
function sharedOf(emit: OnnxEmitter, key: string, make: () => string): string {
  const name = emit.shared.get(key) ?? make();
  emit.shared.set(key, name);
  return name;
}

/**
 * Rounds each row of x [..., I] by its own scale; further rounds hold what the one before left. A row is one block of
 * `QuantizeLinear`, so that x keeps its axes. Products that read the same x share it.
 */
function roundRows(emit: OnnxEmitter, x: string, shape: Shape, rounds: number): RoundedRows[] {
  const of = (part: string, round: number, make: () => string): string =>
    sharedOf(emit, `rows ${x} ${part} ${round}`, make);
  const perRow = [...shape.slice(0, -1), 1];
  const offset = sharedOf(emit, `middle ${perRow.join()}`, () =>
    emit.op("Expand", [emit.scalar("uint8", middle), emit.shape(perRow)]),
  );
  const asBlocks = {
    attributes: { axis: { int: shape.length - 1 }, block_size: { int: Number(shape.at(-1)) } },
  };
  const peak = (): string => {
    const largest = emit.op("ReduceMax", [emit.op("Abs", [x]), emit.int64s([-1])]);
    // Of no rows at all the kernel gives another shape. Selected rows may be none, those of sequences [B, T, I] are not.
    if (shape.length > 2) return largest;
    return emit.op("Reshape", [largest, emit.shape(perRow)], { attributes: { allowzero: { int: 1 } } });
  };
  const done: RoundedRows[] = [];
  let rest = x;
  let scale = "";
  for (let round = 0; round < rounds; round++) {
    const before = scale;
    scale = of("scale", round, () =>
      round === 0
        ? emit.op("Max", [
            emit.op("Mul", [peak(), emit.scalar("float32", 1 / 127)]),
            emit.scalar("float32", 1e-30),
          ])
        : emit.op("Mul", [before, emit.scalar("float32", 1 / 254)]),
    );
    const [own, by] = [rest, scale];
    const values = of("values", round, () => emit.op("QuantizeLinear", [own, by, offset], asBlocks));
    done.push({ values, scale });
    if (round + 1 < rounds)
      rest = of("rest", round, () =>
        emit.op("Sub", [own, emit.op("DequantizeLinear", [values, by, offset], asBlocks)]),
      );
  }
  return done;
}

export const quantisedRules: OnnxRules<"matmulQuantised" | "matmulInt8" | "gatherQuantised"> = {
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

  // Integer sums are exact in any order, so that a row has the same bits alone and in company. The scales of channels are
  // applied inside of the kernel, those of rows after it: it knows one for all rows only.
  matmulInt8: ({ emit, node, inputs, outputs }) => {
    const { transB, activations } = node.attrs;
    const [x, values, scale] = inputs as [string, string, string];
    const [one, offset] = [emit.scalar("float32", 1), emit.scalar("uint8", middle)];
    const given = node.inputs[0]!.shape;
    const product = (rows: string): string => {
      if (!transB) {
        const operands = [rows, values, one, scale, offset];
        return emit.op("MatMulIntegerToFloat", operands, { domain: contrib });
      }
      const channels = Number(node.outputs[0]!.shape.at(-1));
      const none = sharedOf(emit, `no offsets ${channels}`, () => emit.constant(zeros("int8", [channels])));
      const isFlat = given.length === 2;
      const flat = isFlat ? rows : emit.op("Reshape", [rows, emit.int64s([-1, Number(given.at(-1))])]);
      const y = emit.op("QGemm", [flat, one, offset, values, scale, none], {
        domain: contrib,
        attributes: { transB: { int: 1 } },
      });
      return isFlat ? y : emit.reshape(y, node.outputs[0]!.shape);
    };
    const parts = roundRows(emit, x, given, roundsOf[activations]);
    const last = parts.length - 1;
    const end = { output: outputs[0]! };
    let sum = "";
    for (const [i, rows] of parts.entries()) {
      const scaled = emit.op("Mul", [product(rows.values), rows.scale], last === 0 ? end : {});
      sum = i === 0 ? scaled : emit.op("Add", [sum, scaled], i === last ? end : {});
    }
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
