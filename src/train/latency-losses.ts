import type { GraphBuilder } from "../graph/builder.ts";
import type { Value } from "../graph/graph.ts";

/** Least value of 1 − p before its logarithm is taken: float32 has no more digits near p = 1. */
const complementFloor = 1e-6;

/** log(1 − exp(logP)), kept finite. Any shape. */
function logComplement(g: GraphBuilder, logP: Value): Value {
  return g.log(g.maximum(g.sub(1, g.exp(logP)), complementFloor));
}

/** Log-probabilities [M] read on a grid of indices into M: [R, L]; 0 (so p = 1 is masked by the caller) elsewhere. */
function onGrid(g: GraphBuilder, logP: Value, grid: Value): Value {
  return g.gather(logP, grid);
}

export interface LengthOperands {
  /** [M] log-probability of ending the turn. */
  readonly end: Value;
  /** int64 [R, L]: for each rollout, the completion positions of its tokens in order. */
  readonly grid: Value;
  /** [R, L]: 1 where the rollout has a token, 0 behind its end. */
  readonly mask: Value;
  /** [R]: output tokens of the teacher, at least 1. */
  readonly teacherTokens: Value;
  /** [R]: 0 for a row that covers the required fields (exempt) or is unused; else its share. */
  readonly weight: Value;
}

/**
 * Length-aware distillation on the student's own rollouts. With the hazard h_t = p(end at t), the survival
 * S_t = Π_{i<t}(1 − h_i) and the expected length E = Σ_t S_t over the rollout's positions,
 *   penalty = min(cap, slope · max(0, (E − L) / L − hinge)),  L the teacher's length.
 * Above the cap the value is held but the direction of the gradient stays (its size shrinks by cap / penalty), so
 * that the longest rows still learn to end. Differentiable in h: the penalty falls where ending becomes more likely.
 *
 * Returns the weighted sum [] and the relative excess (E − L) / L of each row [R].
 */
export function lengthPenalty(
  g: GraphBuilder,
  operands: LengthOperands,
  options: { hinge: number; slope: number; cap: number },
): { loss: Value; excess: Value } {
  const { end, grid, mask, teacherTokens, weight } = operands;
  const [r] = teacherTokens.shape as readonly [number];
  const survive = g.mul(logComplement(g, onGrid(g, end, grid)), mask); // [R, L] log(1 − h_t)
  const survival = g.exp(g.cumSum(survive, 1, { exclusive: true })); // [R, L] S_t
  const expected = g.reduceSum(g.mul(survival, mask), [1]); // [R]
  const excess = g.div(g.sub(expected, teacherTokens), teacherTokens); // [R]
  const raw = g.mul(g.relu(g.sub(excess, options.hinge)), options.slope); // [R]
  const shrink = g.stopGradient(g.minimum(g.div(options.cap, g.maximum(raw, options.cap)), 1));
  const penalty = g.mul(raw, shrink);
  return { loss: g.reduceSum(g.mul(g.reshape(penalty, [r]), weight)), excess };
}

export interface EarlyPriorOperands {
  /** [M] log-probability of the token that opens a call. */
  readonly call: Value;
  /** int64 [R, N]: the first N completion positions of each row. */
  readonly grid: Value;
  /** [R, N]: 1 where the row has that position. */
  readonly mask: Value;
  /** [R]: 0 where no tool should be used; else its share. */
  readonly weight: Value;
}

/**
 * Σ weight · −log(1 − Π_{t<N}(1 − p_t(call))): the probability that a call opens within the first N positions
 * should be 1. Zero, with zero gradient, for rows of weight 0.
 */
export function earlyCallPrior(g: GraphBuilder, operands: EarlyPriorOperands): Value {
  const { call, grid, mask, weight } = operands;
  const missed = g.reduceSum(g.mul(logComplement(g, onGrid(g, call, grid)), mask), [1]); // [R] log Π(1 − p)
  return g.neg(g.reduceSum(g.mul(logComplement(g, missed), weight)));
}
