import { LimbeckError } from "../base/errors.ts";
import type { StepTotals } from "./batch.ts";

export interface GuardLimits {
  readonly maxGradientNorm: number;
  readonly explodingSteps: number;
}

/** Why a run stops. */
export type DivergenceCause =
  | "loss_not_finite"
  | "loss_zero"
  | "empty_batch"
  | "gradient_not_finite"
  | "gradient_exploding"
  | "gradient_flat"
  | "quantisation_unstable";

export function diverged(
  cause: DivergenceCause,
  step: number,
  what: string,
  cure: string,
  fields: Readonly<Record<string, unknown>> = {},
): LimbeckError {
  return new LimbeckError("training_diverged", `training stopped at step ${step}: ${what}`, {
    cure,
    fields: { cause, step, ...fields },
  });
}

/** Checks of every step, made before its update touches the weights. Each throws `training_diverged`. */
export interface Guards {
  checkBatch(step: number, totals: StepTotals): void;
  checkLoss(step: number, total: number, parts: Readonly<Record<string, number>>): void;
  checkGradient(step: number, norm: number): void;
}

export function createGuards(limits: GuardLimits): Guards {
  let highInARow = 0;
  return {
    checkBatch(step, totals) {
      if (totals.ce > 0 || totals.early > 0 || totals.kl > 0) return;
      throw diverged(
        "empty_batch",
        step,
        "expected a batch with completion tokens, got padding only",
        "Check that the examples have completions and that loss.ce or loss.kl is above 0.",
      );
    },
    checkLoss(step, total, parts) {
      const bad = Object.entries(parts).find(([, value]) => !Number.isFinite(value));
      if (!Number.isFinite(total) || bad) {
        throw diverged(
          "loss_not_finite",
          step,
          `expected a finite loss, got ${bad ? `${bad[0]} = ${bad[1]}` : total}`,
          "Lower optimiser.learning_rate or raise optimiser.warmup_steps, and start again.",
          { part: bad?.[0] ?? "total" },
        );
      }
      if (total === 0) {
        throw diverged(
          "loss_zero",
          step,
          "expected a loss above 0, got exactly 0",
          "Nothing is being learnt: check the loss weights and that completions are not masked.",
        );
      }
    },
    checkGradient(step, norm) {
      if (!Number.isFinite(norm)) {
        throw diverged(
          "gradient_not_finite",
          step,
          `expected a finite gradient norm, got ${norm}`,
          "Lower optimiser.learning_rate, and start again.",
        );
      }
      if (norm < 1e-12) {
        throw diverged(
          "gradient_flat",
          step,
          `expected a gradient, got norm ${norm}`,
          "No weight can change: check the loss weights and the data.",
        );
      }
      highInARow = norm > limits.maxGradientNorm ? highInARow + 1 : 0;
      if (highInARow >= limits.explodingSteps) {
        throw diverged(
          "gradient_exploding",
          step,
          `expected a gradient norm below ${limits.maxGradientNorm}, got ${norm} and more than that for ${highInARow} steps`,
          "Lower optimiser.learning_rate or optimiser.clip_norm, and start again.",
          { norm },
        );
      }
    },
  };
}
