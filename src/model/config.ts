import { z } from "zod";
import { LimbeckError } from "../base/errors.ts";
import type { Family } from "./families.ts";
import { type Published, published } from "./published.ts";
import type { Rope } from "./rope.ts";
import { type LayerKind, layerKinds, type RopeContext, readRope, writeRope } from "./rope-config.ts";

/** Layers that see only the last positions, beside layers that see all. Their rotary embedding is their own. */
export interface SlidingLayers extends Rope {
  /** Positions that a token of such a layer sees, its own among them. */
  readonly window: number;
  /** Whether each layer is one of them, [N]. */
  readonly isSliding: readonly boolean[];
}

/** A decoder-only transformer, in our words. What its family does always stands in `families`. */
export interface ModelConfig extends Rope {
  readonly family: Family;
  /** V */
  readonly vocabSize: number;
  /** C */
  readonly hiddenSize: number;
  /** F */
  readonly intermediateSize: number;
  /** N */
  readonly layers: number;
  /** H */
  readonly heads: number;
  /** K */
  readonly kvHeads: number;
  /** D */
  readonly headDim: number;
  /** S: what tables and cache hold. It may be lowered freely: a stretched embedding knows its original context. */
  readonly contextLength: number;
  readonly rmsNormEpsilon: number;
  readonly tieEmbeddings: boolean;
  /** q, k, v and the output of attention carry biases. Absent: as the family has it. */
  readonly attentionBias?: true;
  /** The three projections of the feed-forward half carry biases. Absent: none does. */
  readonly mlpBias?: true;
  /** Attention scores are divided by the root of this. Absent: of D. */
  readonly queryScalar?: number;
  /** Absent: every layer sees all positions. */
  readonly sliding?: SlidingLayers;
  readonly bosId: number | null;
  /** Each of these ends a text; the first is the one that ends a turn of ours. */
  readonly eosIds: readonly number[];
  readonly padId: number | null;
}

/** ONNX Runtime's attention with a cache takes head widths that are multiples of this. */
export const headWidthStep = 16;

const count = z.number().int().positive();
const tokenId = z.number().int().nonnegative();
const eosSchema = z.union([tokenId, z.array(tokenId)]).nullish();
const rope = z.record(z.string(), z.unknown()).nullish();

/** What transformers computes and this version does not is refused here, never left out in silence. */
const schema = z.looseObject({
  model_type: z.string(),
  vocab_size: count,
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  num_key_value_heads: count.nullish(),
  head_dim: count.nullish(),
  max_position_embeddings: count.nullish(),
  rms_norm_eps: z.number().positive().default(1e-6),
  tie_word_embeddings: z.boolean().nullish(),
  attention_bias: z.boolean().nullish(),
  mlp_bias: z.boolean().nullish(),
  hidden_act: z.string().nullish(),
  hidden_activation: z.string().nullish(),
  rope_theta: z.number().positive().nullish(),
  rope_local_base_freq: z.number().positive().nullish(),
  rope_scaling: rope,
  rope_parameters: rope,
  original_max_position_embeddings: count.nullish(),
  partial_rotary_factor: z.literal(1).nullish(),
  rope_interleaved: z.literal(false).nullish(),
  use_mrope: z.literal(false).nullish(),
  query_pre_attn_scalar: z.number().positive().nullish(),
  use_sliding_window: z.boolean().nullish(),
  sliding_window: count.nullish(),
  sliding_window_pattern: count.nullish(),
  max_window_layers: z.number().int().nonnegative().nullish(),
  layer_types: z.array(z.enum(layerKinds)).nullish(),
  attn_logit_softcapping: z.null().optional(),
  final_logit_softcapping: z.null().optional(),
  use_bidirectional_attention: z.literal(false).nullish(),
  quantization_config: z.null().optional(),
  bos_token_id: tokenId.nullish(),
  eos_token_id: eosSchema,
  pad_token_id: tokenId.nullish(),
});
type ConfigJson = z.infer<typeof schema>;

const familyOf = new Map(
  Object.entries(published).map(([family, { modelType }]) => [modelType, family as Family]),
);

