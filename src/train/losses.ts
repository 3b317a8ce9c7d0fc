import type { GraphBuilder } from "../graph/builder.ts";
import type { Value } from "../graph/graph.ts";

/** The parts that a training loss may have; their order is the order of `parts` and `part_weights` in a graph. */
export const lossParts = ["ce", "kl", "tail", "early_ce", "early_prior", "length"] as const;
export type LossPart = (typeof lossParts)[number];

/**
 * Columns of `classes` int64 [M, 3 + k]: which classes of the vocabulary are read at each completion position.
 * One gather of them all gives one scatter in the backward pass.
 */
export const classColumns = { target: 0, end: 1, call: 2, topk: 3 } as const;

/** Log-probabilities at the M completion positions. */
export interface PickedLogProbabilities {
  /** [M] of the next token. */
  readonly target: Value;
  /** [M] of the token that ends a turn. */
  readonly end: Value;
  /** [M] of the token that opens a call. */
  readonly call: Value;
  /** [M, k] of the teacher's top-k; null when k is 0. */
  readonly topk: Value | null;
}

/** One log-softmax of `logits` [M, V], read at `classes` [M, 3 + k]. */
export function pickLogProbabilities(g: GraphBuilder, logits: Value, classes: Value): PickedLogProbabilities {
  const [m, width] = classes.shape as readonly [number, number];
  const k = width - classColumns.topk;
  const { picked } = g.pickLogSoftmax(logits, classes); // [M, 3 + k]
  const column = (index: number): Value => g.reshape(g.slice(picked, 1, index, index + 1), [m]);
  return {
    target: column(classColumns.target),
    end: column(classColumns.end),
    call: column(classColumns.call),
    topk: k > 0 ? g.slice(picked, 1, classColumns.topk, width) : null,
  };
}

/** Σ weight · −log p(target), over [M]. Weights that sum to 1 give the weighted mean; a weight of 0 masks. */
export function weightedCrossEntropy(g: GraphBuilder, target: Value, weight: Value): Value {
  return g.neg(g.reduceSum(g.mul(target, weight)));
}

/** Which way the student is compared with the teacher. */
export const divergences = ["forward", "reverse", "jsd"] as const;
export type Divergence = (typeof divergences)[number];

/** Least probability of the tail class: 1 − Σ of float32 probabilities carries no more digits. */
export const tailFloor = 1e-6;

/** Student probability outside the teacher's top-k: 1 − Σ exp(log q), [M, 1]; at least `tailFloor`. */
export function tailMass(g: GraphBuilder, topk: Value): Value {
  const inside = g.reduceSum(g.exp(topk), [1], true); // [M, 1]
  return g.maximum(g.sub(1, inside), tailFloor);
}

/** Σ weight · (student mass outside the teacher's top-k). */
export function tailPenalty(g: GraphBuilder, tail: Value, weight: Value): Value {
  const [m] = weight.shape as readonly [number];
  return g.reduceSum(g.mul(g.reshape(tail, [m]), weight));
}

/**
 * Σ weight · T² · D(teacher ‖ student) over k + 1 classes: the teacher's top-k and, as one class, all the rest.
 *
 * With a_i = log q_i for i < k, a_k = log(1 − Σ q_i), and the same for the teacher (b, last column of `teacher`),
 * both are tempered as distributions of k + 1 classes: ã = logSoftmax(a / T), b̃ = logSoftmax(b / T).
 *   forward: Σ exp(b̃)(b̃ − ã)     reverse: Σ exp(ã)(ã − b̃)
 *   jsd: ½ Σ exp(b̃)(b̃ − m) + ½ Σ exp(ã)(ã − m), m = log(½ exp(ã) + ½ exp(b̃))
 * T² keeps the size of the gradient independent of T. Source: Hinton et al. 2015, arXiv:1503.02531, section 2.
 *
 * `topk` [M, k] and `tail` [M, 1] are the student's, `teacher` [M, k + 1] the teacher's log-probabilities.
 */
export function topkDivergence(
  g: GraphBuilder,
  operands: { topk: Value; tail: Value; teacher: Value; weight: Value },
  options: { temperature: number; divergence: Divergence },
): Value {
  const { topk, tail, teacher, weight } = operands;
  const { temperature } = options;
  const temper = (logs: Value): Value => g.logSoftmax(g.mul(logs, 1 / temperature), -1);
  const student = temper(g.concat([topk, g.log(tail)], 1)); // [M, k + 1]
  const target = temper(teacher); // [M, k + 1]
  const relative = (p: Value, q: Value): Value => g.reduceSum(g.mul(g.exp(p), g.sub(p, q)), [1]); // [M]
  const middle = (): Value => g.log(g.mul(g.add(g.exp(student), g.exp(target)), 0.5));
  const table: { readonly [D in Divergence]: () => Value } = {
    forward: () => relative(target, student),
    reverse: () => relative(student, target),
    jsd: () => {
      const m = middle();
      return g.mul(g.add(relative(target, m), relative(student, m)), 0.5);
    },
  };
  return g.mul(g.reduceSum(g.mul(table[options.divergence](), weight)), temperature * temperature);
}

/** Scalars [] → total = Σ weight_i · part_i, and the parts as [P]. `weights` [P]. */
export function weighParts(
  g: GraphBuilder,
  parts: readonly Value[],
  weights: Value,
): { total: Value; parts: Value } {
  const together = g.concat(
    parts.map((part) => g.reshape(part, [1])),
    0,
  ); // [P]
  return { total: g.reduceSum(g.mul(together, weights)), parts: together };
}
