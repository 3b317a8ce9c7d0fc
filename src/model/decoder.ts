import type { NamedTensors } from "../backend/session.ts";
import type { Random } from "../base/random.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import type { Dim, Value } from "../graph/graph.ts";
import { type Tensor, zeros } from "../tensor/tensor.ts";
import type { ModelConfig } from "./config.ts";
import { families } from "./families.ts";
import { type Rope, rotaryTables } from "./rope.ts";
import { lookUp, multiply, multiplyByTable, type Weight } from "./weight.ts";

/** Parameters of a model in a graph, by their Hugging Face names. Linear weights are [in, out]. */
export type Parameters = ReadonlyMap<string, Weight>;

/**
 * How a layer looks at the other positions: (layer, q [B, T, H·D], k [B, T, K·D], v [B, T, K·D]) before rotary
 * embedding → [B, T, H·D].
 */
export type Attend = (layer: number, q: Value, k: Value, v: Value) => Value;

const layerName = (layer: number, rest: string, kind: "weight" | "bias" = "weight"): string =>
  `model.layers.${layer}.${rest}.${kind}`;

/** Every parameter's name and shape in graph layout, in a fixed order. */
export function parameterShapes(config: ModelConfig): ReadonlyMap<string, readonly number[]> {
  const { hiddenSize: c, intermediateSize: f, vocabSize, heads, kvHeads, headDim } = config;
  const { attentionNorms, mlpNorms, qkvBias, qkNorm } = families[config.family];
  const { attentionBias = false, mlpBias = false } = config;
  const shapes = new Map<string, readonly number[]>([["model.embed_tokens.weight", [vocabSize, c]]]);
  for (let i = 0; i < config.layers; i++) {
    const norm = (name: string | null, width: number): void => {
      if (name !== null) shapes.set(layerName(i, name), [width]);
    };
    const linear = (name: string, inputs: number, outputs: number, hasBias: boolean): void => {
      shapes.set(layerName(i, name), [inputs, outputs]);
      if (hasBias) shapes.set(layerName(i, name, "bias"), [outputs]);
    };
    norm(attentionNorms.before, c);
    linear("self_attn.q_proj", c, heads * headDim, qkvBias || attentionBias);
    linear("self_attn.k_proj", c, kvHeads * headDim, qkvBias || attentionBias);
    linear("self_attn.v_proj", c, kvHeads * headDim, qkvBias || attentionBias);
    if (qkNorm) norm("self_attn.q_norm", headDim);
    if (qkNorm) norm("self_attn.k_norm", headDim);
    linear("self_attn.o_proj", heads * headDim, c, attentionBias);
    norm(attentionNorms.after, c);
    norm(mlpNorms.before, c);
    linear("mlp.gate_proj", c, f, mlpBias);
    linear("mlp.up_proj", c, f, mlpBias);
    linear("mlp.down_proj", f, c, mlpBias);
    norm(mlpNorms.after, c);
  }
  shapes.set("model.norm.weight", [c]);
  if (!config.tieEmbeddings) shapes.set("lm_head.weight", [c, vocabSize]);
  return shapes;
}

const joinedQkv = "self_attn.qkv_proj";

/** The name of the parameter that a part of a layer's q, k and v goes into where a graph reads them as one. */
export function joinedName(name: string): string {
  return name.replace(/self_attn\.[qkv]_proj/, joinedQkv);
}

/** The projections: what quantisation applies to, and what files hold as [out, in]. */
export function isLinearWeight(name: string): boolean {
  return name.endsWith("_proj.weight") || name === "lm_head.weight";
}

export function isBias(name: string): boolean {
  return name.endsWith(".bias");
}

export function isNormWeight(name: string): boolean {
  return name.endsWith("norm.weight");
}

export function parameterCount(config: ModelConfig): number {
  let total = 0;
  for (const shape of parameterShapes(config).values()) total += shape.reduce((n, d) => n * d, 1);
  return total;
}

/** Declares every parameter as a graph input. */
export function declareParameters(g: GraphBuilder, config: ModelConfig): ReadonlyMap<string, Value> {
  const entries = [...parameterShapes(config)].map(
    ([name, shape]) => [name, g.parameter(name, shape)] as const,
  );
  return new Map(entries);
}

/** The same parameters with each linear weight fake-quantised to int8. */
export function fakeQuantised(g: GraphBuilder, parameters: ReadonlyMap<string, Value>): Parameters {
  const quantised = [...parameters].map(
    ([name, value]) =>
      [
        name,
        isLinearWeight(name) ? g.scope(`quantise.${name}`, () => g.fakeQuant(value, 8)) : value,
      ] as const,
  );
  return new Map(quantised);
}

/** Scores are multiplied by this. */
const scoreScale = (config: ModelConfig): number => 1 / Math.sqrt(config.queryScalar ?? config.headDim);

/** What one layer's attention needs beside its operands. */
interface LayerReach {
  /** [positions, D/2] */
  readonly cos: Value;
  readonly sin: Value;
  /** Nothing where the layer sees all positions. */
  readonly window: { readonly window?: number };
}

