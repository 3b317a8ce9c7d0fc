import { gradients } from "../autodiff/gradients.ts";
import { GraphBuilder } from "../graph/builder.ts";
import type { Graph, Value } from "../graph/graph.ts";
import type { ModelConfig } from "../model/config.ts";
import {
  buildTrunk,
  declareParameters,
  fakeQuantised,
  projectLogits,
  trainingAttention,
} from "../model/decoder.ts";
import { earlyCallPrior, lengthPenalty } from "./latency-losses.ts";
import {
  classColumns,
  type Divergence,
  type LossPart,
  pickLogProbabilities,
  tailMass,
  tailPenalty,
  topkDivergence,
  weighParts,
  weightedCrossEntropy,
} from "./losses.ts";
import type { BatchShape } from "./shapes.ts";

export interface StepGraphOptions {
  readonly config: ModelConfig;
  readonly shape: BatchShape;
  /** Which parts the loss has; their order is that of `part_weights` and `parts`. */
  readonly parts: readonly LossPart[];
  /** Classes stored of the teacher; needed by kl and tail. */
  readonly k: number;
  readonly temperature: number;
  readonly divergence: Divergence;
  /** N of the early-call prior. */
  readonly earlyTokens: number;
  /** Most rollout tokens, and the shape of the penalty, of the length part. */
  readonly length: {
    readonly tokens: number;
    readonly hinge: number;
    readonly slope: number;
    readonly cap: number;
  };
  /** Linear weights pass through fakeQuant. */
  readonly isQuantised: boolean;
  /** Adds the backward pass: outputs `grad.<parameter>`. */
  readonly hasGradients: boolean;
}

/**
 * Forward pass over [B, T], loss parts at the M completion positions, and the gradients of their weighted sum.
 * Inputs (only those that the parts need):
 *   ids int64 [B, T], distinct positions int64 [M] into the B·T rows, classes int64 [M, 3 + k], part_weights [P],
 *   ce_weight, early_weight, kl_weight [M], teacher [M, k + 1],
 *   early_grid int64 [B, N], early_mask [B, N], early_row_weight [B],
 *   length_grid int64 [B, L], length_mask [B, L], length_teacher [B], length_row_weight [B].
 * Outputs: total [], parts [P], excess [B] with the length part, grad.<parameter>.
 */
export function buildStepGraph(options: StepGraphOptions): Graph {
  const { config, shape, parts, k } = options;
  const { tokens, rows, completions } = shape;
  const g = new GraphBuilder(`step_${tokens}`);
  const declared = declareParameters(g, config);
  const parameters = options.isQuantised ? fakeQuantised(g, declared) : declared;
  const ids = g.input("ids", "int64", [rows, tokens]);
  const positions = g.input("positions", "int64", [completions]);
  const width = classColumns.topk + (needsTopk(parts) ? k : 0);
  const classes = g.input("classes", "int64", [completions, width]);
  const partWeights = g.input("part_weights", "float32", [parts.length]);

  const trunk = buildTrunk(g, config, parameters, ids, trainingAttention(g, config, rows, tokens)); // [B·T, C]
  const hidden = g.gather(trunk, positions, true); // [M, C]
  const logits = g.scope("logits", () => projectLogits(g, config, parameters, hidden)); // [M, V]
  const picked = g.scope("loss", () => pickLogProbabilities(g, logits, classes));

  const perPosition = (name: string): Value => g.input(name, "float32", [completions]);
  let excess: Value | null = null;
  const teacherOperands = needsTopk(parts)
    ? {
        topk: picked.topk!,
        tail: g.scope("loss", () => tailMass(g, picked.topk!)),
        weight: perPosition("kl_weight"),
        teacher: parts.includes("kl") ? g.input("teacher", "float32", [completions, k + 1]) : null,
      }
    : null;
  const build: { readonly [P in LossPart]: () => Value } = {
    ce: () => weightedCrossEntropy(g, picked.target, perPosition("ce_weight")),
    early_ce: () => weightedCrossEntropy(g, picked.target, perPosition("early_weight")),
    kl: () => {
      const { topk, tail, weight, teacher } = teacherOperands!;
      return topkDivergence(g, { topk, tail, teacher: teacher!, weight }, options);
    },
    tail: () => tailPenalty(g, teacherOperands!.tail, teacherOperands!.weight),
    early_prior: () =>
      earlyCallPrior(g, {
        call: picked.call,
        grid: g.input("early_grid", "int64", [rows, options.earlyTokens]),
        mask: g.input("early_mask", "float32", [rows, options.earlyTokens]),
        weight: g.input("early_row_weight", "float32", [rows]),
      }),
    length: () => {
      const penalty = lengthPenalty(
        g,
        {
          end: picked.end,
          grid: g.input("length_grid", "int64", [rows, options.length.tokens]),
          mask: g.input("length_mask", "float32", [rows, options.length.tokens]),
          teacherTokens: g.input("length_teacher", "float32", [rows]),
          weight: g.input("length_row_weight", "float32", [rows]),
        },
        options.length,
      );
      excess = penalty.excess;
      return penalty.loss;
    },
  };
  const values = g.scope("loss", () => parts.map((part) => g.scope(part, build[part])));
  const weighed = g.scope("loss", () => weighParts(g, values, partWeights));
  g.output("total", weighed.total);
  g.output("parts", weighed.parts);
  if (excess) g.output("excess", excess);
  if (options.hasGradients) {
    const names = [...declared.keys()];
    const wrt = [...declared.values()];
    gradients(g, weighed.total, wrt).forEach((gradient, i) => {
      g.output(`grad.${names[i]}`, gradient);
    });
  }
  return g.build();
}

/** The parts that read the teacher's top-k. */
export function needsTopk(parts: readonly LossPart[]): boolean {
  return parts.includes("kl") || parts.includes("tail");
}

/** Forward only: `log_probabilities` [M, V] at `positions` [M] of `ids` [B, T]. */
export function buildLogProbabilityGraph(config: ModelConfig, shape: BatchShape): Graph {
  const g = new GraphBuilder(`log_probabilities_${shape.tokens}`);
  const parameters = declareParameters(g, config);
  const ids = g.input("ids", "int64", [shape.rows, shape.tokens]);
  const positions = g.input("positions", "int64", [shape.completions]);
  const attend = trainingAttention(g, config, shape.rows, shape.tokens);
  const trunk = buildTrunk(g, config, parameters, ids, attend); // [B·T, C]
  const logits = projectLogits(g, config, parameters, g.gather(trunk, positions)); // [M, V]
  g.output("log_probabilities", g.logSoftmax(logits, -1));
  return g.build();
}
