/**
 * Guesses the tokens that come next, for a larger model to verify in one run. A guess costs time, never correctness.
 * One predictor serves one sequence at a time.
 */
export interface TokenPredictor {
  readonly name: "prompt_lookup" | "draft_model";
  /**
   * How sure the last guess is, from 0 on: guesses of one grade come true about equally often. Absent: all are alike.
   */
  readonly grade?: number;
  /** Begins a sequence with its prompt. */
  begin(promptIds: readonly number[]): void | Promise<void>;
  /** Up to `most` tokens that may follow; none where it has no idea. */
  propose(most: number): readonly number[] | Promise<readonly number[]>;
  /** Takes tokens that the target model made, in order; guesses beyond them are forgotten. */
  accept(ids: readonly number[]): void;
  close(): void | Promise<void>;
}
