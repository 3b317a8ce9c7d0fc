import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LimbeckError } from "../base/errors.ts";
import { type ModelConfig, parseEosIds, parseModelConfig, toHuggingFaceConfig } from "./config.ts";

/** What the `config.json` of published checkpoints says, the fields that do not matter here left out. */
const files = {
  "Llama 3.2 1B": {
    model_type: "llama",
    attention_bias: false,
    mlp_bias: false,
    bos_token_id: 128000,
    eos_token_id: [128001, 128008, 128009],
    head_dim: 64,
    hidden_act: "silu",
    hidden_size: 2048,
    intermediate_size: 8192,
    max_position_embeddings: 131072,
    num_attention_heads: 32,
    num_hidden_layers: 16,
    num_key_value_heads: 8,
    pretraining_tp: 1,
    rms_norm_eps: 1e-5,
    rope_scaling: {
      factor: 32,
      high_freq_factor: 4,
      low_freq_factor: 1,
      original_max_position_embeddings: 8192,
      rope_type: "llama3",
    },
    rope_theta: 500000,
    tie_word_embeddings: true,
    vocab_size: 128256,
  },
  "Qwen2.5 0.5B": {
    model_type: "qwen2",
    bos_token_id: 151643,
    eos_token_id: 151645,
    hidden_act: "silu",
    hidden_size: 896,
    intermediate_size: 4864,
    max_position_embeddings: 32768,
    max_window_layers: 21,
    num_attention_heads: 14,
    num_hidden_layers: 24,
    num_key_value_heads: 2,
    rms_norm_eps: 1e-6,
    rope_theta: 1000000,
    sliding_window: 32768,
    tie_word_embeddings: true,
    use_sliding_window: false,
    vocab_size: 151936,
  },
  "Qwen3 0.6B": {
    model_type: "qwen3",
    attention_bias: false,
    bos_token_id: 151643,
    eos_token_id: 151645,
    head_dim: 128,
    hidden_act: "silu",
    hidden_size: 1024,
    intermediate_size: 3072,
    max_position_embeddings: 40960,
    max_window_layers: 28,
    num_attention_heads: 16,
    num_hidden_layers: 28,
    num_key_value_heads: 8,
    rms_norm_eps: 1e-6,
    rope_scaling: null,
    rope_theta: 1000000,
    sliding_window: null,
    tie_word_embeddings: true,
    use_sliding_window: false,
    vocab_size: 151936,
  },
  "SmolLM2 135M": {
    model_type: "llama",
    bos_token_id: 1,
    eos_token_id: 2,
    hidden_act: "silu",
    hidden_size: 576,
    intermediate_size: 1536,
    max_position_embeddings: 8192,
    num_attention_heads: 9,
    num_hidden_layers: 30,
    num_key_value_heads: 3,
    pad_token_id: 2,
    rms_norm_eps: 1e-5,
    rope_interleaved: false,
    rope_scaling: null,
    rope_theta: 100000,
    tie_word_embeddings: true,
    vocab_size: 49152,
  },
  "Gemma 3 1B": {
    model_type: "gemma3_text",
    attention_bias: false,
    attn_logit_softcapping: null,
    bos_token_id: 2,
    eos_token_id: [1, 106],
    final_logit_softcapping: null,
    head_dim: 256,
    hidden_activation: "gelu_pytorch_tanh",
    hidden_size: 1152,
    intermediate_size: 6912,
    max_position_embeddings: 32768,
    num_attention_heads: 4,
    num_hidden_layers: 26,
    num_key_value_heads: 1,
    pad_token_id: 0,
    query_pre_attn_scalar: 256,
    rms_norm_eps: 1e-6,
    rope_local_base_freq: 10000,
    rope_scaling: null,
    rope_theta: 1000000,
    sliding_window: 512,
    sliding_window_pattern: 6,
    vocab_size: 262144,
  },
} as const;

const parse = (name: keyof typeof files, changes: Readonly<Record<string, unknown>> = {}): ModelConfig =>
  parseModelConfig({ ...files[name], ...changes }, "config.json");

