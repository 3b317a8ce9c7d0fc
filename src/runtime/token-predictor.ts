/**
 * Guesses the tokens that come next, for a larger model to verify in one run. A guess costs time, never correctness.
 * One predictor serves one sequence at a time.
 */
export interface TokenPredictor {
  readonly name: "prompt_lookup" | "draft_model";
  /**
   * How sure each token of the last guess is, by grades from 0 on: tokens of one grade come true about equally often.
   * Absent: all are of grade 0.
   */
  readonly grades?: readonly number[];
  /** By grade, how often tokens are believed to come true where those before them did, before any was seen. */
  readonly rates?: readonly number[];
  /** Begins a sequence with its prompt. */
  begin(promptIds: readonly number[]): void | Promise<void>;
  /** Up to `most` tokens that may follow; none where it has no idea. */
  propose(most: number): readonly number[] | Promise<readonly number[]>;
  /** Takes tokens that the target model made, in order; guesses beyond them are forgotten. */
  accept(ids: readonly number[]): void;
  close(): void | Promise<void>;
}
