/**
 * What the next token may be. One constraint serves one generation: it takes every token that was made, in order, and
 * masks the logits from which the next one is chosen.
 */
export interface TokenConstraint {
  /**
   * Says, before anything else, how many tokens there is room for, end token included: what is open when the room runs
   * out is brought to its shortest end. `accept` and `rollback` count.
   */
  begin(mostTokens: number): void;
  /**
   * Sets the logits [V] of tokens that may not come next to −∞; returns false where every token may come and nothing
   * was changed. Error: `internal` where no token may come.
   */
  mask(logits: Float32Array): boolean;
  /** Takes the next token. Error: `internal` where the constraint does not allow it. */
  accept(id: number): void;
  /** Tokens that must come next whatever the logits are, as many as are certain; none where there is a choice. */
  forced(): readonly number[];
  /** Takes back the last accepted tokens: those of a draft that was refused. */
  rollback(tokens: number): void;
  /** Whether the text so far may end here: the end token is among the allowed ones. */
  readonly isComplete: boolean;
  /** Whether something has begun that must be brought to its end, such as a call. */
  readonly isOpen: boolean;
  /** Whether the last accepted token is part of a call, its marks included: no word of the answer. */
  readonly isInCall: boolean;
  close(): void;
}
