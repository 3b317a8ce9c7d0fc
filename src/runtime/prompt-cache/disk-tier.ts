import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { entryHeader, faultOf, headerBytes, readEntry } from "./disk-entry.ts";
import { type DiskFault, diskFaults } from "./types.ts";

/**
 * Blocks in files of one folder, under a byte budget; the one used longest ago goes first. Whatever is wrong with the
 * folder or a file is counted, never thrown: a block that cannot be had is read by the model again.
 */
export interface DiskTier {
  readonly budgetBytes: number;
  readonly bytes: number;
  readonly blocks: number;
  readonly evictedBlocks: number;
  readonly faults: Readonly<Record<DiskFault, number>>;
  has(key: string): boolean;
  /** A block that is there and whole, or still on its way to the disk; a damaged one is removed. */
  read(key: string): Uint8Array | undefined;
  /** Marks a path as used: from its end to its root, so that a path loses its end first. */
  touch(keys: readonly string[]): void;
  /** Writes a block in the background, in whole or not at all. `bytes` must not change any more. */
  write(key: string, bytes: Uint8Array): void;
  /** Settles when everything was written. */
  settle(): Promise<void>;
}

const gib = 2 ** 30;
const mostDefaultBytes = 30 * gib;
/** Blocks that wait for a slow disk hold memory: beyond this they are not written this time. */
const mostPendingBytes = 256 * 2 ** 20;
/** Unfinished files of a process that died; a younger one may still be written by another engine. */
const abandonedMs = 3_600_000;
const extension = ".kv";
/** Keys and values tell what was said. */
const ownerOnly = { folder: 0o700, file: 0o600 };

/** min(30 GiB, a quarter of what is free). */
export function defaultDiskBytes(freeBytes: number): number {
  return Math.min(mostDefaultBytes, Math.floor(freeBytes / 4));
}

interface Found {
  readonly key: string;
  readonly bytes: number;
  readonly usedAtMs: number;
}

/** Every block below `dir`; unfinished files of long ago are removed. */
function scan(dir: string): Found[] {
  const found: Found[] = [];
  for (const name of fs.readdirSync(dir, { recursive: true, encoding: "utf8" })) {
    const file = path.join(dir, name);
    const stat = fs.statSync(file, { throwIfNoEntry: false });
    if (!stat?.isFile()) continue;
    if (name.endsWith(extension)) {
      found.push({ key: path.basename(name, extension), bytes: stat.size, usedAtMs: stat.mtimeMs });
    } else if (name.endsWith(".tmp") && Date.now() - stat.mtimeMs > abandonedMs) {
      fs.rmSync(file, { force: true });
    }
  }
  return found.sort((a, b) => a.usedAtMs - b.usedAtMs);
}

/** A block on its way to the disk, and when it was used last. */
interface Pending {
  readonly payload: Uint8Array;
  usedAt: Date;
}

