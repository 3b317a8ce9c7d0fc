import type { ChatRunner } from "../types.ts";
import type { RowCheck } from "./row-check.ts";

/** Most rows of a batch: beyond a few, each request waits for the prompts of all the others. */
export const mostRows = 8;

export interface BatchOpening {
  readonly check: RowCheck;
  readonly kvBytes: number;
}

export interface BatchStats {
  /** How many decode runs had 1, 2, … rows in them. */
  readonly runs: readonly number[];
}

/**
 * Answers up to `rows` chats side by side, each with the words that the engine alone would give; more wait in the order
 * in which they come. A request's failure or cancellation ends that request only. No `speculation`.
 */
export interface BatchRunner extends ChatRunner {
  readonly rows: number;
  /** `chat` fails with `invalid_request` where this refuses. */
  readonly check: RowCheck;
  readonly kvBytes: number;
  /** What it did so far; null where it is closed. */
  stats(): Promise<BatchStats | null>;
}