describe("configurations of published checkpoints", () => {
  it("Llama 3.2: scaled rope, several ends", () => {
    const config = parse("Llama 3.2 1B");
    assert.deepEqual(config.ropeScaling, {
      kind: "llama3",
      factor: 32,
      lowTurns: 1,
      highTurns: 4,
      originalContext: 8192,
    });
    assert.deepEqual(config.eosIds, [128001, 128008, 128009]);
    assert.equal(config.attentionBias, undefined);
  });

  it("Qwen2.5: a window that use_sliding_window switches off", () => {
    const config = parse("Qwen2.5 0.5B");
    assert.deepEqual([config.family, config.headDim, config.sliding], ["qwen2", 64, undefined]);
    const windowed = parse("Qwen2.5 0.5B", { use_sliding_window: true, sliding_window: 100 }).sliding;
    assert.deepEqual([windowed?.window, windowed?.isSliding.indexOf(true)], [100, 21]);
    assert.equal(windowed?.ropeTheta, 1000000);
  });

  it("Qwen3: heads wider than C / H", () => {
    const { family, heads, headDim, hiddenSize } = parse("Qwen3 0.6B");
    assert.deepEqual([family, heads * headDim, hiddenSize], ["qwen3", 2048, 1024]);
    assert.equal(parse("Qwen3 0.6B", { attention_bias: true }).attentionBias, true);
  });

  it("SmolLM2: a Llama", () => {
    const { family, headDim, ropeTheta } = parse("SmolLM2 135M");
    assert.deepEqual([family, headDim, ropeTheta], ["llama", 64, 100000]);
  });

  it("Gemma 3: five sliding layers to one that sees all, tied without saying so", () => {
    const { tieEmbeddings, ropeTheta, sliding, queryScalar } = parse("Gemma 3 1B");
    assert.deepEqual([tieEmbeddings, ropeTheta, queryScalar], [true, 1000000, undefined]);
    assert.deepEqual([sliding?.window, sliding?.ropeTheta], [512, 10000]);
    const full = sliding?.isSliding.flatMap((isSliding, layer) => (isSliding ? [] : [layer]));
    assert.deepEqual(full, [5, 11, 17, 23]);
    assert.equal(parse("Gemma 3 1B", { query_pre_attn_scalar: 168 }).queryScalar, 168);
  });

  it("Gemma 3 stretches only the layers that see all", () => {
    const { ropeScaling, sliding } = parse("Gemma 3 1B", {
      rope_scaling: { factor: 8, rope_type: "linear" },
    });
    assert.deepEqual(ropeScaling, { kind: "linear", factor: 8 });
    assert.equal(sliding?.ropeScaling, undefined);
    const nested = {
      full_attention: { rope_type: "linear", factor: 8, rope_theta: 1e6 },
      sliding_attention: { rope_type: "yarn", factor: 2, rope_theta: 2e4 },
    };
    const { rope_theta: _t, rope_local_base_freq: _l, rope_scaling: _s, ...rest } = files["Gemma 3 1B"];
    const config = parseModelConfig({ ...rest, rope_parameters: nested }, "config.json");
    assert.deepEqual([config.ropeTheta, config.ropeScaling], [1e6, { kind: "linear", factor: 8 }]);
    assert.deepEqual([config.sliding?.ropeTheta, config.sliding?.ropeScaling?.kind], [2e4, "yarn"]);
  });

  it("yarn works out what its file leaves out", () => {
    const scaling = (changes: Readonly<Record<string, unknown>>) =>
      parse("Qwen2.5 0.5B", { rope_scaling: { type: "yarn", factor: 4, ...changes } }).ropeScaling;
    assert.deepEqual(scaling({}), {
      kind: "yarn",
      factor: 4,
      betaFast: 32,
      betaSlow: 1,
      originalContext: 32768,
      attentionFactor: 0.1 * Math.log(4) + 1,
      truncate: true,
    });
    const ratio = (0.1 * 0.7 * Math.log(4) + 1) / (0.1 * 0.5 * Math.log(4) + 1);
    const withScales = scaling({ mscale: 0.7, mscale_all_dim: 0.5 });
    assert.equal(withScales?.kind === "yarn" && withScales.attentionFactor, ratio);
    const beside = parse("Qwen2.5 0.5B", {
      rope_scaling: { rope_type: "yarn", factor: 4 },
      original_max_position_embeddings: 8192,
    });
    assert.equal(beside.ropeScaling?.kind === "yarn" && beside.ropeScaling.originalContext, 8192);
  });

  it("each survives the way through a config.json of ours", () => {
    for (const name of Object.keys(files) as (keyof typeof files)[]) {
      for (const changes of [
        {},
        { attention_bias: true, mlp_bias: true },
        { layer_types: new Array(files[name].num_hidden_layers).fill("full_attention") },
        { rope_scaling: { rope_type: "yarn", factor: 4, beta_fast: 20 } },
        { use_sliding_window: true, sliding_window: 64, query_pre_attn_scalar: 100, eos_token_id: null },
      ]) {
        const config = parse(name, changes);
        for (const one of [config, { ...config, contextLength: 512 }])
          assert.deepEqual(parseModelConfig(toHuggingFaceConfig(one), "config.json"), one, name);
      }
    }
  });

  it("the end of a text may stand in generation_config.json", () => {
    assert.deepEqual(parseEosIds({ eos_token_id: [5, 6] }, "g.json"), [5, 6]);
    assert.deepEqual(parseEosIds({ eos_token_id: 5 }, "g.json"), [5]);
    assert.deepEqual(parseEosIds({}, "g.json"), []);
    assert.throws(() => parseEosIds({ eos_token_id: "5" }, "g.json"), /g\.json: eos_token_id/);
  });
});

