/** How much quickstart does unless told otherwise: chosen to end within minutes on two CPU cores. */
export const quickstartDefaults = {
  seed: 7,
  trainExamples: 10000,
  validationExamples: 200,
  testExamples: 400,
  /** Enough for the gate to tell 5 % of TTFT and TPS from noise. */
  measureRounds: 160,
} as const;

/**
 * Kinds of request in the training set. The test set keeps the task's own shares; training sees more of what must not
 * be answered with a call, since one false call fails the gate.
 */
export const trainingShares = {
  single: 0.44,
  multiple: 0.12,
  missing: 0.07,
  partial: 0.16,
  chat: 0.08,
  outOfScope: 0.13,
  notOffered: 0,
} as const;
