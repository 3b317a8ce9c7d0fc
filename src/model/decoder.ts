import type { NamedTensors } from "../backend/session.ts";
import type { Random } from "../base/random.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import type { Dim, Value } from "../graph/graph.ts";
import { float32, type Tensor, zeros } from "../tensor/tensor.ts";
import type { ModelConfig } from "./config.ts";

/** Parameters of a model in a graph, by their Hugging Face names. Linear weights are [in, out]. */
export type Parameters = ReadonlyMap<string, Value>;

/**
 * How a layer looks at the other positions: (layer, q [B, T, H·D], k [B, T, K·D], v [B, T, K·D]) before rotary
 * embedding → [B, T, H·D].
 */
export type Attend = (layer: number, q: Value, k: Value, v: Value) => Value;

const layerName = (layer: number, rest: string): string => `model.layers.${layer}.${rest}.weight`;

/** Every parameter's name and shape in graph layout, in a fixed order. */
export function parameterShapes(config: ModelConfig): ReadonlyMap<string, readonly number[]> {
  const { hiddenSize: c, intermediateSize: f, vocabSize, heads, kvHeads, headDim } = config;
  const shapes = new Map<string, readonly number[]>([["model.embed_tokens.weight", [vocabSize, c]]]);
  for (let i = 0; i < config.layers; i++) {
    shapes.set(layerName(i, "input_layernorm"), [c]);
    shapes.set(layerName(i, "self_attn.q_proj"), [c, heads * headDim]);
    shapes.set(layerName(i, "self_attn.k_proj"), [c, kvHeads * headDim]);
    shapes.set(layerName(i, "self_attn.v_proj"), [c, kvHeads * headDim]);
    shapes.set(layerName(i, "self_attn.o_proj"), [heads * headDim, c]);
    shapes.set(layerName(i, "post_attention_layernorm"), [c]);
    shapes.set(layerName(i, "mlp.gate_proj"), [c, f]);
    shapes.set(layerName(i, "mlp.up_proj"), [c, f]);
    shapes.set(layerName(i, "mlp.down_proj"), [f, c]);
  }
  shapes.set("model.norm.weight", [c]);
  if (!config.tieEmbeddings) shapes.set("lm_head.weight", [c, vocabSize]);
  return shapes;
}

