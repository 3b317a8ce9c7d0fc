import { z } from "zod";
import { LimbeckError } from "../base/errors.ts";

/** A decoder-only transformer, in our words. */
export interface ModelConfig {
  readonly family: "llama";
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
  readonly contextLength: number;
  readonly ropeTheta: number;
  readonly rmsNormEpsilon: number;
  readonly tieEmbeddings: boolean;
  readonly bosId: number | null;
  readonly eosId: number;
  readonly padId: number | null;
}

/** ONNX Runtime's attention with a cache takes head widths that are multiples of this. */
export const headWidthStep = 16;

const count = z.number().int().positive();
const tokenId = z.number().int().nonnegative().nullish();

const llamaSchema = z.looseObject({
  model_type: z.literal("llama"),
  vocab_size: count,
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  num_key_value_heads: count.nullish(),
  head_dim: count.nullish(),
  max_position_embeddings: count.default(2048),
  rope_theta: z.number().positive().nullish(),
  rope_parameters: z
    .looseObject({ rope_theta: z.number().positive().nullish(), rope_type: z.string().nullish() })
    .nullish(),
  rope_scaling: z.null().optional(),
  rms_norm_eps: z.number().positive().default(1e-6),
  tie_word_embeddings: z.boolean().default(false),
  attention_bias: z.literal(false).optional(),
  mlp_bias: z.literal(false).optional(),
  hidden_act: z.literal("silu").default("silu"),
  bos_token_id: tokenId,
  eos_token_id: z.union([z.number().int().nonnegative(), z.array(z.number().int().nonnegative()).min(1)]),
  pad_token_id: tokenId,
});

/** Reads a Hugging Face `config.json`. Error: `invalid_checkpoint` with the field, expected and got. */
export function parseModelConfig(json: unknown, source: string): ModelConfig {
  const parsed = llamaSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const path = issue?.path.join(".") || "(root)";
    throw new LimbeckError(
      "invalid_checkpoint",
      `${source}: ${path}: ${issue?.message ?? "not a model configuration"}`,
      {
        cure: "This version reads Llama checkpoints without biases or rope scaling.",
        fields: { path: source, field: path },
      },
    );
  }
  const c = parsed.data;
  const headDim = c.head_dim ?? c.hidden_size / c.num_attention_heads;
  const kvHeads = c.num_key_value_heads ?? c.num_attention_heads;
  const eos = Array.isArray(c.eos_token_id) ? c.eos_token_id[0] : c.eos_token_id;
  const ropeType = c.rope_parameters?.rope_type ?? "default";
  if (
    !Number.isInteger(headDim) ||
    headDim % headWidthStep !== 0 ||
    c.num_attention_heads % kvHeads !== 0 ||
    ropeType !== "default"
  ) {
    throw new LimbeckError(
      "invalid_checkpoint",
      `${source}: expected a head width that is a multiple of ${headWidthStep}, query heads a multiple of key/value heads and plain rope, got ` +
        `${headDim}, ${c.num_attention_heads}, ${kvHeads}, ${ropeType}`,
      {
        cure: "Choose a model whose attention heads are of such a width and without rope scaling.",
        fields: { path: source, headDim, heads: c.num_attention_heads, kvHeads, ropeType },
      },
    );
  }
  return {
    family: "llama",
    vocabSize: c.vocab_size,
    hiddenSize: c.hidden_size,
    intermediateSize: c.intermediate_size,
    layers: c.num_hidden_layers,
    heads: c.num_attention_heads,
    kvHeads,
    headDim,
    contextLength: c.max_position_embeddings,
    ropeTheta: c.rope_theta ?? c.rope_parameters?.rope_theta ?? 10_000,
    rmsNormEpsilon: c.rms_norm_eps,
    tieEmbeddings: c.tie_word_embeddings,
    bosId: c.bos_token_id ?? null,
    eosId: eos as number,
    padId: c.pad_token_id ?? null,
  };
}

/** The `config.json` that `transformers` reads back as the same model. */
export function toHuggingFaceConfig(config: ModelConfig): Readonly<Record<string, unknown>> {
  return {
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    vocab_size: config.vocabSize,
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.kvHeads,
    head_dim: config.headDim,
    max_position_embeddings: config.contextLength,
    rope_theta: config.ropeTheta,
    rms_norm_eps: config.rmsNormEpsilon,
    tie_word_embeddings: config.tieEmbeddings,
    attention_bias: false,
    mlp_bias: false,
    hidden_act: "silu",
    bos_token_id: config.bosId,
    eos_token_id: config.eosId,
    pad_token_id: config.padId,
    torch_dtype: "float32",
  };
}
