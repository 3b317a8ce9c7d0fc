import { z } from "zod";
import type { Rope, RopeScaling } from "./rope.ts";

/** Kinds of layers by the names of `layer_types` and of nested `rope_parameters`. */
export const layerKinds = ["full_attention", "sliding_attention"] as const;
export type LayerKind = (typeof layerKinds)[number];

const positive = z.number().positive();
const ropeTypes = ["default", "linear", "llama3", "yarn"] as const;
type RopeType = (typeof ropeTypes)[number];

/** What every spelling of a rotary embedding may hold. */
const common = z.looseObject({
  rope_theta: positive.nullish(),
  rope_type: z.enum(ropeTypes).nullish(),
  /** The older name of rope_type. */
  type: z.enum(ropeTypes).nullish(),
  partial_rotary_factor: z.literal(1).nullish(),
});

/** The numbers around it that a scaling falls back on. */
export interface RopeContext {
  readonly theta: number;
  readonly maxPositions: number;
  /** `original_max_position_embeddings` beside the scaling instead of in it. */
  readonly originalPositions: number | null;
}

const magnitude = (scale: number, weight: number): number =>
  scale <= 1 ? 1 : 0.1 * weight * Math.log(scale) + 1;

const original = { original_max_position_embeddings: positive.nullish() };

/** How each type is read; the types are those of transformers. */
const readers: {
  readonly [T in RopeType]: (json: unknown, context: RopeContext) => RopeScaling | undefined;
} = {
  default: () => undefined,
  linear: (json) => ({ kind: "linear", factor: z.looseObject({ factor: positive }).parse(json).factor }),
  llama3: (json, context) => {
    const s = z
      .looseObject({
        factor: positive,
        low_freq_factor: positive,
        high_freq_factor: positive,
        ...original,
      })
      .refine(({ low_freq_factor: low, high_freq_factor: high }) => low < high, {
        path: ["high_freq_factor"],
        error: "expected more than low_freq_factor",
      })
      .parse(json);
    return {
      kind: "llama3",
      factor: s.factor,
      lowTurns: s.low_freq_factor,
      highTurns: s.high_freq_factor,
      originalContext: originalContext(s, context),
    };
  },
  yarn: (json, context) => {
    const s = z
      .looseObject({
        factor: positive.nullish(),
        attention_factor: positive.nullish(),
        beta_fast: positive.nullish(),
        beta_slow: positive.nullish(),
        mscale: z.number().nullish(),
        mscale_all_dim: z.number().nullish(),
        truncate: z.boolean().default(true),
        ...original,
      })
      .parse(json);
    const context0 = originalContext(s, context);
    const factor = s.factor ?? context.maxPositions / context0;
    const ratio =
      s.mscale && s.mscale_all_dim
        ? magnitude(factor, s.mscale) / magnitude(factor, s.mscale_all_dim)
        : magnitude(factor, 1);
    return {
      kind: "yarn",
      factor,
      betaFast: s.beta_fast ?? 32,
      betaSlow: s.beta_slow ?? 1,
      originalContext: context0,
      attentionFactor: s.attention_factor ?? ratio,
      truncate: s.truncate,
    };
  },
};

function originalContext(
  scaling: { original_max_position_embeddings?: number | null | undefined },
  context: RopeContext,
): number {
  return context.originalPositions ?? scaling.original_max_position_embeddings ?? context.maxPositions;
}

/** Reads one `rope_scaling` or `rope_parameters` object; absent: a plain embedding. Errors: those of zod. */
export function readRope(json: unknown, context: RopeContext): Rope {
  const { rope_theta, rope_type, type } = common.parse(json ?? {});
  const ropeScaling = readers[rope_type ?? type ?? "default"](json, context);
  return { ropeTheta: rope_theta ?? context.theta, ...(ropeScaling ? { ropeScaling } : {}) };
}

const writers: {
  readonly [K in RopeScaling["kind"]]: (s: Extract<RopeScaling, { kind: K }>) => Record<string, unknown>;
} = {
  linear: ({ factor }) => ({ factor }),
  llama3: (s) => ({
    factor: s.factor,
    low_freq_factor: s.lowTurns,
    high_freq_factor: s.highTurns,
    original_max_position_embeddings: s.originalContext,
  }),
  yarn: (s) => ({
    factor: s.factor,
    attention_factor: s.attentionFactor,
    beta_fast: s.betaFast,
    beta_slow: s.betaSlow,
    original_max_position_embeddings: s.originalContext,
    truncate: s.truncate,
  }),
};

/** The object that `readRope` reads back as the same embedding. */
export function writeRope({ ropeTheta, ropeScaling }: Rope): Readonly<Record<string, unknown>> {
  if (!ropeScaling) return { rope_theta: ropeTheta, rope_type: "default" };
  const write = writers[ropeScaling.kind] as (s: RopeScaling) => Record<string, unknown>;
  return { rope_theta: ropeTheta, rope_type: ropeScaling.kind, ...write(ropeScaling) };
}