describe("what is not computed is refused, naming file and field", () => {
  const refusals: readonly (readonly [
    name: keyof typeof files,
    changes: Readonly<Record<string, unknown>>,
    message: RegExp,
  ])[] = [
    ["Llama 3.2 1B", { model_type: "mamba" }, /: model_type: expected one of llama, qwen2, .*got mamba$/],
    ["Gemma 3 1B", { model_type: "gemma3" }, /: model_type: .*gemma3_text, got gemma3$/],
    ["Llama 3.2 1B", { model_type: 3 }, /: model_type: /],
    ["Llama 3.2 1B", { hidden_act: "gelu" }, /: hidden_act: expected silu, got gelu$/],
    [
      "Gemma 3 1B",
      { hidden_activation: "gelu" },
      /: hidden_activation: expected gelu_pytorch_tanh, got gelu$/,
    ],
    ["Llama 3.2 1B", { head_dim: 24 }, /: head_dim: expected a head width that is a multiple of 16, got 24$/],
    ["SmolLM2 135M", { hidden_size: 72 }, /: head_dim: .*got 8$/],
    ["SmolLM2 135M", { num_key_value_heads: 2 }, /: num_key_value_heads: .*got 9 and 2$/],
    ["Llama 3.2 1B", { num_hidden_layers: undefined }, /: num_hidden_layers: /],
    ["Llama 3.2 1B", { rope_scaling: { rope_type: "longrope", factor: 4 } }, /: rope_scaling\.rope_type: /],
    ["Llama 3.2 1B", { rope_scaling: { type: "dynamic", factor: 4 } }, /: rope_scaling\.type: /],
    ["Llama 3.2 1B", { rope_scaling: { type: "linear" } }, /: rope_scaling\.factor: /],
    [
      "Llama 3.2 1B",
      { rope_scaling: { ...files["Llama 3.2 1B"].rope_scaling, high_freq_factor: 1 } },
      /: rope_scaling\.high_freq_factor: expected more than low_freq_factor$/,
    ],
    ["Llama 3.2 1B", { partial_rotary_factor: 0.5 }, /: partial_rotary_factor: /],
    ["SmolLM2 135M", { rope_interleaved: true }, /: rope_interleaved: /],
    [
      "Qwen2.5 0.5B",
      { rope_parameters: { rope_type: "default", partial_rotary_factor: 0.25 } },
      /: rope_parameters\.partial_rotary_factor: /,
    ],
    [
      "Qwen2.5 0.5B",
      { rope_parameters: { full_attention: {}, sliding_attention: {} } },
      /: rope_parameters: expected one for all layers/,
    ],
    [
      "Gemma 3 1B",
      { rope_parameters: { full_attention: {}, sliding_attention: { rope_type: "linear" } } },
      /: rope_parameters\.sliding_attention\.factor: /,
    ],
    [
      "Gemma 3 1B",
      { layer_types: ["full_attention"] },
      /: layer_types: expected one for each of 26 layers, got 1$/,
    ],
    ["Gemma 3 1B", { layer_types: ["chunked_attention"] }, /: layer_types\.0: /],
    [
      "Qwen2.5 0.5B",
      { layer_types: new Array(24).fill("sliding_attention") },
      /: sliding_window: expected a window for layer_types, got none$/,
    ],
    ["Gemma 3 1B", { attn_logit_softcapping: 50 }, /: attn_logit_softcapping: /],
    ["Gemma 3 1B", { final_logit_softcapping: 30 }, /: final_logit_softcapping: /],
    ["Gemma 3 1B", { use_bidirectional_attention: true }, /: use_bidirectional_attention: /],
    ["Qwen2.5 0.5B", { quantization_config: { quant_method: "gptq" } }, /: quantization_config: /],
    ["Qwen2.5 0.5B", { eos_token_id: -1 }, /: eos_token_id: /],
  ];
  for (const [name, changes, message] of refusals) {
    it(`${name} with ${JSON.stringify(changes)}`, () => {
      assert.throws(
        () => parse(name, changes),
        (error) =>
          error instanceof LimbeckError &&
          error.code === "invalid_checkpoint" &&
          error.message.startsWith("config.json: ") &&
          message.test(error.message) &&
          error.cure !== undefined,
        `${message}`,
      );
    });
  }

  it("and what is no object at all", () => {
    for (const json of [null, 3, "x", []]) assert.throws(() => parseModelConfig(json, "c.json"), /c\.json: /);
  });
});
