import { onnxCpuBackend } from "../backend/onnx/backend.ts";
import { type MatmulSize, measureMatmulCeiling } from "../measure/matmul-ceiling.ts";
import type { ModelConfig } from "../model/config.ts";

/** Tokens of a training batch, and how many of them have logits. */
export interface BatchSize {
  readonly tokens: number;
  readonly completions: number;
}

/** [m, k] × [k, n] forward, and the two products of its backward pass: dX [m, n] × [n, k] and dW [k, m] × [m, n]. */
function forwardAndBackward(m: number, k: number, n: number, count: number): MatmulSize[] {
  return [
    { m, k, n, count },
    { m, k: n, n: k, count },
    { m: k, k: m, n, count },
  ];
}

/** The products with weights of one training step of one layer, and of the head: what the step cannot do without. */
export function stepProducts(config: ModelConfig, { tokens, completions }: BatchSize): readonly MatmulSize[] {
  const { hiddenSize: c, intermediateSize: f, heads, kvHeads, headDim, vocabSize } = config;
  return [
    ...forwardAndBackward(tokens, c, heads * headDim, 1),
    ...forwardAndBackward(tokens, c, kvHeads * headDim, 2),
    ...forwardAndBackward(tokens, heads * headDim, c, 1),
    ...forwardAndBackward(tokens, c, f, 2),
    ...forwardAndBackward(tokens, f, c, 1),
    ...forwardAndBackward(completions, c, vocabSize, 1),
  ];
}

/**
 * Measures the rate, in GFLOP/s, at which this machine does nothing but the matrix products of a training step:
 * what `ceiling_fraction` is a fraction of. The small products inside attention are left out, which can only raise it.
 */
export async function measureTrainingCeiling(
  config: ModelConfig,
  batch: BatchSize,
  threads: number | null,
): Promise<number> {
  const ceiling = await measureMatmulCeiling(
    onnxCpuBackend,
    stepProducts(config, batch),
    threads === null ? {} : { threads },
  );
  return ceiling.gflops;
}
