import * as os from "node:os";
import { type Clock, monotonicMs } from "./clock.ts";
import { type MachineCpuTime, readMachineCpuTime, readOwnCpuMs } from "./cpu-time.ts";

/** What the machine says about its power and heat; `describeMachine` gives it. */
export interface MachineState {
  readonly power_source: "ac" | "battery" | null;
  readonly low_power_mode: boolean | null;
  readonly thermal: { readonly is_throttled: boolean | null; readonly detail: string } | null;
}

/** The machine at one moment. */
export interface ConditionSample {
  readonly atMs: number;
  readonly cpu: MachineCpuTime | null;
  readonly ownCpuMs: number;
  readonly loadAverage: number | null;
  readonly state: MachineState;
}

/** Shares of the machine's CPU time above which a warning is given, and above which a run is no ground for a gate. */
export interface ConditionLimits {
  readonly externalWarn: number;
  readonly externalInvalid: number;
  readonly stealWarn: number;
  readonly stealInvalid: number;
}

export const defaultConditionLimits: ConditionLimits = {
  externalWarn: 0.1,
  externalInvalid: 0.25,
  stealWarn: 0.03,
  stealInvalid: 0.1,
};

/** The conditions of a measurement, for the report's header. Null: this system does not say, or too short to tell. */
export interface Conditions {
  readonly duration_ms: number;
  /** CPU time that other processes took, as a share of the machine's. */
  readonly external_cpu_fraction: number | null;
  /** CPU time that the hypervisor gave to others. */
  readonly steal_fraction: number | null;
  /** One-minute load averages: for information, they hold our own work too and lag behind. */
  readonly load_average: { readonly before: number | null; readonly after: number | null };
  readonly power_source: MachineState["power_source"];
  readonly low_power_mode: boolean | null;
  readonly is_throttled: boolean | null;
  readonly warnings: readonly string[];
  /** Why these figures must not decide a gate; empty: nothing known speaks against it. */
  readonly invalid_for_gate: readonly string[];
}

/** Counters move in steps of 10 ms: a share over less time than this is noise. */
const shortestMs = 1000;

export function sampleConditions(state: MachineState, clock: Clock = monotonicMs): ConditionSample {
  return {
    atMs: clock(),
    cpu: readMachineCpuTime(),
    ownCpuMs: readOwnCpuMs(),
    loadAverage: os.platform() === "win32" ? null : (os.loadavg()[0] ?? null),
    state,
  };
}

interface Shares {
  readonly external: number | null;
  readonly steal: number | null;
}

function sharesBetween(before: ConditionSample, after: ConditionSample): Shares {
  if (before.cpu === null || after.cpu === null || after.atMs - before.atMs < shortestMs) {
    return { external: null, steal: null };
  }
  const total = after.cpu.totalMs - before.cpu.totalMs;
  if (!(total > 0)) return { external: null, steal: null };
  const own = after.ownCpuMs - before.ownCpuMs;
  const busy = after.cpu.busyMs - before.cpu.busyMs;
  const steal =
    after.cpu.stealMs === null || before.cpu.stealMs === null
      ? null
      : (after.cpu.stealMs - before.cpu.stealMs) / total;
  // Ticks are sampled and our own time is exact: a little below 0 is rounding.
  return { external: Math.max(0, (busy - own) / total), steal };
}

const percent = (share: number): string => `${(share * 100).toFixed(0)} %`;

/** What happened to the machine between two samples, and what that means for the figures in between. */
export function judgeConditions(
  before: ConditionSample,
  after: ConditionSample,
  limits: ConditionLimits = defaultConditionLimits,
): Conditions {
  const { external, steal } = sharesBetween(before, after);
  const warnings: string[] = [];
  const invalid: string[] = [];
  const watch = (share: number | null, warn: number, refuse: number, what: string): void => {
    if (share === null || share <= warn) return;
    const text = `${what} took ${percent(share)} of the machine's CPU time during the measurement`;
    warnings.push(text);
    if (share > refuse) invalid.push(`${text} (at most ${percent(refuse)})`);
  };
  watch(external, limits.externalWarn, limits.externalInvalid, "other processes");
  watch(steal, limits.stealWarn, limits.stealInvalid, "other virtual machines");

  const states = [before.state, after.state];
  const throttled = states.filter(({ thermal }) => thermal?.is_throttled === true);
  if (throttled.length > 0)
    invalid.push(`the machine was throttled by heat: ${throttled[0]?.thermal?.detail}`);
  if (states.some(({ low_power_mode }) => low_power_mode === true)) invalid.push("low-power mode was on");
  if (states.some(({ power_source }) => power_source === "battery")) {
    warnings.push("the machine ran on battery");
  }
  if (before.state.power_source !== after.state.power_source) {
    invalid.push(
      `the power source changed from ${before.state.power_source ?? "unknown"} to ${after.state.power_source ?? "unknown"}`,
    );
  }
  const known = states.map(({ thermal }) => thermal?.is_throttled ?? null);
  return {
    duration_ms: after.atMs - before.atMs,
    external_cpu_fraction: external,
    steal_fraction: steal,
    load_average: { before: before.loadAverage, after: after.loadAverage },
    power_source: after.state.power_source,
    low_power_mode: after.state.low_power_mode,
    is_throttled: known.includes(true) ? true : known.includes(null) ? null : false,
    warnings,
    invalid_for_gate: invalid,
  };
}
