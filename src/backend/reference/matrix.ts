import { broadcastStrides, type Dense, dense, offsetsOf } from "./dense.ts";
import type { RulesOf } from "./rule.ts";

/** Offsets of the first element of every matrix of `x`, with its batch axes broadcast to `batch`. */
function matrixOffsets(x: Dense, batch: readonly number[]): Int32Array {
  const size = x.shape.at(-1)! * x.shape.at(-2)!;
  const strides = broadcastStrides(x.shape.slice(0, -2), batch).map((stride) => stride * size);
  return offsetsOf(batch, strides);
}

export const matrixRules: RulesOf<"matmul"> = {
  matmul: ([a, b], { transA, transB, alpha }, { outputs }) => {
    const out = dense(outputs[0]!.shape);
    const [m, n] = [out.shape.at(-2)!, out.shape.at(-1)!];
    const inner = transA ? a!.shape.at(-2)! : a!.shape.at(-1)!;
    const [rowA, columnA] = transA ? [1, m] : [inner, 1];
    const [rowB, columnB] = transB ? [1, inner] : [n, 1];
    const batch = out.shape.slice(0, -2);
    const startsA = matrixOffsets(a!, batch);
    const startsB = matrixOffsets(b!, batch);
    startsA.forEach((startA, matrix) => {
      const startB = startsB[matrix]!;
      for (let i = 0; i < m; i++) {
        const row = (matrix * m + i) * n;
        for (let k = 0; k < inner; k++) {
          const left = alpha * a!.data[startA + i * rowA + k * columnA]!;
          const from = startB + k * rowB;
          for (let j = 0; j < n; j++) out.data[row + j]! += left * b!.data[from + j * columnB]!;
        }
      }
    });
    return [out];
  },
};