/** The projections: what quantisation applies to, and what files hold as [out, in]. */
export function isLinearWeight(name: string): boolean {
  return name.endsWith("_proj.weight") || name === "lm_head.weight";
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
export function declareParameters(g: GraphBuilder, config: ModelConfig): Parameters {
  const entries = [...parameterShapes(config)].map(
    ([name, shape]) => [name, g.parameter(name, shape)] as const,
  );
  return new Map(entries);
}

/** The same parameters with each linear weight fake-quantised to int8. */
export function fakeQuantised(g: GraphBuilder, parameters: Parameters): Parameters {
  const quantised = [...parameters].map(
    ([name, value]) =>
      [
        name,
        isLinearWeight(name) ? g.scope(`quantise.${name}`, () => g.fakeQuant(value, 8)) : value,
      ] as const,
  );
  return new Map(quantised);
}

/**
 * Cosines and sines of the rotary embedding, [positions, D/2] each:
 * angle(p, i) = p / theta^(2i / D). Source: Su et al. 2021, arXiv:2104.09864.
 */
export function rotaryTables(config: ModelConfig, positions: number): { cos: Tensor; sin: Tensor } {
  const half = config.headDim / 2;
  const cos = new Float32Array(positions * half);
  const sin = new Float32Array(positions * half);
  for (let p = 0; p < positions; p++) {
    for (let i = 0; i < half; i++) {
      const angle = p / config.ropeTheta ** ((2 * i) / config.headDim);
      cos[p * half + i] = Math.cos(angle);
      sin[p * half + i] = Math.sin(angle);
    }
  }
  return { cos: float32([positions, half], cos), sin: float32([positions, half], sin) };
}

/** Causal attention over whole sequences of T tokens. Padding on the right is harmless: nothing before it sees it. */
export function trainingAttention(g: GraphBuilder, config: ModelConfig, B: number, T: number): Attend {
  const { heads, kvHeads, headDim } = config;
  const tables = rotaryTables(config, T);
  const cos = g.constant(tables.cos);
  const sin = g.constant(tables.sin);
  const split = (x: Value, count: number): Value =>
    g.transpose(g.reshape(x, [B, T, count, headDim]), [0, 2, 1, 3]); // [B, H, T, D]
  const repeat = (x: Value): Value => {
    const group = heads / kvHeads;
    if (group === 1) return x;
    const grouped = g.expand(g.reshape(x, [B, kvHeads, 1, T, headDim]), [B, kvHeads, group, T, headDim]);
    return g.reshape(grouped, [B, heads, T, headDim]);
  };
  return (_layer, q, k, v) => {
    const { out } = g.attention(
      g.rotary(split(q, heads), cos, sin),
      repeat(g.rotary(split(k, kvHeads), cos, sin)),
      repeat(split(v, kvHeads)),
      { scale: 1 / Math.sqrt(headDim), causal: true },
    );
    return g.reshape(g.transpose(out, [0, 2, 1, 3]), [B, T, heads * headDim]);
  };
}

/** Attention over a KV cache that the run updates in place; declares its inputs and outputs. Batch 1. */
export function cachedAttention(g: GraphBuilder, config: ModelConfig): Attend {
  const { heads, kvHeads, headDim, contextLength } = config;
  const tables = rotaryTables(config, contextLength);
  const cos = g.constant(tables.cos);
  const sin = g.constant(tables.sin);
  const lastPosition = g.input("last_position", "int32", [1]);
  const totalLength = g.input("total_length", "int32", []);
  const cache = (name: string): Value =>
    g.input(name, "float32", [1, kvHeads, contextLength, headDim], "state");
  return (layer, q, k, v) => {
    const pastKey = cache(`past_key.${layer}`);
    const pastValue = cache(`past_value.${layer}`);
    const { out, presentKey, presentValue } = g.cachedAttention(
      { q, k, v, pastKey, pastValue, lastPosition, totalLength, cos, sin },
      { heads, kvHeads, scale: 1 / Math.sqrt(headDim) },
    );
    g.output(`present_key.${layer}`, presentKey);
    g.output(`present_value.${layer}`, presentValue);
    return out;
  };
}

/** The layers from token ids int64 [B, T] to the normalised hidden states [B·T, C]. */
export function buildTrunk(
  g: GraphBuilder,
  config: ModelConfig,
  parameters: Parameters,
  ids: Value,
  attend: Attend,
): Value {
  const [B, T] = ids.shape as [Dim, Dim];
  const C = config.hiddenSize;
  // Rows are flat [B·T, C]: two-dimensional products are the fast ones. With a named T, B is 1 and rows are [T, C].
  const rows: Dim = typeof B === "number" && typeof T === "number" ? B * T : T;
  const weight = (name: string): Value => parameters.get(name) as Value;
  const norm = (x: Value, name: string): Value => g.rmsNorm(x, weight(name), config.rmsNormEpsilon);
  let x = g.reshape(g.gather(weight("model.embed_tokens.weight"), ids), [rows, C]);
  for (let layer = 0; layer < config.layers; layer++) {
    x = g.scope(`layers.${layer}`, () => {
      const linear = (input: Value, name: string): Value => g.matmul(input, weight(layerName(layer, name)));
      const attended = g.scope("attention", () => {
        const h = norm(x, layerName(layer, "input_layernorm"));
        const heads = (name: string): Value => {
          const flat = linear(h, `self_attn.${name}`);
          return g.reshape(flat, [B, T, flat.shape[1] as number]); // [B, T, H·D]
        };
        const out = attend(layer, heads("q_proj"), heads("k_proj"), heads("v_proj"));
        return linear(g.reshape(out, [rows, config.heads * config.headDim]), "self_attn.o_proj");
      });
      const middle = g.add(x, attended);
      const fed = g.scope("mlp", () => {
        const h = norm(middle, layerName(layer, "post_attention_layernorm"));
        return linear(g.swiglu(linear(h, "mlp.gate_proj"), linear(h, "mlp.up_proj")), "mlp.down_proj");
      });
      return g.add(middle, fed);
    });
  }
  return g.scope("final", () => norm(x, "model.norm.weight"));
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
      ? g.matmul(hidden, parameters.get("model.embed_tokens.weight") as Value, { transB: true })
      : g.matmul(hidden, parameters.get("lm_head.weight") as Value),
  );
}

/**
 * Fresh weights: normal with deviation 0.02, the projections that write to the residual stream divided by √(2N)
 * (Radford et al. 2019), norms at 1. Each parameter has its own random stream, so a change of one shape leaves the rest.
 */
export function initialiseWeights(config: ModelConfig, random: Random): NamedTensors {
  const weights: Record<string, Tensor> = {};
  for (const [name, shape] of parameterShapes(config)) {
    const values = zeros("float32", shape);
    const isResidual = name.endsWith("o_proj.weight") || name.endsWith("down_proj.weight");
    const deviation = isResidual ? 0.02 / Math.sqrt(2 * config.layers) : 0.02;
    const stream = random.fork(name);
    for (let i = 0; i < values.data.length; i++)
      values.data[i] = isNormWeight(name) ? 1 : stream.normal() * deviation;
    weights[name] = values;
  }
  return weights;
}
