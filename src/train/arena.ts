import { invariant } from "../base/errors.ts";
import { elementCount, type Tensor } from "../tensor/tensor.ts";

/** Where one parameter lies in an arena, in elements. */
export interface ArenaEntry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly count: number;
}

/**
 * One order of all parameters in flat memory: matrices (which decay) first, then vectors. Weights, gradients and
 * moments use the same layout, so that norms, accumulation and the optimiser walk flat memory.
 */
export interface ArenaLayout {
  readonly entries: readonly ArenaEntry[];
  /** Elements of the matrices, padding included; the vectors follow. */
  readonly matrixCount: number;
  readonly count: number;
}

const alignElements = 16;

function aligned(count: number): number {
  return Math.ceil(count / alignElements) * alignElements;
}

/** Lays out parameters of given shapes; every one starts at a multiple of 64 bytes. */
export function layOutParameters(shapes: ReadonlyMap<string, readonly number[]>): ArenaLayout {
  const entries: ArenaEntry[] = [];
  let offset = 0;
  const place = (isMatrix: boolean): void => {
    for (const [name, shape] of shapes) {
      if (shape.length >= 2 !== isMatrix) continue;
      const count = elementCount(shape);
      entries.push({ name, shape, offset, count });
      offset += aligned(count);
    }
  };
  place(true);
  const matrixCount = offset;
  place(false);
  return { entries, matrixCount, count: offset };
}

/** Float32 memory for all parameters, as a whole and by name (views of the same memory). */
export interface Arena {
  readonly layout: ArenaLayout;
  readonly data: Float32Array;
  readonly tensors: Readonly<Record<string, Tensor>>;
}

/** An arena of zeros. */
export function createArena(layout: ArenaLayout): Arena {
  const buffer = new ArrayBuffer(Math.max(4096, layout.count * 4));
  const data = new Float32Array(buffer, 0, layout.count);
  const tensors: Record<string, Tensor> = {};
  for (const { name, shape, offset, count } of layout.entries) {
    tensors[name] = { dtype: "float32", shape, data: data.subarray(offset, offset + count) };
  }
  return { layout, data, tensors };
}

/** A flat view of elements [start, end) of an arena, sharing its memory. */
export function arenaSlice(arena: Arena, start: number, end: number): Tensor {
  return { dtype: "float32", shape: [end - start], data: arena.data.subarray(start, end) };
}

/** Copies named tensors into the arena. Shapes must have been checked; a missing one is our own bug. */
export function fillArena(arena: Arena, tensors: Readonly<Record<string, Tensor>>): void {
  for (const { name, offset, count } of arena.layout.entries) {
    const source = tensors[name];
    invariant(source?.data instanceof Float32Array && source.data.length === count, `parameter ${name}`);
    arena.data.set(source.data, offset);
  }
}

/** target += source. */
export function addInto(target: Float32Array, source: Float32Array): void {
  for (let i = 0; i < target.length; i++) target[i] = target[i]! + source[i]!;
}
