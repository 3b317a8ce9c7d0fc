import type { StepRunner } from "../step-runner.ts";
import { blockKeys } from "./block-keys.ts";
import type { DiskTier } from "./disk-tier.ts";
import type { RamTier } from "./ram-tier.ts";

export interface CachedRunnerOptions {
  /** What else decides the bits of keys and values. */
  readonly namespace: string;
  /** Tokens of a block: the runner's own prefill chunk, so that a block is what one run wrote. */
  readonly blockTokens: number;
  readonly ram: RamTier;
  readonly disk: DiskTier | null;
}

/** What reading prompts took from where, since the runner was made. */
export interface CacheCounts {
  prompts: number;
  hits: number;
  promptTokens: number;
  cachedTokens: number;
  liveBlocks: number;
  ramBlocks: number;
  diskBlocks: number;
}

/** A step runner whose first `prefill` after `reset` reads only what no earlier prompt began with. */
export interface CachedRunner extends StepRunner {
  /** Tokens of the sequence's prompt that were not read by the model. */
  readonly cachedTokens: number;
  readonly counts: Readonly<CacheCounts>;
  /**
   * Puts the last prompt's blocks into memory and onto the disk, those within its first `systemTokens` tokens as a
   * system prompt. For when nobody waits for an answer.
   */
  keep(systemTokens: number): void;
}

/**
 * Wraps a runner. Kept are only whole blocks that a prefill wrote, each in one run that began at a multiple of the
 * block: so the model reads the rest of a prompt in the very runs in which it reads it without a cache, and the logits
 * are the same to the bit. Tokens that decoding appended went through other runs, and are read again. At least one
 * token is always read: its logits are needed.
 */
export function createCachedRunner(
  inner: StepRunner,
  { namespace, blockTokens, ram, disk }: CachedRunnerOptions,
): CachedRunner {
  /** Keys of the blocks that lie in the runner's own memory, from position 0 on. */
  let live: string[] = [];
  let isFresh = true;
  let cachedTokens = 0;
  let prefillMsBefore = 0;
  let decodeMsBefore = 0;
  const counts: CacheCounts = {
    prompts: 0,
    hits: 0,
    promptTokens: 0,
    cachedTokens: 0,
    liveBlocks: 0,
    ramBlocks: 0,
    diskBlocks: 0,
  };

  /** Brings as many of the blocks of `keys` into the runner as are kept anywhere; the sequence then ends with them. */
  const restore = (keys: readonly string[]): void => {
    let block = 0;
    while (block < keys.length && live[block] === keys[block]) block += 1;
    counts.liveBlocks += block;
    live = live.slice(0, block);
    inner.rewind(block * blockTokens);
    for (; block < keys.length; block++) {
      const key = keys[block] as string;
      const inRam = ram.get(key);
      const bytes = inRam ?? disk?.read(key);
      if (bytes === undefined) return;
      inner.loadKv(bytes, block * blockTokens, (block + 1) * blockTokens);
      live.push(key);
      if (inRam) counts.ramBlocks += 1;
      else counts.diskBlocks += 1;
    }
  };
  /** Positions from `length` on will be written anew. */
  const outliveOnly = (length: number): void => {
    live.length = Math.min(live.length, Math.floor(length / blockTokens));
  };

  return {
    shape: inner.shape,
    kvBytes: inner.kvBytes,
    kvBytesPerToken: inner.kvBytesPerToken,
    prefillChunk: inner.prefillChunk,
    logits: inner.logits,
    counts,
    get cachedTokens() {
      return cachedTokens;
    },
    get length() {
      return isFresh ? 0 : inner.length;
    },
    get prefillSessionMs() {
      return inner.prefillSessionMs - prefillMsBefore;
    },
    get decodeSessionMs() {
      return inner.decodeSessionMs - decodeMsBefore;
    },
    reset: () => {
      // What the runner holds stays where it is: the next prompt may begin with it.
      isFresh = true;
      cachedTokens = 0;
      prefillMsBefore = inner.prefillSessionMs;
      decodeMsBefore = inner.decodeSessionMs;
    },
    prefill: async (ids, isCancelled) => {
      if (!isFresh) return inner.prefill(ids, isCancelled);
      const keys = blockKeys(namespace, ids, blockTokens, Math.floor(ids.length / blockTokens));
      restore(keys.slice(0, Math.floor((ids.length - 1) / blockTokens)));
      isFresh = false;
      cachedTokens = inner.length;
      counts.prompts += 1;
      counts.hits += cachedTokens > 0 ? 1 : 0;
      counts.promptTokens += ids.length;
      counts.cachedTokens += cachedTokens;
      const done = cachedTokens + (await inner.prefill(ids.slice(cachedTokens), isCancelled));
      live.push(...keys.slice(live.length, Math.floor(done / blockTokens)));
      return done;
    },
    decode: (id) => inner.decode(id),
    verify: (ids, first) => inner.verify(ids, first),
    rewind: (length) => {
      inner.rewind(length);
      outliveOnly(length);
    },
    saveKv: (from, to) => inner.saveKv(from, to),
    loadKv: (bytes, from, to) => {
      inner.loadKv(bytes, from, to);
      outliveOnly(from);
    },
    keep: (systemTokens) => {
      const save = (block: number): Uint8Array =>
        inner.saveKv(block * blockTokens, (block + 1) * blockTokens);
      ram.keep(
        live.map((key, block) => ({
          key,
          role: (block + 1) * blockTokens <= systemTokens ? "system" : "turn",
          read: () => save(block),
        })),
      );
      if (disk === null) return;
      for (const [block, key] of live.entries()) {
        if (!disk.has(key)) disk.write(key, ram.get(key) ?? save(block));
      }
      // Those on their way too: of a path that was just kept the end is the older part.
      disk.touch(live);
    },
    close: () => inner.close(),
  };
}
