/** Entry point `limbeck/measure`: speed with raw samples, comparisons with intervals, this machine and its conditions. */
export { describeMachine, type Machine } from "../hardware/machine.ts";
export {
  checkSpeedTargets,
  type HardwareProfile,
  loadProfiles,
  matchProfile,
  type ProfileMatch,
  type SpeedTargets,
  type TargetCheck,
} from "../hardware/profiles.ts";
export { type Comparison, compareSpeed, type RatioSummary } from "./compare.ts";
export {
  type ConditionLimits,
  type ConditionSample,
  type Conditions,
  defaultConditionLimits,
  judgeConditions,
  type MachineState,
  sampleConditions,
} from "./conditions.ts";
export { type FirstAction, findFirstAction } from "./first-action.ts";
export {
  type CeilingOptions,
  type MatmulCeiling,
  type MatmulSize,
  matmulFlops,
  measureMatmulCeiling,
} from "./matmul-ceiling.ts";
export { type MeasurePlan, type PlanOptions, planMeasurement } from "./plan.ts";
export type { SpeedRun } from "./run-record.ts";
export {
  type MeasureHooks,
  type MeasureOptions,
  measureSpeed,
  type RawSamples,
  type SpeedReport,
  type SpeedSummary,
} from "./speed.ts";
export {
  type BlockedSamples,
  blockBootstrap,
  bootstrapInterval,
  censoredPercentile,
  type Interval,
  mcnemarExact,
  median,
  percentile,
  type RatioInterval,
  ratioInterval,
  slowTailPercentile,
} from "./statistics.ts";
export type { Bounds, MetricSummary } from "./summary.ts";
