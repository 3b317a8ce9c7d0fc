/** How much quickstart does unless told otherwise: chosen to end within minutes on two CPU cores. */
export const quickstartDefaults = {
  seed: 7,
  trainExamples: 4000,
  validationExamples: 200,
  testExamples: 400,
  /** Enough for the gate to tell 5 % of TTFT and TPS from noise. */
  measureRounds: 40,
} as const;
