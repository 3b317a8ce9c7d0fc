import { z } from "zod";
import { headWidthStep } from "../model/config.ts";
import { divergences } from "./losses.ts";

// Every key of a recipe with its default: the only place that has them.

const share = z.number().min(0).max(1);
const positive = z.number().positive();
const count = z.number().int().positive();
const natural = z.number().int().nonnegative();
const weight = z.number().nonnegative();
/** A number, or "from:to@warmup_k=epochs". */
const ramp = z.union([weight, z.string()]);

const data = z.strictObject({
  /** How completions are written: as the teacher talks, as the call alone, or some of both. */
  voice: z.enum(["teacher", "direct", "mixed"]).default("mixed"),
  /** With "mixed": share of the tool examples that are written directly. */
  direct_fraction: share.default(0.5),
  /** Draws the voices anew in each epoch; else an example keeps its own (and one row of teacher top-k is enough). */
  redraw_voices: z.boolean().default(false),
  /** Examples of one epoch where they are generated; null takes them all. */
  examples_per_epoch: count.nullable().default(null),
  /** Probability of skipping a BPE merge in the prompt's words. */
  bpe_dropout: share.default(0),
  tool_name_weight: positive.default(1),
  argument_weight: positive.default(1),
  /** Of the first token of a reply that must not be a call. */
  control_weight: positive.default(1),
});

const shapes = z.strictObject({
  lengths: z.array(count).min(1).default([64, 96, 128, 160, 192, 256]),
  tokens_per_batch: count.default(4096),
  mix: z.array(weight).nullable().default(null),
  concentration: positive.default(100),
  rare_every: natural.default(20),
});

const optimiser = z.strictObject({
  learning_rate: positive.default(2e-3),
  warmup_steps: natural.default(20),
  floor: positive.max(1).default(0.05),
  beta1: share.default(0.9),
  beta2: share.default(0.98),
  epsilon: positive.default(1e-8),
  weight_decay: weight.default(0.01),
  clip_norm: positive.default(1),
  accumulation: count.default(1),
  ema: share.nullable().default(null),
});

const loss = z.strictObject({
  ce: weight.default(1),
  kl: weight.default(0.5),
  tail_weight: weight.default(0),
  k: count.default(64),
  temperature: positive.default(2),
  divergence: z.enum(divergences).default("forward"),
  /** Rows that are compared with the teacher: those in its voice, or also the answers of direct rows. */
  kl_rows: z.enum(["teacher", "all"]).default("all"),
  /** Of the early-call loss as a whole; 0 leaves it out. */
  early_tool_weight: ramp.default(0),
  early_tool_ce_scale: weight.default(1),
  early_tool_prior_scale: weight.default(0.1),
  early_tool_tokens: count.default(25),
  early_tool_prior_on: z.enum(["teacher_rows", "all"]).default("teacher_rows"),
  length_weight: weight.default(0),
  length_hinge: weight.default(0.15),
  length_slope: positive.default(1),
  length_cap: positive.default(2),
  /** Steps between two sets of rollouts, and their prompts. */
  length_every: count.default(50),
  length_prompts: count.default(8),
  length_max_tokens: count.default(48),
});

const quant = z.strictObject({
  enabled: z.boolean().default(false),
  start_fraction: share.default(0.8),
  lr_multiplier: positive.default(0.1),
  freeze_norms_fraction: share.default(0.1),
  cosine_floor: share.default(0.999),
  /** Steps between two probes of the cosine. */
  probe_every: count.default(50),
  weight_bits: z.literal(8).default(8),
  act_bits: count.optional(),
  kv_cache_precision: z.string().optional(),
});

const validation = z.strictObject({
  /** Steps between two validations; 0 never. */
  every: natural.default(200),
  examples: natural.default(128),
  /** Examples that are answered greedily; 0 measures cross entropy only. */
  rollouts: natural.default(0),
  max_tokens: count.default(64),
});

const guard = z.strictObject({
  /** A gradient norm above this in `exploding_steps` steps in a row stops the run. */
  max_gradient_norm: positive.default(1000),
  exploding_steps: count.default(5),
});

const model = z
  .strictObject({
    layers: count.default(4),
    hidden_size: count.default(128),
    intermediate_size: count.default(352),
    heads: count.default(4),
    kv_heads: count.default(2),
    context_length: count.default(512),
    rope_theta: positive.default(10_000),
  })
  .refine(({ hidden_size, heads }) => (hidden_size / heads) % headWidthStep === 0, {
    error: `expected hidden_size / heads to be a multiple of ${headWidthStep}`,
    path: ["heads"],
  })
  .refine(({ heads, kv_heads }) => heads % kv_heads === 0, {
    error: "expected heads to be a multiple of kv_heads",
    path: ["kv_heads"],
  });

/** The block of the same name as it is printed in seed 000. */
const train = z.strictObject({
  seq_lengths: z.array(count).min(1).optional(),
  shape_probs: z.array(weight).min(1).optional(),
  micro_batch_size: count.optional(),
});

/** The block of the same name as it is printed in seed 002. */
const distillation = z.strictObject({
  use_length_aware_kd: z.boolean().optional(),
  length_kd_weight: weight.optional(),
  length_kd_hinge: weight.optional(),
  length_kd_slope: positive.optional(),
  use_early_tool_call_loss: z.boolean().optional(),
  early_tool_weight: weight.optional(),
  early_tool_N: count.optional(),
  early_tool_warmup_epochs: weight.optional(),
  early_tool_json_prior_weight: weight.optional(),
  early_tool_ce_weight: weight.optional(),
});

export const recipeSchema = z.strictObject({
  name: z.string().default("recipe"),
  seed: natural.default(1),
  steps: count.default(1000),
  threads: count.nullable().default(null),
  checkpoint_every: natural.default(0),
  data: data.prefault({}),
  shapes: shapes.prefault({}),
  optimiser: optimiser.prefault({}),
  loss: loss.prefault({}),
  quant: quant.prefault({}),
  validation: validation.prefault({}),
  guard: guard.prefault({}),
  /** The student's size when it starts from nothing; null starts from a checkpoint. */
  model: model.nullable().default(null),
  train: train.optional(),
  distillation: distillation.optional(),
});

export type RecipeFile = z.output<typeof recipeSchema>;
