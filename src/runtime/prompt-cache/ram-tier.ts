/** Which part of a prompt a block belongs to: the system prompt (tools included) is kept longest. */
export type BlockRole = "system" | "turn";

/** One block on the path of a prompt, from the root down. Roles along a path: system first, then turns. */
export interface PathBlock {
  readonly key: string;
  readonly role: BlockRole;
  /** The block's bytes, asked for only where they are not held yet. */
  readonly read: () => Uint8Array;
}

/**
 * Blocks in memory under a byte budget. A prefix tree that is held flat: a key stands for the whole path to its block,
 * and no block is ever held without those before it on its path.
 */
export interface RamTier {
  readonly budgetBytes: number;
  readonly bytes: number;
  readonly blocks: number;
  readonly evictedBlocks: number;
  get(key: string): Uint8Array | undefined;
  /** Holds as much of a path as fits, and marks it as the one used last. */
  keep(path: readonly PathBlock[]): void;
}

/** A tier of blocks of `blockBytes` each. */
export function createRamTier(budgetBytes: number, blockBytes: number): RamTier {
  // Oldest first. A path is marked from its end to its root, so that of two blocks on one path the deeper one is the
  // older one: evicting the oldest never cuts a path in its middle.
  const held = { system: new Map<string, Uint8Array>(), turn: new Map<string, Uint8Array>() };
  const capacity = Math.floor(budgetBytes / blockBytes);
  let evictedBlocks = 0;

  const get = (key: string): Uint8Array | undefined => held.system.get(key) ?? held.turn.get(key);
  const evictOldest = (role: BlockRole): void => {
    const [oldest] = held[role].keys();
    if (oldest !== undefined && held[role].delete(oldest)) evictedBlocks += 1;
  };
  /** Marks `blocks`, those already held among them; what is missing is read and added. */
  const mark = (blocks: readonly PathBlock[], role: BlockRole): void => {
    for (const { key, read } of blocks.toReversed()) {
      const bytes = get(key) ?? read();
      held.turn.delete(key);
      // A block that was once part of a system prompt stays one.
      const to = held.system.delete(key) ? "system" : role;
      held[to].set(key, bytes);
    }
  };
  /** Marks first, so that what makes room is never the path itself. */
  const keepPart = (blocks: readonly PathBlock[], role: BlockRole, evictable: readonly BlockRole[]): void => {
    mark(
      blocks.filter(({ key }) => get(key) !== undefined),
      role,
    );
    const missing = blocks.filter(({ key }) => get(key) === undefined).length;
    for (const victims of evictable) {
      while (held.system.size + held.turn.size + missing > capacity && held[victims].size > 0)
        evictOldest(victims);
    }
    mark(blocks, role);
  };

  return {
    budgetBytes,
    get bytes() {
      return (held.system.size + held.turn.size) * blockBytes;
    },
    get blocks() {
      return held.system.size + held.turn.size;
    },
    get evictedBlocks() {
      return evictedBlocks;
    },
    get,
    keep: (path) => {
      const system = path.filter(({ role }) => role === "system");
      const turns = path.filter(({ role }) => role === "turn");
      // The turns first, so that the system prompt before them is marked as the newer part of the path.
      const systemHeld = system.slice(0, capacity);
      keepPart(systemHeld, "system", ["turn", "system"]);
      if (systemHeld.length < system.length) return;
      const room = capacity - held.system.size;
      const inSystem = turns.filter(({ key }) => held.system.has(key)).length;
      keepPart(turns.slice(0, room + inSystem), "turn", ["turn"]);
      mark(systemHeld, "system");
    },
  };
}
