import type { Backend } from "../backend/session.ts";
import { type Tensor, zeros } from "../tensor/tensor.ts";
import type { Arena } from "./arena.ts";
import { forgetPositions, pointDummies, type SpecialIds } from "./batch.ts";
import { classColumns, type LossPart } from "./losses.ts";
import type { StepGraphOptions } from "./step-graph.ts";
import { bindStep } from "./step-runner.ts";

/** What the student wrote itself, beside what the teacher needed. */
export interface Rollout {
  readonly exampleId: string;
  readonly prompt: Int32Array;
  /** New tokens, the end token included where it came. */
  readonly tokens: readonly number[];
  /** Every required field of every expected call is there: exempt. */
  readonly isCovered: boolean;
  /** Tokens of the teacher's first turn, at least 1. */
  readonly teacherTokens: number;
}

export interface LengthDiagnostics {
  readonly rollouts: number;
  readonly fraction_covered: number;
  /** Rollouts above the hinge that are not covered. */
  readonly fraction_penalised: number;
  /** Of (student − teacher) / teacher in tokens. */
  readonly median_relative_excess: number;
}

export function describeRollouts(rollouts: readonly Rollout[], hinge: number): LengthDiagnostics {
  const excess = rollouts.map((r) => (r.tokens.length - r.teacherTokens) / r.teacherTokens);
  const sorted = [...excess].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median =
    sorted.length === 0
      ? 0
      : sorted.length % 2 === 1
        ? sorted[middle]!
        : (sorted[middle - 1]! + sorted[middle]!) / 2;
  const share = (test: (r: Rollout, i: number) => boolean): number =>
    rollouts.length === 0 ? 0 : rollouts.filter(test).length / rollouts.length;
  return {
    rollouts: rollouts.length,
    fraction_covered: share((r) => r.isCovered),
    fraction_penalised: share((r, i) => !r.isCovered && excess[i]! > hinge),
    median_relative_excess: median,
  };
}

export interface LengthRunResult {
  /** Weighted. */
  readonly total: number;
  readonly part: number;
  readonly tokens: number;
  readonly runMs: number;
}

/** The micro-batch of the length part: rows are prompts with the student's own tokens. */
export interface LengthRunner {
  /** Longest prompt that fits. */
  readonly maxPrompt: number;
  readonly compileMs: number;
  /** Gradients of the penalty over `rollouts` into the arena. */
  run(rollouts: readonly Rollout[], weights: Readonly<Record<LossPart, number>>): Promise<LengthRunResult>;
  close(): void;
}

function lowWords(tensor: Tensor): Int32Array {
  const { buffer, byteOffset, length } = tensor.data as BigInt64Array;
  return new Int32Array(buffer, byteOffset, length * 2);
}

/** Compiles the length micro-batch: `options.shape.rows` rollouts of at most `options.length.tokens` tokens. */
export async function createLengthRunner(
  backend: Backend,
  options: StepGraphOptions & { readonly specials: SpecialIds },
  weights: Arena,
  gradients: Arena,
  threads: number | null,
): Promise<LengthRunner> {
  const { rows: R, tokens: T } = options.shape;
  const L = options.length.tokens;
  const M = R * L;
  const full: StepGraphOptions = {
    ...options,
    parts: ["length"],
    shape: { rows: R, tokens: T, completions: M },
  };
  const inputs = {
    ids: zeros("int64", [R, T]),
    positions: zeros("int64", [M]),
    classes: zeros("int64", [M, classColumns.topk]),
    length_grid: zeros("int64", [R, L]),
    length_mask: zeros("float32", [R, L]),
    length_teacher: zeros("float32", [R]),
    length_row_weight: zeros("float32", [R]),
  };
  const bound = await bindStep(backend, full, { weights, gradients, inputs }, threads);
  const ids = lowWords(inputs.ids);
  const positions = lowWords(inputs.positions);
  const classes = lowWords(inputs.classes);
  const grid = lowWords(inputs.length_grid);
  const mask = inputs.length_mask.data as Float32Array;
  const teacher = inputs.length_teacher.data as Float32Array;
  const rowWeight = inputs.length_row_weight.data as Float32Array;
  return {
    maxPrompt: T - L,
    compileMs: bound.compileMs,
    async run(rollouts, partWeights) {
      for (let i = 0; i < R * T; i++) ids[2 * i] = options.specials.pad;
      for (let i = 0; i < M; i++)
        classes[2 * (i * classColumns.topk + classColumns.end)] = options.specials.end;
      forgetPositions(positions);
      mask.fill(0);
      rowWeight.fill(0);
      teacher.fill(1);
      let tokens = 0;
      rollouts.forEach((rollout, r) => {
        const { prompt } = rollout;
        const length = prompt.length + rollout.tokens.length;
        tokens += length;
        for (let i = 0; i < length; i++) {
          ids[2 * (r * T + i)] = i < prompt.length ? prompt[i]! : rollout.tokens[i - prompt.length]!;
        }
        teacher[r] = rollout.teacherTokens;
        rowWeight[r] = rollout.isCovered ? 0 : 1 / rollouts.length;
        for (let t = 0; t < rollout.tokens.length; t++) {
          const m = r * L + t;
          positions[2 * m] = r * T + prompt.length - 1 + t;
          grid[2 * m] = m;
          mask[m] = 1;
        }
      });
      pointDummies(positions, R * T);
      const runMs = await bound.run(partWeights);
      return {
        total: (bound.total.data as Float32Array)[0]!,
        part: (bound.parts.data as Float32Array)[0]!,
        tokens,
        runMs,
      };
    },
    close: bound.close,
  };
}
