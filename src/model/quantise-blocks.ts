import { invariant } from "../base/errors.ts";
import type { BlockAttrs } from "../graph/ops.ts";
import { type Tensor, zeros } from "../tensor/tensor.ts";

/** How the elements of a matrix lie: row r of what is cut into blocks, element i of it, is at r · row + i · column. */
export interface MatrixLayout {
  readonly rows: number;
  readonly width: number;
  readonly rowStride: number;
  readonly columnStride: number;
  /** [rows, width] or [width, rows]. */
  readonly shape: readonly number[];
}

/** Rows of a weight [I, O] are its columns: a block runs along I. */
export function projectionLayout([inputs, outputs]: readonly number[]): MatrixLayout {
  invariant(inputs !== undefined && outputs !== undefined, "blocks: expected a matrix");
  return {
    rows: outputs,
    width: inputs,
    rowStride: 1,
    columnStride: outputs,
    shape: [inputs, outputs],
  };
}

/** Rows of a table [V, C] are rows: a block runs along C. */
export function tableLayout([rows, width]: readonly number[]): MatrixLayout {
  invariant(rows !== undefined && width !== undefined, "blocks: expected a matrix");
  return { rows, width, rowStride: width, columnStride: 1, shape: [rows, width] };
}

/** Rows that are worked on together: where they are columns in memory, as many cache lines are used whole. */
const tileRows = 64;

/** A matrix in blocks, as `BlockAttrs` says. */
export interface Blocks {
  /** uint8 [R, blocks, block · bits / 8] */
  readonly values: Tensor;
  /** float32 [R, blocks] */
  readonly scale: Tensor;
}

/**
 * Cuts the rows of a float32 matrix into blocks and rounds each symmetrically: the element of largest magnitude becomes
 * −2^(bits−1) exactly, so that all steps are used (a scale may be negative); its opposite, where there is one, is
 * rounded down to 2^(bits−1) − 1. The last block of a row is filled up with zeros.
 */
export function quantiseBlocks(source: Float32Array, layout: MatrixLayout, attrs: BlockAttrs): Blocks {
  const { rows, width, rowStride, columnStride } = layout;
  const { bits, block } = attrs;
  const blocks = Math.ceil(width / block);
  const middle = 2 ** (bits - 1);
  const perByte = 8 / bits;
  const bytes = (block * bits) / 8;
  const values = zeros("uint8", [rows, blocks, bytes]);
  const scale = zeros("float32", [rows, blocks]);
  const out = values.data as Uint8Array;
  const scales = scale.data as Float32Array;
  out.fill(bits === 4 ? 0x88 : 0x80);
  const extremes = new Float32Array(tileRows);
  for (let tile = 0; tile < rows; tile += tileRows) {
    const tileEnd = Math.min(tile + tileRows, rows);
    for (let b = 0; b < blocks; b++) {
      const end = Math.min((b + 1) * block, width);
      extremes.fill(0);
      for (let i = b * block; i < end; i++) {
        for (let r = tile; r < tileEnd; r++) {
          const value = source[r * rowStride + i * columnStride]!;
          if (Math.abs(value) > Math.abs(extremes[r - tile]!)) extremes[r - tile] = value;
        }
      }
      for (let r = tile; r < tileEnd; r++) scales[r * blocks + b] = extremes[r - tile]! / -middle;
      for (let i = b * block; i < end; i++) {
        const place = Math.floor((i - b * block) / perByte);
        const shift = bits * (i % perByte);
        for (let r = tile; r < tileEnd; r++) {
          const step = scales[r * blocks + b]!;
          if (step === 0) continue;
          const level = Math.round(source[r * rowStride + i * columnStride]! / step) + middle;
          const kept = Math.max(0, Math.min(2 * middle - 1, level));
          // The place holds the middle: replaced by a difference, its other half stays.
          out[(r * blocks + b) * bytes + place]! += (kept - middle) << shift;
        }
      }
    }
  }
  return { values, scale };
}

/** The float32 matrix, in its own layout, that blocks stand for. */
export function restoreBlocks({ values, scale }: Blocks, layout: MatrixLayout, attrs: BlockAttrs): Tensor {
  const { rows, width, rowStride, columnStride } = layout;
  const { bits, block } = attrs;
  const blocks = Math.ceil(width / block);
  const middle = 2 ** (bits - 1);
  const mask = 2 ** bits - 1;
  const perByte = 8 / bits;
  const bytes = (block * bits) / 8;
  const restored = zeros("float32", layout.shape);
  const out = restored.data as Float32Array;
  for (let tile = 0; tile < rows; tile += tileRows) {
    const tileEnd = Math.min(tile + tileRows, rows);
    for (let i = 0; i < width; i++) {
      const b = Math.floor(i / block);
      const place = Math.floor((i - b * block) / perByte);
      const shift = bits * (i % perByte);
      for (let r = tile; r < tileEnd; r++) {
        const byte = values.data[(r * blocks + b) * bytes + place] as number;
        const level = ((byte >> shift) & mask) - middle;
        out[r * rowStride + i * columnStride] = level * (scale.data[r * blocks + b] as number);
      }
    }
  }
  return restored;
}
