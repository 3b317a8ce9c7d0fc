/** One stage of a flow and about how long it takes on the machine that the estimate was made on. */
export interface StageEstimate<Name extends string> {
  readonly name: Name;
  readonly seconds: number;
}

export interface StageClock<Name extends string> {
  /** Time left of the whole flow when `stage` has done `share` (0 to 1) of itself; null where nothing tells it. */
  remainingMs(stage: Name, share: number): number | null;
}

/** Below this share a stage's own pace says nothing yet. */
const tellingShare = 0.02;

/**
 * Predicts the end of a flow: the pace of the present stage for the rest of it, and for the stages after it their
 * estimates, scaled by how this machine has done so far.
 */
export function createStageClock<Name extends string>(
  stages: readonly StageEstimate<Name>[],
  nowMs: () => number,
): StageClock<Name> {
  const startMs = nowMs();
  let present: Name | null = null;
  let stageStartMs = startMs;
  return {
    remainingMs: (stage, share) => {
      const now = nowMs();
      if (stage !== present) {
        present = stage;
        stageStartMs = now;
      }
      const index = stages.findIndex(({ name }) => name === stage);
      const estimated = stages.map(({ seconds }) => seconds * 1000);
      const ownEstimateMs = estimated[index] ?? 0;
      const expectedMs = estimated.slice(0, index).reduce((sum, ms) => sum + ms, 0) + ownEstimateMs * share;
      // A second of work tells more about a machine than any guess; before it the estimates are all there is.
      const elapsedMs = now - startMs;
      const pace = elapsedMs > 1000 && expectedMs > 0 ? elapsedMs / expectedMs : 1;
      const ownMs =
        share >= tellingShare
          ? ((now - stageStartMs) * (1 - share)) / share
          : ownEstimateMs * (1 - share) * pace;
      const laterMs = estimated.slice(index + 1).reduce((sum, ms) => sum + ms, 0);
      return Number.isFinite(ownMs) ? ownMs + laterMs * pace : null;
    },
  };
}
