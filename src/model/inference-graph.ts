import { GraphBuilder } from "../graph/builder.ts";
import type { Graph, Value } from "../graph/graph.ts";
import type { ModelConfig } from "./config.ts";
import {
  buildTrunk,
  cachedAttention,
  declareParameters,
  isLinearWeight,
  type Parameters,
  parameterShapes,
  projectLogits,
} from "./decoder.ts";

/** How an exported model holds its linear weights. */
export const weightFormats = ["fp32", "int8"] as const;
export type WeightFormat = (typeof weightFormats)[number];

/** Names of the two inputs that stand for one int8 weight. */
export const quantisedName = (name: string): { values: string; scale: string } => ({
  values: `${name}.int8`,
  scale: `${name}.scale`,
});

function declareInt8(g: GraphBuilder, config: ModelConfig): Parameters {
  const parameters = new Map<string, Value>();
  for (const [name, shape] of parameterShapes(config)) {
    if (!isLinearWeight(name)) {
      parameters.set(name, g.parameter(name, shape));
      continue;
    }
    const { values, scale } = quantisedName(name);
    const q = g.parameter(values, shape, "int8");
    parameters.set(name, g.dequantize(q, g.parameter(scale, [shape[1] as number])));
  }
  return parameters;
}

/**
 * The graph that generates: T new tokens against a cache of contextLength positions, batch 1.
 *
 * Inputs: `ids` int64 [1, T], `last_position` int32 [1] (tokens before + T − 1), `total_length` int32 [] (tokens
 * before + T), `select` int64 [Q] (which of the T positions give logits), `past_key.{i}` and `past_value.{i}`
 * float32 [1, K, S, D], and the parameters. Outputs: `logits` [Q, V], `present_key.{i}`, `present_value.{i}`, which
 * may be the memory of the past ones.
 */
export function buildInferenceGraph(config: ModelConfig, options: { weights: WeightFormat }): Graph {
  const g = new GraphBuilder("inference");
  const ids = g.input("ids", "int64", [1, "T"]);
  const select = g.input("select", "int64", ["Q"]);
  const parameters = options.weights === "int8" ? declareInt8(g, config) : declareParameters(g, config);
  const hidden = buildTrunk(g, config, parameters, ids, cachedAttention(g, config)); // [T, C]
  g.output("logits", projectLogits(g, config, parameters, g.gather(hidden, select))); // [Q, V]
  return g.build();
}