/** The reach of each layer; layers of one kind share their tables. */
function layerReaches(
  g: GraphBuilder,
  config: ModelConfig,
  positions: number,
): (layer: number) => LayerReach {
  const { sliding } = config;
  const reach = (rope: Rope, window: LayerReach["window"]): LayerReach => {
    const { cos, sin } = rotaryTables(rope, config.headDim, positions);
    return { cos: g.constant(cos), sin: g.constant(sin), window };
  };
  const full = reach(config, {});
  const local = sliding && reach(sliding, { window: sliding.window });
  return (layer) => (local && sliding.isSliding[layer] ? local : full);
}

/** Causal attention over whole sequences of T tokens. Padding on the right is harmless: nothing before it sees it. */
export function trainingAttention(g: GraphBuilder, config: ModelConfig, B: number, T: number): Attend {
  const { heads, kvHeads, headDim } = config;
  const reachOf = layerReaches(g, config, T);
  const split = (x: Value, count: number): Value =>
    g.transpose(g.reshape(x, [B, T, count, headDim]), [0, 2, 1, 3]); // [B, H, T, D]
  const repeat = (x: Value): Value => {
    const group = heads / kvHeads;
    if (group === 1) return x;
    const grouped = g.expand(g.reshape(x, [B, kvHeads, 1, T, headDim]), [B, kvHeads, group, T, headDim]);
    return g.reshape(grouped, [B, heads, T, headDim]);
  };
  return (layer, q, k, v) => {
    const { cos, sin, window } = reachOf(layer);
    const { out } = g.attention(
      g.rotary(split(q, heads), cos, sin),
      repeat(g.rotary(split(k, kvHeads), cos, sin)),
      repeat(split(v, kvHeads)),
      { scale: scoreScale(config), causal: true, ...window },
    );
    return g.reshape(g.transpose(out, [0, 2, 1, 3]), [B, T, heads * headDim]);
  };
}

/** Attention over a KV cache that the run updates in place; declares its inputs and outputs. Batch 1. */
export function cachedAttention(g: GraphBuilder, config: ModelConfig): Attend {
  const { heads, kvHeads, headDim, contextLength } = config;
  const reachOf = layerReaches(g, config, contextLength);
  const lastPosition = g.input("last_position", "int32", ["B"]);
  const totalLength = g.input("total_length", "int32", []);
  const cache = (name: string): Value =>
    g.input(name, "float32", ["B", kvHeads, contextLength, headDim], "state");
  return (layer, q, k, v) => {
    const pastKey = cache(`past_key.${layer}`);
    const pastValue = cache(`past_value.${layer}`);
    const { cos, sin, window } = reachOf(layer);
    const { out, presentKey, presentValue } = g.cachedAttention(
      { q, k, v, pastKey, pastValue, lastPosition, totalLength, cos, sin },
      { heads, kvHeads, scale: scoreScale(config), ...window },
    );
    g.output(`present_key.${layer}`, presentKey);
    g.output(`present_value.${layer}`, presentValue);
    return out;
  };
}

/** Sizes of the tokens that a graph reads: ids are [B, T]. */
export interface TokenShape {
  readonly B: Dim;
  readonly T: Dim;
}

// Rows are flat [B·T, C] where the sizes are numbers, for gradients: two-dimensional products are the fast ones. Named
// sizes stay apart, [B, T, C]: to make them one and two again would take five nodes a layer, which a decode step feels.
const rowsOf = ({ B, T }: TokenShape): readonly Dim[] =>
  typeof B === "number" && typeof T === "number" ? [B * T] : [B, T];

/** `x` in a shape of as many elements: itself where it has it. */
function shaped(g: GraphBuilder, x: Value, shape: readonly Dim[]): Value {
  return x.shape.join() === shape.join() ? x : g.reshape(x, shape);
}

/** Names of the parts of a model, in graphs and in reports: a part of a graph starts where its scope does. */
export const embeddingPart = "embedding";
export const layerScope = (layer: number): string => `layers.${layer}`;
export const finalScope = "final";

/** Token ids int64 [B, T] → [B·T, C]. */
export function embedTokens(g: GraphBuilder, config: ModelConfig, parameters: Parameters, ids: Value): Value {
  const [B, T] = ids.shape as [Dim, Dim];
  const table = parameters.get("model.embed_tokens.weight") as Weight;
  const rows = shaped(g, lookUp(g, table, ids), [...rowsOf({ B, T }), config.hiddenSize]);
  return families[config.family].scaledEmbedding ? g.mul(rows, Math.sqrt(config.hiddenSize)) : rows;
}

/** Which rows of B·T are read: int64 [Q]. Without it all are. */
interface Selection {
  readonly select?: Value | undefined;
}

/** Rows [Q, width] of x [B·T, width], or x itself. */
function selectRows(g: GraphBuilder, x: Value, { B, T, select }: TokenShape & Selection): Value {
  if (select === undefined) return x;
  const count = typeof B === "number" && typeof T === "number" ? B * T : `${B}·${T}`;
  return g.gather(shaped(g, x, [count, x.shape.at(-1) as number]), select);
}

