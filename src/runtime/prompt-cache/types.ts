import type { ChatMessage } from "../../tools/types.ts";

/** How much of the past an engine keeps, so that a prompt that begins as an earlier one did is not read again. */
export interface PromptCacheOptions {
  /** Budget of the keys and values in memory, beside the sequence that the engine holds anyway. */
  readonly ramBytes: number;
  /** Folder of the tier that survives a restart; none by default. Engines may share one. */
  readonly diskDir?: string;
  /** Default: min(30 GiB, a quarter of what is free when the engine opens). */
  readonly diskBytes?: number;
}

/** Why an entry of the disk tier was dropped or not written. The tokens were then read by the model, as without a cache. */
export const diskFaults = [
  "truncated",
  "wrong_version",
  "checksum",
  "mismatch",
  "unreadable",
  "not_writable",
  "disk_full",
] as const;
export type DiskFault = (typeof diskFaults)[number];

/** Text of a message that changed between prompts that were otherwise equal: from there on nothing could be reused. */
export interface VolatileHeader {
  /** Which message, counted from 0. */
  readonly message: number;
  readonly role: ChatMessage["role"];
  readonly kind: "uuid" | "date" | "time" | "number" | "id";
  /** The text as it last stood, and the one before. */
  readonly text: string;
  readonly previous: string;
  /** Prompts in which it had changed. */
  readonly changes: number;
}

/** What a prompt cache did since its engine was opened. */
export interface PromptCacheStats {
  /** Prompts that were read, and those of them of which at least one block was kept. */
  readonly prompts: number;
  readonly hits: number;
  readonly promptTokens: number;
  readonly cachedTokens: number;
  /** Positions of one block: what is kept is kept in whole blocks. */
  readonly blockTokens: number;
  /** Blocks that came from the engine's own sequence without a copy, from memory, and from the disk. */
  readonly liveBlocks: number;
  readonly ramBlocks: number;
  readonly diskBlocks: number;
  readonly ram: {
    readonly blocks: number;
    readonly bytes: number;
    readonly budgetBytes: number;
    readonly evictedBlocks: number;
  };
  /** Null where the tier is off. */
  readonly disk: {
    readonly blocks: number;
    readonly bytes: number;
    readonly budgetBytes: number;
    readonly evictedBlocks: number;
    readonly faults: Readonly<Record<DiskFault, number>>;
  } | null;
  readonly volatileHeaders: readonly VolatileHeader[];
}
