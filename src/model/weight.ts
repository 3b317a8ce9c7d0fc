import type { GraphBuilder } from "../graph/builder.ts";
import type { Value } from "../graph/graph.ts";
import type { BlockAttrs } from "../graph/ops.ts";

/** A weight as blocks of small integers: rows are what a product gives (O, or the V of a table). */
export interface BlockWeight extends BlockAttrs {
  /** uint8 [R, blocks, block · bits / 8] */
  readonly values: Value;
  /** float32 [R, blocks] */
  readonly scale: Value;
  /** Elements of a row: I of a projection, C of a table. */
  readonly width: number;
  /** How exactly the product is computed. */
  readonly activations: "float32" | "int8";
}

/** A weight as int8 with a scale for each channel: a column of a projection, a row of a table. */
export interface ChannelWeight {
  /** int8 [I, O] of a projection, [V, C] of a table */
  readonly channels: Value;
  /** float32 [O] or [V] */
  readonly scale: Value;
  /** Whether a product rounds the rows that it multiplies. */
  readonly activations: "float32" | "int8";
}

/** A weight in a graph: as floats ([I, O] of a projection, [V, C] of a table), as blocks, or as int8 channels. */
export type Weight = Value | BlockWeight | ChannelWeight;

const isBlocks = (weight: Weight): weight is BlockWeight => "values" in weight;
const isChannels = (weight: Weight): weight is ChannelWeight => "channels" in weight;

function multiplyBlocks(g: GraphBuilder, x: Value, weight: BlockWeight): Value {
  const { values, scale, bits, block, activations } = weight;
  return g.matmulQuantised(x, values, scale, { bits, block, activations });
}

function multiplyChannels(g: GraphBuilder, x: Value, weight: ChannelWeight, transB: boolean): Value {
  const { channels, scale, activations } = weight;
  return g.matmulInt8(x, channels, scale, { transB, activations });
}

/** x [..., I] times a projection [I, O]. */
export function multiply(g: GraphBuilder, x: Value, weight: Weight): Value {
  if (isChannels(weight)) return multiplyChannels(g, x, weight, false);
  return isBlocks(weight) ? multiplyBlocks(g, x, weight) : g.matmul(x, g.cast(weight, x.dtype));
}

/** x [M, C] times the transpose of a table [V, C]. */
export function multiplyByTable(g: GraphBuilder, x: Value, table: Weight): Value {
  if (isBlocks(table)) return multiplyBlocks(g, x, table);
  if (isChannels(table)) return multiplyChannels(g, x, table, true);
  return g.matmul(x, g.cast(table, x.dtype), { transB: true });
}

/** Rows of a table [V, C] by indices [...]: [..., C], of float32 where the table is smaller. */
export function lookUp(g: GraphBuilder, table: Weight, indices: Value): Value {
  if (isChannels(table)) {
    const rows = g.cast(g.gather(table.channels, indices), "float32"); // [..., C]
    return g.mul(rows, g.reshape(g.gather(table.scale, indices), [...indices.shape, 1]));
  }
  if (!isBlocks(table)) {
    const rows = g.gather(table, indices);
    return table.dtype === "float16" ? g.cast(rows, "float32") : rows;
  }
  const { values, scale, bits, block, width } = table;
  return g.gatherQuantised(values, scale, indices, { bits, block, width });
}
