import { isCancelled } from "./cancelled.ts";
import type { ScheduleLimits } from "./schedule/schedule-types.ts";
import type { SpeechClock } from "./types.ts";

/** How hot the machine says that it is, from cool to slowed down. */
export const thermalLevels = ["nominal", "fair", "serious", "critical"] as const;
export type ThermalLevel = (typeof thermalLevels)[number];

/** Something that knows how hot the machine is. */
export interface ThermalSource {
  readonly name: string;
  /** Null where it does not say: never taken for cool. */
  read(): Promise<ThermalLevel | null>;
}

const rank = (level: ThermalLevel): number => thermalLevels.indexOf(level);

/** What each level leaves of the limits: less work ahead, then one engine at a time, then no chatter. */
const easing: {
  readonly [L in ThermalLevel]: (limits: ScheduleLimits) => ScheduleLimits;
} = {
  nominal: (limits) => limits,
  fair: (limits) => ({ ...limits, lookAhead: Math.max(1, Math.ceil(limits.lookAhead / 2)) }),
  serious: (limits) => ({ ...limits, lookAhead: 1, concurrency: 1 }),
  critical: (limits) => ({ ...limits, lookAhead: 1, concurrency: 1, isChatterSaid: false }),
};

/** The limits of a schedule on a machine that is this hot. */
export function limitsAt(level: ThermalLevel, limits: ScheduleLimits): ScheduleLimits {
  return easing[level](limits);
}

/**
 * The level to act on. A hotter reading counts at once, a cooler one only after `holdMs` without anything hotter, and then
 * one level at a time: a machine at the edge of a level does not flutter. An unknown reading changes nothing.
 */
export function createThermalPolicy(
  holdMs: number,
): (reading: ThermalLevel | null, nowMs: number) => ThermalLevel {
  let level: ThermalLevel = "nominal";
  let coolerSinceMs: number | undefined;
  return (reading, nowMs) => {
    if (reading === null) return level;
    if (rank(reading) >= rank(level)) {
      level = reading;
      coolerSinceMs = undefined;
      return level;
    }
    coolerSinceMs ??= nowMs;
    if (nowMs - coolerSinceMs >= holdMs) {
      level = thermalLevels[rank(level) - 1] ?? "nominal";
      coolerSinceMs = rank(reading) < rank(level) ? nowMs : undefined;
    }
    return level;
  };
}

export interface ThermalWatchOptions {
  readonly source: ThermalSource;
  readonly clock: SpeechClock;
  readonly intervalMs?: number;
  readonly holdMs?: number;
  readonly onChange: (level: ThermalLevel) => void;
}

/** Reads a source every `intervalMs` (default 5 s) and reports each change of the level to act on. Returns how to stop. */
export function watchThermal(options: ThermalWatchOptions): () => void {
  const { source, clock, onChange } = options;
  const decide = createThermalPolicy(options.holdMs ?? 30_000);
  const stop = new AbortController();
  let level: ThermalLevel = "nominal";
  const watch = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const next = decide(await source.read().catch(() => null), clock.now());
      if (stop.signal.aborted) return;
      if (next !== level) {
        level = next;
        onChange(level);
      }
      await clock.sleep(options.intervalMs ?? 5_000, stop.signal);
    }
  };
  watch().catch((error: unknown) => {
    if (!isCancelled(error)) throw error;
  });
  return () => stop.abort();
}