function invalid(source: string, field: string, what: string): LimbeckError {
  return new LimbeckError("invalid_checkpoint", `${source}: ${field}: ${what}`, {
    cure: "Choose a Llama, Qwen2, Qwen3 or Gemma 3 text model that uses nothing else; the field above asks for more.",
    fields: { path: source, field },
  });
}

/** Runs `read`; a value that a schema refuses becomes our error, its field below `prefix`. */
function checked<T>(source: string, prefix: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof z.ZodError)) throw cause;
    const issue = cause.issues[0];
    const field = [prefix, ...(issue?.path ?? [])].filter((part) => part !== "").join(".");
    throw invalid(source, field || "(root)", issue?.message ?? "not a model configuration");
  }
}

type RopeJson = Readonly<Record<string, unknown>> | null | undefined;

const isNested = (json: RopeJson): boolean => layerKinds.some((kind) => json && kind in json);

/**
 * The rotary embeddings of layers that see all positions and of those that slide. transformers 4 wrote rope_theta and
 * rope_scaling, and rope_local_base_freq for sliding layers; 5 writes rope_parameters, for Gemma 3 one of each kind.
 */
function readRopes(c: ConfigJson, source: string, own: Published): { full: Rope; sliding: Rope } {
  const context = (theta: number): RopeContext => ({
    theta,
    maxPositions: c.max_position_embeddings ?? own.contextLength,
    originalPositions: c.original_max_position_embeddings ?? null,
  });
  const field = c.rope_scaling ? "rope_scaling" : "rope_parameters";
  const read = (json: unknown, at: string, theta: number): Rope =>
    checked(source, at, () => readRope(json, context(theta)));
  const theta = c.rope_theta ?? own.ropeTheta;
  const localTheta = own.windows?.ropeTheta ?? null;
  if (localTheta === null) {
    if (isNested(c[field]))
      throw invalid(source, field, "expected one for all layers, got one for each kind");
    const rope = read(c[field], field, theta);
    return { full: rope, sliding: rope };
  }
  const part = (json: RopeJson, kind: LayerKind): unknown => (json && isNested(json) ? json[kind] : json);
  // A scaling that does not say for which layers is for those that see all positions.
  const local = isNested(c.rope_parameters) ? c.rope_parameters?.["sliding_attention"] : null;
  return {
    full: read(part(c[field], "full_attention"), `${field}.full_attention`, theta),
    sliding: read(local, "rope_parameters.sliding_attention", c.rope_local_base_freq ?? localTheta),
  };
}

function readSliding(
  c: ConfigJson,
  source: string,
  { windows }: Published,
  local: Rope,
): SlidingLayers | undefined {
  if (!windows) return undefined;
  const window = windows.window(c);
  const isSliding = c.layer_types
    ? c.layer_types.map((kind) => kind === "sliding_attention")
    : Array.from({ length: c.num_hidden_layers }, (_, i) => window !== null && windows.isSliding(c, i));
  if (isSliding.length !== c.num_hidden_layers) {
    throw invalid(
      source,
      "layer_types",
      `expected one for each of ${c.num_hidden_layers} layers, got ${isSliding.length}`,
    );
  }
  if (!isSliding.includes(true)) return undefined;
  if (window === null) throw invalid(source, "sliding_window", "expected a window for layer_types, got none");
  return { window, isSliding, ...local };
}

/**
 * Reads a Hugging Face `config.json` of any version of transformers. Error: `invalid_checkpoint` with the field,
 * expected and got, where it is damaged or asks for what this version does not compute.
 */
