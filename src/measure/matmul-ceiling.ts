import type { Backend, SessionOptions } from "../backend/session.ts";
import { LimbeckError } from "../base/errors.ts";
import { createRandom } from "../base/random.ts";
import { GraphBuilder } from "../graph/builder.ts";
import { type Tensor, zeros } from "../tensor/tensor.ts";
import { type Clock, monotonicMs } from "./clock.ts";
import { median } from "./statistics.ts";

/** `count` products [m, k] × [k, n]. */
export interface MatmulSize {
  readonly m: number;
  readonly k: number;
  readonly n: number;
  readonly count?: number;
}

export interface CeilingOptions extends SessionOptions {
  /** Timed runs; default 7. */
  readonly repeats?: number;
  /** Runs before them; default 2. */
  readonly warmUps?: number;
  readonly clock?: Clock;
}

/** How fast this machine does nothing but these products. */
export interface MatmulCeiling {
  /** Floating-point operations of all products: 2·m·k·n each. */
  readonly flops: number;
  /** Median of the timed runs. */
  readonly ms: number;
  readonly gflops: number;
  readonly raw_ms: readonly number[];
}

export function matmulFlops(sizes: readonly MatmulSize[]): number {
  return sizes.reduce((sum, { m, k, n, count = 1 }) => sum + 2 * m * k * n * count, 0);
}

/** Float32 products, each of operands of its own: equal ones would be computed once. */
function buildProducts(sizes: readonly MatmulSize[]) {
  const g = new GraphBuilder("matmul ceiling");
  const random = createRandom(1);
  const inputs: Record<string, Tensor> = {};
  const outputs: Record<string, Tensor> = {};
  const declare = (name: string, rows: number, columns: number) => {
    const memory = zeros("float32", [rows, columns]);
    for (let i = 0; i < memory.data.length; i++) memory.data[i] = random.next() - 0.5;
    inputs[name] = memory;
    return g.input(name, "float32", [rows, columns]);
  };
  let index = 0;
  for (const { m, k, n, count = 1 } of sizes) {
    for (let i = 0; i < count; i++, index++) {
      g.output(`c${index}`, g.matmul(declare(`a${index}`, m, k), declare(`b${index}`, k, n)));
      outputs[`c${index}`] = zeros("float32", [m, n]);
    }
  }
  return { graph: g.build(), inputs, outputs };
}

/**
 * Measures the rate of pure matrix multiplication on `backend`: all products in one graph over fixed memory. Training
 * reports its step as a fraction of it (`ceiling_fraction`).
 *
 * Errors: `invalid_config` for no products; those of the backend.
 */
export async function measureMatmulCeiling(
  backend: Backend,
  sizes: readonly MatmulSize[],
  { repeats = 7, warmUps = 2, clock = monotonicMs, ...session }: CeilingOptions = {},
): Promise<MatmulCeiling> {
  const flops = matmulFlops(sizes);
  if (!(flops > 0) || repeats < 1) {
    throw new LimbeckError(
      "invalid_config",
      `matmul ceiling: expected products and repeats, got ${sizes.length} and ${repeats}`,
    );
  }
  const { graph, inputs, outputs } = buildProducts(sizes);
  const compiled = await backend.compile(graph, session);
  try {
    const binding = compiled.bind(inputs, outputs);
    try {
      const times: number[] = [];
      for (let i = 0; i < warmUps + repeats; i++) {
        const start = clock();
        await binding.run();
        const ms = clock() - start;
        if (i >= warmUps) times.push(ms);
      }
      const ms = median(times);
      return { flops, ms, gflops: flops / ms / 1e6, raw_ms: times };
    } finally {
      binding.close();
    }
  } finally {
    compiled.close();
  }
}
