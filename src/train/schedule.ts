import { LimbeckError } from "../base/errors.ts";

export interface ScheduleSettings {
  readonly learningRate: number;
  /** Steps over which the rate rises from learningRate / warmupSteps to learningRate. */
  readonly warmupSteps: number;
  /** The cosine ends at floor · learningRate; above 0. */
  readonly floor: number;
}

/** Warm-up, then half a cosine to the floor. `step` counts from 0 to totalSteps − 1. */
export function learningRateAt(settings: ScheduleSettings, step: number, totalSteps: number): number {
  const { learningRate, warmupSteps, floor } = settings;
  if (step < warmupSteps) return (learningRate * (step + 1)) / warmupSteps;
  const progress = Math.min(1, (step - warmupSteps + 1) / Math.max(1, totalSteps - warmupSteps));
  return learningRate * (floor + (1 - floor) * 0.5 * (1 + Math.cos(Math.PI * progress)));
}

/** A weight that rises linearly over the first epochs. */
export interface Ramp {
  readonly from: number;
  readonly to: number;
  readonly warmupEpochs: number;
}

/**
 * Reads "0.0:0.2@warmup_k=3" (from 0.0 to 0.2 over 3 epochs), or a plain number (no ramp).
 * Error: `invalid_config` with `place` in the message.
 */
export function parseRamp(text: string | number, place: string): Ramp {
  const number = typeof text === "number" ? text : text.trim() === "" ? Number.NaN : Number(text);
  if (Number.isFinite(number) && number >= 0) return { from: number, to: number, warmupEpochs: 0 };
  const match =
    typeof text === "string" ? /^\s*([\d.eE+-]+):([\d.eE+-]+)@warmup_k=([\d.]+)\s*$/.exec(text) : null;
  const [from, to, warmupEpochs] = match ? match.slice(1).map(Number) : [];
  const isFine = (value: number | undefined): value is number => Number.isFinite(value) && value! >= 0;
  if (!isFine(from) || !isFine(to) || !isFine(warmupEpochs)) {
    throw new LimbeckError(
      "invalid_config",
      `${place}: expected a number ≥ 0 or "from:to@warmup_k=epochs", got ${JSON.stringify(text)}`,
      { cure: 'Write for example 0.2, or "0.0:0.2@warmup_k=3".', fields: { place } },
    );
  }
  return { from, to, warmupEpochs };
}

/** The ramp's value after `epochs` (a fraction counts). */
export function rampAt(ramp: Ramp, epochs: number): number {
  if (ramp.warmupEpochs <= 0) return ramp.to;
  return ramp.from + (ramp.to - ramp.from) * Math.min(1, Math.max(0, epochs / ramp.warmupEpochs));
}
