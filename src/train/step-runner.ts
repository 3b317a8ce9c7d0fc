import type { Backend, Binding, Session } from "../backend/session.ts";
import { countFlops } from "../passes/flops.ts";
import { type Tensor, zeros } from "../tensor/tensor.ts";
import type { Arena } from "./arena.ts";
import { type BatchBuffers, type BatchOptions, createBatchBuffers, type StepTotals } from "./batch.ts";
import type { LossPart } from "./losses.ts";
import type { TrainingRow } from "./rows.ts";
import { buildStepGraph, type StepGraphOptions } from "./step-graph.ts";
import type { TopkStore } from "./topk-file.ts";

export interface MicroBatchResult {
  readonly total: number;
  /** In the order of the graph's parts. */
  readonly parts: readonly number[];
  /** Tokens that are no padding. */
  readonly tokens: number;
  /** Inside the native run. */
  readonly runMs: number;
}

/** One compiled shape with its memory. */
export interface StepRunner {
  /** Operations in matrix products of one run. */
  readonly flops: number;
  readonly compileMs: number;
  run(
    rows: readonly TrainingRow[],
    totals: StepTotals,
    weights: Readonly<Record<LossPart, number>>,
    topk: TopkStore | null,
  ): Promise<MicroBatchResult>;
  close(): void;
}

export type StepRunnerOptions = StepGraphOptions & Pick<BatchOptions, "specials" | "priorOn">;

/** The native memory of one graph: shared by the runners of batches and of rollouts. */
export interface BoundStep {
  readonly flops: number;
  readonly compileMs: number;
  readonly total: Tensor;
  readonly parts: Tensor;
  readonly extra: Readonly<Record<string, Tensor>>;
  /** Runs with these part weights; returns the milliseconds inside the run. */
  run(weights: Readonly<Record<LossPart, number>>): Promise<number>;
  close(): void;
}

/** Compiles a step graph and binds it: weights read in place, gradients written into their arena. */
export async function bindStep(
  backend: Backend,
  options: StepGraphOptions,
  memory: { weights: Arena; gradients: Arena; inputs: Readonly<Record<string, Tensor>> },
  threads: number | null,
): Promise<BoundStep> {
  const start = performance.now();
  const graph = buildStepGraph(options);
  const session: Session = await backend.compile(graph, threads === null ? {} : { threads });
  const total = zeros("float32", []);
  const parts = zeros("float32", [options.parts.length]);
  const partWeights = zeros("float32", [options.parts.length]);
  const outputs: Record<string, Tensor> = { total, parts };
  const extra: Record<string, Tensor> = {};
  for (const { name, value } of graph.outputs) {
    if (name === "excess") {
      extra[name] = zeros("float32", value.shape as number[]);
      outputs[name] = extra[name];
    }
  }
  if (options.hasGradients) {
    for (const [name, tensor] of Object.entries(memory.gradients.tensors)) outputs[`grad.${name}`] = tensor;
  }
  const binding: Binding = session.bind(
    { ...memory.weights.tensors, ...memory.inputs, part_weights: partWeights },
    outputs,
  );
  return {
    flops: countFlops(graph).matmul,
    compileMs: performance.now() - start,
    total,
    parts,
    extra,
    async run(weights) {
      options.parts.forEach((part, i) => {
        (partWeights.data as Float32Array)[i] = weights[part];
      });
      const before = performance.now();
      await binding.run();
      return performance.now() - before;
    },
    close() {
      binding.close();
      session.close();
    },
  };
}

/** A runner for batches of one shape. */
export async function createStepRunner(
  backend: Backend,
  options: StepRunnerOptions,
  weights: Arena,
  gradients: Arena,
  threads: number | null,
): Promise<StepRunner> {
  const buffers: BatchBuffers = createBatchBuffers(options);
  const bound = await bindStep(backend, options, { weights, gradients, inputs: buffers.inputs }, threads);
  return {
    flops: bound.flops,
    compileMs: bound.compileMs,
    async run(rows, totals, partWeights, topk) {
      const tokens = buffers.fill(rows, totals, topk);
      const runMs = await bound.run(partWeights);
      return {
        total: (bound.total.data as Float32Array)[0]!,
        parts: [...(bound.parts.data as Float32Array)],
        tokens,
        runMs,
      };
    },
    close: bound.close,
  };
}