/** Opens the tier in `dir`, which is made where it is missing, over blocks of `blockBytes` each. */
export function openDiskTier(dir: string, blockBytes: number, diskBytes?: number): DiskTier {
  const faults = Object.fromEntries(diskFaults.map((fault) => [fault, 0])) as Record<DiskFault, number>;
  const sizes = new Map<string, number>(); // oldest first; 0 while a block is on its way
  const pending = new Map<string, Pending>();
  let budgetBytes = diskBytes ?? 0;
  let bytes = 0;
  let evictedBlocks = 0;
  let pendingBytes = 0;
  let lastWrite: Promise<void> = Promise.resolve();

  // Two digits make 256 folders: tens of thousands of files in one are slow to list.
  const fileOf = (key: string): string => path.join(dir, key.slice(0, 2), key + extension);
  const counted = (operation: "read" | "write", action: () => void): void => {
    try {
      action();
    } catch (error) {
      faults[faultOf(error, operation)] += 1;
    }
  };
  const forget = (key: string): void => {
    bytes -= sizes.get(key) ?? 0;
    sizes.delete(key);
  };
  const drop = (key: string): void => {
    forget(key);
    counted("write", () => fs.rmSync(fileOf(key), { force: true }));
  };
  const use = (key: string, size: number): void => {
    forget(key);
    sizes.set(key, size);
    bytes += size;
  };
  const makeRoom = (needed: number): void => {
    for (const key of sizes.keys()) {
      if (bytes + needed <= budgetBytes) return;
      if (pending.has(key)) continue;
      drop(key);
      evictedBlocks += 1;
    }
  };

  counted("write", () => {
    fs.mkdirSync(dir, { recursive: true, mode: ownerOnly.folder });
    const { bavail, bsize } = fs.statfsSync(dir);
    budgetBytes = diskBytes ?? defaultDiskBytes(bavail * bsize);
    // Nothing would be tried, so nothing would tell.
    if (diskBytes === undefined && budgetBytes < headerBytes + blockBytes) faults.disk_full += 1;
  });
  counted("read", () => {
    for (const { key, bytes: size } of scan(dir)) use(key, size);
  });
  makeRoom(0);

  const writeNow = async (key: string, payload: Uint8Array): Promise<void> => {
    const file = fileOf(key);
    const temporary = `${file}.${process.pid}.${randomBytes(4).toString("hex")}.tmp`;
    try {
      makeRoom(headerBytes + payload.byteLength);
      await fs.promises.mkdir(path.dirname(file), { recursive: true, mode: ownerOnly.folder });
      // Not flushed: what a power cut leaves half written fails its checksum.
      await fs.promises.writeFile(temporary, [entryHeader(key, payload), payload], {
        mode: ownerOnly.file,
      });
      const { usedAt } = pending.get(key)!;
      await fs.promises.utimes(temporary, usedAt, usedAt);
      await fs.promises.rename(temporary, file);
      // It keeps its place among the others: paths are marked as used when they are kept, not when they are written.
      sizes.set(key, headerBytes + payload.byteLength);
      bytes += headerBytes + payload.byteLength;
    } catch (error) {
      sizes.delete(key);
      faults[faultOf(error, "write")] += 1;
      counted("write", () => fs.rmSync(temporary, { force: true }));
    } finally {
      pending.delete(key);
    }
  };

  return {
    get budgetBytes() {
      return budgetBytes;
    },
    get bytes() {
      return bytes;
    },
    get blocks() {
      return sizes.size;
    },
    get evictedBlocks() {
      return evictedBlocks;
    },
    faults,
    has: (key) => sizes.has(key),
    read: (key) => {
      // Looked for on the disk, it would be a miss, and written once more.
      const onItsWay = pending.get(key);
      if (onItsWay) return onItsWay.payload;
      let file: Buffer;
      try {
        file = fs.readFileSync(fileOf(key));
      } catch (error) {
        forget(key);
        // Not there, perhaps removed by another engine that shares the folder: a miss like any other.
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") faults[faultOf(error, "read")] += 1;
        return undefined;
      }
      const payload = readEntry(file, key, blockBytes);
      if (payload instanceof Uint8Array) {
        use(key, file.byteLength);
        return payload;
      }
      faults[payload] += 1;
      drop(key);
      return undefined;
    },
    touch: (keys) => {
      const now = Date.now();
      for (const [depth, key] of [...keys.entries()].reverse()) {
        const size = sizes.get(key);
        if (size === undefined) continue;
        use(key, size);
        // A millisecond between blocks: the next process knows their order by the times of their files.
        const usedAt = new Date(now - depth);
        const onItsWay = pending.get(key);
        if (onItsWay) onItsWay.usedAt = usedAt;
        counted("write", () => {
          if (!onItsWay && fs.existsSync(fileOf(key))) fs.utimesSync(fileOf(key), usedAt, usedAt);
        });
      }
    },
    write: (key, payload) => {
      const size = headerBytes + payload.byteLength;
      if (sizes.has(key) || size > budgetBytes || pendingBytes + size > mostPendingBytes) return;
      pendingBytes += size;
      pending.set(key, { payload, usedAt: new Date() });
      use(key, 0); // its bytes count once they are there
      lastWrite = lastWrite
        .then(() => writeNow(key, payload))
        .finally(() => {
          pendingBytes -= size;
        });
    },
    settle: () => lastWrite,
  };
}
