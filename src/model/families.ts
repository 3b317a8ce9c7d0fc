/** Decoder families whose checkpoints are read. SmolLM and SmolLM2 are Llama by their own `config.json`. */
export type Family = "llama" | "qwen2" | "qwen3" | "gemma3";

/** Names of the norms around one half of a layer, without `.weight`. */
export interface HalfNorms {
  readonly before: string;
  /** Applied to what the half adds to the residual stream; null: nothing is. */
  readonly after: string | null;
}

/** What one family does differently from another, as data: the trunk is written once. */
export interface FamilyTraits {
  readonly attentionNorms: HalfNorms;
  readonly mlpNorms: HalfNorms;
  /** q, k and v carry biases whatever the configuration says. */
  readonly qkvBias: boolean;
  /** q and k are normalised head by head before the rotary embedding. */
  readonly qkNorm: boolean;
  readonly gate: "swiglu" | "geglu";
  /** Embeddings are multiplied by √C where they enter the layers. */
  readonly scaledEmbedding: boolean;
  /** Files hold the weight of a norm less this. */
  readonly normOffset: 0 | 1;
}

const preNorms = {
  attentionNorms: { before: "input_layernorm", after: null },
  mlpNorms: { before: "post_attention_layernorm", after: null },
} as const;

const llama: FamilyTraits = {
  ...preNorms,
  qkvBias: false,
  qkNorm: false,
  gate: "swiglu",
  scaledEmbedding: false,
  normOffset: 0,
};

/**
 * Sources: Llama arXiv:2407.21783; Qwen2 arXiv:2407.10671; Qwen3 arXiv:2505.09388; Gemma 3 arXiv:2503.19786; and the
 * tensors that their checkpoints hold.
 */
export const families: { readonly [F in Family]: FamilyTraits } = {
  llama,
  qwen2: { ...llama, qkvBias: true },
  qwen3: { ...llama, qkNorm: true },
  gemma3: {
    attentionNorms: { before: "input_layernorm", after: "post_attention_layernorm" },
    mlpNorms: { before: "pre_feedforward_layernorm", after: "post_feedforward_layernorm" },
    qkvBias: false,
    qkNorm: true,
    gate: "geglu",
    scaledEmbedding: true,
    normOffset: 1,
  },
};
