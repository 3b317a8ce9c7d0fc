/** What one run of the target model was given, and what it gave. */
export interface DraftedRun {
  /** Tokens that had to be read anyway. */
  readonly turn: number;
  /** Tokens drafted behind them, and how many of these stood. */
  readonly drafted: number;
  readonly kept: number;
  /** Milliseconds that the draft took, and those of the run inside the session. */
  readonly draftMs: number;
  readonly runMs: number;
}

/** Drafts for one generation. */
export interface Drafter {
  /**
   * How far logits may lie from those of plain decoding where a run read several tokens: products of other sizes add
   * up in another order. 0 where they are the same bits.
   */
  readonly tolerance: number;
  begin(promptIds: readonly number[]): void;
  /** At most `most` tokens to verify in the run that reads the tokens made last; none: that run is a plain one. */
  draft(most: number): readonly number[] | Promise<readonly number[]>;
  /** Takes tokens as they are made, in order. */
  accept(ids: readonly number[]): void;
  /** Takes what became of each run. */
  settle(run: DraftedRun): void;
  /** Takes note that so many runs were repeated one by one, because a draft's logits left a choice in doubt. */
  replayed(runs: number): void;
}
