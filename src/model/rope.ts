import { float32, type Tensor } from "../tensor/tensor.ts";

/** How a rotary embedding was stretched to contexts longer than those it was first trained on. */
export type RopeScaling =
  | { readonly kind: "linear"; readonly factor: number }
  | {
      readonly kind: "llama3";
      readonly factor: number;
      /** Frequencies that turn fewer times than this over the original context are divided by `factor`, … */
      readonly lowTurns: number;
      /** … those that turn more often than this are kept, and those between are blended. */
      readonly highTurns: number;
      readonly originalContext: number;
    }
  | {
      readonly kind: "yarn";
      readonly factor: number;
      /** Turns over the original context from which a frequency is kept. */
      readonly betaFast: number;
      /** Turns over the original context below which a frequency is divided by `factor`. */
      readonly betaSlow: number;
      readonly originalContext: number;
      /** Cosines and sines are multiplied by this. */
      readonly attentionFactor: number;
      /** Whether the blend starts and ends at whole pairs. */
      readonly truncate: boolean;
    };

/** A rotary position embedding. Source: Su et al. 2021, arXiv:2104.09864. */
export interface Rope {
  readonly ropeTheta: number;
  /** Absent: none. */
  readonly ropeScaling?: RopeScaling;
}

type ScalingOf<K extends RopeScaling["kind"]> = Extract<RopeScaling, { kind: K }>;

type Stretch<S extends RopeScaling> = (
  plain: readonly number[],
  scaling: S,
  rope: { readonly theta: number; readonly D: number },
) => readonly number[];

const clamp = (x: number): number => Math.min(1, Math.max(0, x));

/** `kept` of the frequency stays, the rest is divided by `factor`; both are given and returned as their reciprocal. */
const blend = (step: number, factor: number, kept: number): number => step / (kept + (1 - kept) / factor);

/** Positions per radian after stretching. Sources: arXiv:2306.15595 (linear), arXiv:2407.21783, arXiv:2309.00071. */
const stretches: { readonly [K in RopeScaling["kind"]]: Stretch<ScalingOf<K>> } = {
  linear: (plain, { factor }) => plain.map((step) => step * factor),

  llama3: (plain, { factor, lowTurns, highTurns, originalContext }) =>
    plain.map((step) => {
      const turns = originalContext / (2 * Math.PI * step);
      return blend(step, factor, clamp((turns - lowTurns) / (highTurns - lowTurns)));
    }),

  yarn: (plain, { factor, betaFast, betaSlow, originalContext, truncate }, { theta, D }) => {
    // The pair i that turns `turns` times over the original context: theta^(2i/D) · 2π · turns = context.
    const pairOf = (turns: number): number =>
      (D * Math.log(originalContext / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
    const [fast, slow] = [pairOf(betaFast), pairOf(betaSlow)];
    const start = Math.max(truncate ? Math.floor(fast) : fast, 0);
    const end = Math.min(truncate ? Math.ceil(slow) : slow, D - 1);
    const length = start === end ? 0.001 : end - start; // as published: a steep ramp instead of a division by 0
    return plain.map((step, i) => blend(step, factor, 1 - clamp((i - start) / length)));
  },
};

/** How many positions it takes each pair of a head of width D to turn by one radian, [D/2]. */
export function positionsPerRadian({ ropeTheta, ropeScaling }: Rope, D: number): readonly number[] {
  const plain = Array.from({ length: D / 2 }, (_, i) => ropeTheta ** ((2 * i) / D));
  if (!ropeScaling) return plain;
  const stretch = stretches[ropeScaling.kind] as Stretch<RopeScaling>;
  return stretch(plain, ropeScaling, { theta: ropeTheta, D });
}

/** Cosines and sines of the angle of each position and pair, [positions, D/2] each. */
export function rotaryTables(rope: Rope, D: number, positions: number): { cos: Tensor; sin: Tensor } {
  const half = D / 2;
  const steps = positionsPerRadian(rope, D);
  const size = rope.ropeScaling?.kind === "yarn" ? rope.ropeScaling.attentionFactor : 1;
  const cos = new Float32Array(positions * half);
  const sin = new Float32Array(positions * half);
  for (let p = 0; p < positions; p++) {
    for (let i = 0; i < half; i++) {
      const angle = p / steps[i]!;
      cos[p * half + i] = size * Math.cos(angle);
      sin[p * half + i] = size * Math.sin(angle);
    }
  }
  return { cos: float32([positions, half], cos), sin: float32([positions, half], sin) };
}
