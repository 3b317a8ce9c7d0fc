import { GraphBuilder } from "../graph/builder.ts";
import type { Graph } from "../graph/graph.ts";
import type { ModelConfig } from "./config.ts";
import { buildTrunk, cachedAttention, parameterShapes, projectLogits } from "./decoder.ts";
import { joinedWeights } from "./joined-weights.ts";
import { type BlockSize, defaultBlock, type WeightFormat } from "./weight-formats.ts";
import { formOf, type WeightChoice } from "./weight-forms.ts";

export interface InferenceOptions {
  readonly weights: WeightFormat;
  /** Elements that share a scale in formats of blocks; default 128. */
  readonly block?: BlockSize | null | undefined;
  /** Default "int8": products with blocks may round what they multiply. "float32" is the exact twin. */
  readonly activations?: WeightChoice["activations"];
  /** Whether the parameters are those of `joinedWeights` (exports) or of the checkpoint (default). */
  readonly isJoined?: boolean;
}

/** The options with their defaults. */
export function choiceOf({ weights, block, activations }: InferenceOptions): WeightChoice {
  return { format: weights, block: block ?? defaultBlock, activations: activations ?? "int8" };
}

/**
 * The graph that generates: T new tokens against a cache of contextLength positions, batch 1.
 *
 * Inputs: `ids` int64 [1, T], `last_position` int32 [1] (tokens before + T − 1), `total_length` int32 [] (tokens
 * before + T), `select` int64 [Q] (which of the T positions give logits: after its attention the last layer
 * goes on with these alone), `past_key.{i}` and `past_value.{i}` float32 [1, K, S, D], and the parameters. Outputs:
 * `logits` [Q, V], `present_key.{i}`, `present_value.{i}`, which may be the memory of the past ones.
 */
export function buildInferenceGraph(config: ModelConfig, options: InferenceOptions): Graph {
  const g = new GraphBuilder("inference");
  const ids = g.input("ids", "int64", ["B", "T"]);
  const select = g.input("select", "int64", ["Q"]);
  const choice = choiceOf(options);
  const shapes = options.isJoined
    ? joinedWeights(config).map(({ name, shape }) => [name, shape] as const)
    : [...parameterShapes(config)];
  const parameters = new Map(shapes.map(([name, shape]) => [name, formOf(name, shape, choice).declare(g)]));
  const hidden = buildTrunk(g, config, parameters, ids, cachedAttention(g, config), select); // [Q, C]
  g.output("logits", projectLogits(g, config, parameters, hidden)); // [Q, V]
  return g.build();
}