export function parseModelConfig(json: unknown, source: string): ModelConfig {
  const c = checked(source, "", () => {
    const { model_type: type } = z.looseObject({ model_type: z.string() }).parse(json);
    if (familyOf.has(type)) return schema.parse(json);
    throw invalid(source, "model_type", `expected one of ${[...familyOf.keys()].join(", ")}, got ${type}`);
  });
  const family = familyOf.get(c.model_type) as Family;
  const own = published[family];
  const { field, name } = own.activation;
  if ((c[field] ?? name) !== name) throw invalid(source, field, `expected ${name}, got ${c[field]}`);
  const heads = c.num_attention_heads;
  const kvHeads = c.num_key_value_heads ?? heads;
  if (heads % kvHeads !== 0) {
    throw invalid(
      source,
      "num_key_value_heads",
      `expected query heads that are a multiple of key/value heads, got ${heads} and ${kvHeads}`,
    );
  }
  const headDim = c.head_dim ?? own.headDim ?? c.hidden_size / heads;
  if (headDim % headWidthStep !== 0) {
    throw invalid(
      source,
      "head_dim",
      `expected a head width that is a multiple of ${headWidthStep}, got ${headDim}`,
    );
  }
  const ropes = readRopes(c, source, own);
  const sliding = readSliding(c, source, own, ropes.sliding);
  const queryScalar = own.queryScalar === null ? headDim : (c.query_pre_attn_scalar ?? own.queryScalar);
  return {
    family,
    vocabSize: c.vocab_size,
    hiddenSize: c.hidden_size,
    intermediateSize: c.intermediate_size,
    layers: c.num_hidden_layers,
    heads,
    kvHeads,
    headDim,
    contextLength: c.max_position_embeddings ?? own.contextLength,
    ...ropes.full,
    rmsNormEpsilon: c.rms_norm_eps,
    tieEmbeddings: c.tie_word_embeddings ?? own.tieEmbeddings,
    ...(own.readsAttentionBias && c.attention_bias ? { attentionBias: true } : {}),
    ...(own.readsMlpBias && c.mlp_bias ? { mlpBias: true } : {}),
    ...(queryScalar === headDim ? {} : { queryScalar }),
    ...(sliding ? { sliding } : {}),
    bosId: c.bos_token_id ?? null,
    eosIds: [c.eos_token_id ?? []].flat(),
    padId: c.pad_token_id ?? null,
  };
}

/** The tokens that end a text by a `generation_config.json`. Error: `invalid_checkpoint`. */
export function parseEosIds(json: unknown, source: string): readonly number[] {
  const { eos_token_id } = checked(source, "", () => z.looseObject({ eos_token_id: eosSchema }).parse(json));
  return [eos_token_id ?? []].flat();
}

/** Layer by layer, also where none slides: what a family does unless told is not to be guessed. */
function writeSliding({ sliding, layers }: ModelConfig): Readonly<Record<string, unknown>> {
  const kinds = Array.from(
    { length: layers },
    (_, layer): LayerKind => (sliding?.isSliding[layer] ? "sliding_attention" : "full_attention"),
  );
  return {
    use_sliding_window: sliding !== undefined,
    ...(sliding ? { sliding_window: sliding.window } : {}),
    layer_types: kinds,
  };
}

function writeRopes(config: ModelConfig, own: Published): Readonly<Record<string, unknown>> {
  const { sliding, ropeTheta, ropeScaling } = config;
  if (sliding && own.windows && own.windows.ropeTheta !== null)
    return { rope_parameters: { full_attention: writeRope(config), sliding_attention: writeRope(sliding) } };
  // One for all layers, in the spelling that every version of transformers reads.
  return { rope_theta: ropeTheta, ...(ropeScaling ? { rope_scaling: writeRope(config) } : {}) };
}

/** The `config.json` that `transformers` reads back as the same model. */
export function toHuggingFaceConfig(config: ModelConfig): Readonly<Record<string, unknown>> {
  const own = published[config.family];
  const { eosIds } = config;
  return {
    architectures: [own.architecture],
    model_type: own.modelType,
    vocab_size: config.vocabSize,
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.kvHeads,
    head_dim: config.headDim,
    max_position_embeddings: config.contextLength,
    rms_norm_eps: config.rmsNormEpsilon,
    tie_word_embeddings: config.tieEmbeddings,
    attention_bias: config.attentionBias ?? false,
    mlp_bias: config.mlpBias ?? false,
    [own.activation.field]: own.activation.name,
    ...(own.queryScalar === null ? {} : { query_pre_attn_scalar: config.queryScalar ?? config.headDim }),
    ...(own.windows ? writeSliding(config) : {}),
    ...writeRopes(config, own),
    bos_token_id: config.bosId,
    eos_token_id: eosIds.length === 1 ? eosIds[0] : eosIds.length === 0 ? null : eosIds,
    pad_token_id: config.padId,
    torch_dtype: "float32",
  };
}
