import { LimbeckError } from "../../base/errors.ts";
import { canonicalJson } from "../../base/json.ts";
import type { ChatMessage } from "../../tools/types.ts";
import type { StepRunner } from "../step-runner.ts";
import { type CachedRunner, createCachedRunner } from "./cached-runner.ts";
import { openDiskTier } from "./disk-tier.ts";
import { createRamTier } from "./ram-tier.ts";
import type { PromptCacheOptions, PromptCacheStats } from "./types.ts";
import { createVolatileHeaders } from "./volatile-headers.ts";

/** A runner that keeps prompts, and all that it tells about them. */
export interface PromptCache {
  readonly runner: CachedRunner;
  /** Looks for text that changes from prompt to prompt where it should not. */
  observe(messages: readonly ChatMessage[]): void;
  stats(): PromptCacheStats;
  /** Settles when all blocks are on the disk. */
  settle(): Promise<void>;
}

/** Where a prompt's blocks are kept, and what they belong to. */
export interface PromptCachePlace {
  /** Model, chat template, layout, and whatever else decides the bits of keys and values: other places share nothing. */
  readonly identity: Readonly<Record<string, unknown>>;
  readonly blockTokens: number;
}

/**
 * Opens a prompt cache over a runner whose prefill chunk is `blockTokens`. A disk tier that cannot be used is counted
 * in the statistics, never thrown. Error: `invalid_request` for a budget below 0.
 */
export function openPromptCache(
  inner: StepRunner,
  options: PromptCacheOptions,
  { identity, blockTokens }: PromptCachePlace,
): PromptCache {
  for (const option of ["ramBytes", "diskBytes"] as const) {
    const value = options[option];
    if (value === undefined || value >= 0) continue;
    throw new LimbeckError("invalid_request", `promptCache.${option}: expected bytes ≥ 0, got ${value}`, {
      fields: { option, value },
    });
  }
  const blockBytes = blockTokens * inner.kvBytesPerToken;
  const ram = createRamTier(options.ramBytes, blockBytes);
  const disk =
    options.diskDir === undefined ? null : openDiskTier(options.diskDir, blockBytes, options.diskBytes);
  const namespace = canonicalJson({ ...identity, blockTokens });
  const runner = createCachedRunner(inner, { namespace, blockTokens, ram, disk });
  const headers = createVolatileHeaders();
  return {
    runner,
    observe: (messages) => headers.observe(messages),
    stats: () => ({
      ...runner.counts,
      blockTokens,
      ram: {
        blocks: ram.blocks,
        bytes: ram.bytes,
        budgetBytes: ram.budgetBytes,
        evictedBlocks: ram.evictedBlocks,
      },
      disk: disk && {
        blocks: disk.blocks,
        bytes: disk.bytes,
        budgetBytes: disk.budgetBytes,
        evictedBlocks: disk.evictedBlocks,
        faults: { ...disk.faults },
      },
      volatileHeaders: headers.found,
    }),
    settle: async () => disk?.settle(),
  };
}
