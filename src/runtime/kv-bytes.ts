import { invariant } from "../base/errors.ts";
import type { KvCache } from "../model/kv-cache.ts";
import { dtypes } from "../tensor/tensor.ts";

/** Copies keys and values of a range of positions out of a cache and into it. */
export interface KvBytes {
  /** Bytes of one position, all layers. */
  readonly perToken: number;
  /** Keys and values of positions from ≤ i < to, packed by layer, then key or value, head, position. */
  save(from: number, to: number): Uint8Array;
  /** Overwrites positions from ≤ i < to with what `save` gave. Error: `internal` where the size differs. */
  load(bytes: Uint8Array, from: number, to: number): void;
}

/** A view over a cache's memory, whatever its element type. */
export function createKvBytes({ shape, inputs }: KvCache): KvBytes {
  const { kvHeads, contextLength, headDim } = shape;
  const memories = Object.values(inputs).map(({ dtype, data }) => ({
    bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength), // [1, K, S, D]
    row: headDim * dtypes[dtype].bytes,
  }));
  const perToken = memories.reduce((sum, { row }) => sum + kvHeads * row, 0);

  /** Visits the contiguous run of each head: its bytes in the cache, and where they lie in the packed form. */
  const eachRun = (
    from: number,
    to: number,
    visit: (memory: Uint8Array, start: number, end: number, packed: number) => void,
  ): void => {
    invariant(
      0 <= from && from <= to && to <= contextLength,
      `keys and values: expected positions within 0 … ${contextLength}, got ${from} … ${to}`,
    );
    let packed = 0;
    for (const { bytes, row } of memories) {
      for (let head = 0; head < kvHeads; head++) {
        const base = head * contextLength;
        visit(bytes, (base + from) * row, (base + to) * row, packed);
        packed += (to - from) * row;
      }
    }
  };

  return {
    perToken,
    save: (from, to) => {
      const packed = new Uint8Array(Math.max(0, to - from) * perToken);
      eachRun(from, to, (memory, start, end, at) => packed.set(memory.subarray(start, end), at));
      return packed;
    },
    load: (packed, from, to) => {
      const expected = (to - from) * perToken;
      invariant(
        packed.byteLength === expected,
        `keys and values of ${to - from} positions: expected ${expected} bytes, got ${packed.byteLength}`,
      );
      eachRun(from, to, (memory, start, end, at) => {
        memory.set(packed.subarray(at, at + end - start), start);
      });
    },
  };
}
