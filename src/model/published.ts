import type { Family } from "./families.ts";

/** The fields of `config.json` that say which layers see a window only. */
export interface WindowFields {
  readonly use_sliding_window?: boolean | null | undefined;
  readonly sliding_window?: number | null | undefined;
  readonly sliding_window_pattern?: number | null | undefined;
  readonly max_window_layers?: number | null | undefined;
}

/** How a family has sliding layers. */
export interface PublishedWindows {
  /** Their window; null: this checkpoint has none. */
  readonly window: (c: WindowFields) => number | null;
  /** Whether a layer is one of them where `layer_types` does not say. */
  readonly isSliding: (c: WindowFields, layer: number) => boolean;
  /** θ of their rotary embedding; null: that of the other layers. */
  readonly ropeTheta: number | null;
}

/**
 * What `config.json` calls a family, which of its fields the family reads, and what it may leave out because
 * transformers has a default for it.
 */
export interface Published {
  readonly modelType: string;
  readonly architecture: string;
  readonly activation: { readonly field: "hidden_act" | "hidden_activation"; readonly name: string };
  readonly readsAttentionBias: boolean;
  readonly readsMlpBias: boolean;
  /** null: the family has no sliding layers. */
  readonly windows: PublishedWindows | null;
  readonly tieEmbeddings: boolean;
  /** null: C / H. */
  readonly headDim: number | null;
  readonly contextLength: number;
  readonly ropeTheta: number;
  /** null: the family divides scores by √D. */
  readonly queryScalar: number | null;
}

const llama: Published = {
  modelType: "llama",
  architecture: "LlamaForCausalLM",
  activation: { field: "hidden_act", name: "silu" },
  readsAttentionBias: true,
  readsMlpBias: true,
  windows: null,
  tieEmbeddings: false,
  headDim: null,
  contextLength: 2048,
  ropeTheta: 10_000,
  queryScalar: null,
};

const qwen2: Published = {
  ...llama,
  modelType: "qwen2",
  architecture: "Qwen2ForCausalLM",
  readsAttentionBias: false,
  readsMlpBias: false,
  windows: {
    // Published configurations name a window that use_sliding_window then switches off.
    window: (c) => (c.use_sliding_window ? (c.sliding_window ?? 4096) : null),
    isSliding: (c, layer) => layer >= (c.max_window_layers ?? 28),
    ropeTheta: null,
  },
  contextLength: 32_768,
};

/** Source: the configuration classes of transformers 5. */
export const published: { readonly [F in Family]: Published } = {
  llama,
  qwen2,
  qwen3: {
    ...qwen2,
    modelType: "qwen3",
    architecture: "Qwen3ForCausalLM",
    readsAttentionBias: true,
    headDim: 128,
  },
  gemma3: {
    modelType: "gemma3_text",
    architecture: "Gemma3ForCausalLM",
    activation: { field: "hidden_activation", name: "gelu_pytorch_tanh" },
    readsAttentionBias: true,
    readsMlpBias: false,
    windows: {
      window: (c) => c.sliding_window ?? 4096,
      isSliding: (c, layer) => (layer + 1) % (c.sliding_window_pattern ?? 6) !== 0,
      ropeTheta: 10_000,
    },
    tieEmbeddings: true,
    headDim: 256,
    contextLength: 131_072,
    ropeTheta: 1_000_000,
    queryScalar: 256,
  },
};