/** One layer: x [B·T, C] → [B·T, C]; with a selection [Q, C], and what follows attention is of those rows alone. */
export function buildLayer(
  g: GraphBuilder,
  config: ModelConfig,
  parameters: Parameters,
  place: TokenShape & Selection & { readonly layer: number },
  x: Value,
  attend: Attend,
): Value {
  const { layer, B, T } = place;
  const rows = rowsOf(place);
  const { heads, kvHeads, headDim } = config;
  const { attentionNorms, mlpNorms, qkNorm, gate } = families[config.family];
  const norm = (input: Value, name: string | null): Value => {
    if (name === null) return input;
    return g.rmsNorm(input, parameters.get(layerName(layer, name)) as Value, config.rmsNormEpsilon);
  };
  const linear = (input: Value, name: string): Value => {
    const product = multiply(g, input, parameters.get(layerName(layer, name)) as Weight);
    const bias = parameters.get(layerName(layer, name, "bias")) as Value | undefined;
    return bias ? g.add(product, bias) : product;
  };
  return g.scope(layerScope(layer), () => {
    const attended = g.scope("attention", () => {
      const h = norm(x, attentionNorms.before);
      const joined = parameters.has(layerName(layer, joinedQkv)) ? linear(h, joinedQkv) : null;
      // Heads of q, k or v [B, T, count·D]; in the joined product they stand behind `before` others.
      const project = (name: "q" | "k" | "v", before: number, count: number, isNormed: boolean): Value => {
        const [start, end] = [before * headDim, (before + count) * headDim];
        const flat = joined ? g.slice(joined, -1, start, end) : linear(h, `self_attn.${name}_proj`);
        const split = (): Value => g.reshape(flat, [...rows, count, headDim]);
        const own = isNormed ? norm(split(), `self_attn.${name}_norm`) : flat;
        return shaped(g, own, [B, T, count * headDim]);
      };
      const q = project("q", 0, heads, qkNorm);
      const k = project("k", heads, kvHeads, qkNorm);
      const v = project("v", heads + kvHeads, kvHeads, false);
      const out = shaped(g, attend(layer, q, k, v), [...rows, heads * headDim]);
      const mixed = linear(selectRows(g, out, place), "self_attn.o_proj");
      return norm(mixed, attentionNorms.after);
    });
    const middle = g.add(selectRows(g, x, place), attended);
    const fed = g.scope("mlp", () => {
      const h = norm(middle, mlpNorms.before);
      const gated = g[gate](linear(h, "mlp.gate_proj"), linear(h, "mlp.up_proj"));
      return norm(linear(gated, "mlp.down_proj"), mlpNorms.after);
    });
    return g.add(middle, fed);
  });
}

/** What the head reads of the last layer's x [M, C]: [M, C]. */
export function finalNorm(g: GraphBuilder, config: ModelConfig, parameters: Parameters, x: Value): Value {
  const weight = parameters.get("model.norm.weight") as Value;
  return g.scope(finalScope, () => g.rmsNorm(x, weight, config.rmsNormEpsilon));
}

/** The layers from token ids int64 [B, T] to the normalised hidden states [B·T, C], or [Q, C] of the selected rows. */
export function buildTrunk(
  g: GraphBuilder,
  config: ModelConfig,
  parameters: Parameters,
  ids: Value,
  attend: Attend,
  select?: Value,
): Value {
  const [B, T] = ids.shape as [Dim, Dim];
  let x = embedTokens(g, config, parameters, ids);
  for (let layer = 0; layer < config.layers; layer++) {
    const isLast = layer === config.layers - 1;
    x = buildLayer(g, config, parameters, { layer, B, T, select: isLast ? select : undefined }, x, attend);
  }
  return finalNorm(g, config, parameters, x);
}

/** Hidden states [M, C] → logits [M, V]. */
export function projectLogits(
  g: GraphBuilder,
  config: ModelConfig,
  parameters: Parameters,
  hidden: Value,
): Value {
  return g.scope("head", () =>
    config.tieEmbeddings
      ? multiplyByTable(g, hidden, parameters.get("model.embed_tokens.weight") as Weight)
      : multiply(g, hidden, parameters.get("lm_head.weight") as Weight),
  );
}

/**
 * Fresh weights: normal with deviation 0.02, the projections that write to the residual stream divided by √(2N)
 * (Radford et al. 2019), norms at 1, biases at 0. Each parameter has its own random stream, so a change of one shape leaves the rest.
 */
export function initialiseWeights(config: ModelConfig, random: Random): NamedTensors {
  const weights: Record<string, Tensor> = {};
  for (const [name, shape] of parameterShapes(config)) {
    const values = zeros("float32", shape);
    const isResidual = name.endsWith("o_proj.weight") || name.endsWith("down_proj.weight");
    const deviation = isResidual ? 0.02 / Math.sqrt(2 * config.layers) : 0.02;
    const stream = random.fork(name);
    if (isNormWeight(name)) (values.data as Float32Array).fill(1);
    else if (!isBias(name))
      for (let i = 0; i < values.data.length; i++) values.data[i] = stream.normal() * deviation;
    weights[name] = values;
  }
  return weights;
}
