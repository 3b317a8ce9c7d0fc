import * as fs from "node:fs/promises";
import { LimbeckError } from "../base/errors.ts";
import { fileError } from "../base/files.ts";
import { isCancelled } from "./cancelled.ts";
import { systemClock } from "./clock.ts";
import type { SpeechClock } from "./types.ts";

export interface FollowOptions {
  readonly signal: AbortSignal;
  /** Read what is in the file already; otherwise only what is added. A file that is not there yet is read whole. */
  readonly isFromStart?: boolean;
  readonly pollMs?: number;
  readonly clock?: SpeechClock;
}

const pieceBytes = 1 << 16;

interface Open {
  readonly handle: fs.FileHandle;
  readonly inode: number;
  position: number;
}

async function open(file: string, isFromStart: boolean): Promise<Open | undefined> {
  try {
    const handle = await fs.open(file, "r");
    const { ino, size } = await handle.stat();
    return { handle, inode: ino, position: isFromStart ? 0 : size };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw fileError("follow", file, error);
  }
}

/** Whether another file stands under the name now. False while there is none: the old one may still be written to. */
async function isReplaced(file: string, inode: number): Promise<boolean> {
  try {
    return (await fs.stat(file)).ino !== inode;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw fileError("follow", file, error);
  }
}

/**
 * What is written to a file from when this resolves, as it is written, until the signal aborts. A file that is cut is read
 * from its new start, one that is replaced is read to its end before the new one. Errors: `not_writable` where the path
 * cannot be read.
 */
export async function followFile(
  file: string,
  options: FollowOptions,
): Promise<AsyncGenerator<Uint8Array, void>> {
  return follow(file, await open(file, options.isFromStart === true), options);
}

async function* follow(
  file: string,
  opened: Open | undefined,
  { signal, pollMs = 40, clock = systemClock }: FollowOptions,
): AsyncGenerator<Uint8Array, void> {
  let current = opened;
  const buffer = Buffer.allocUnsafe(pieceBytes);
  try {
    while (!signal.aborted) {
      if (current === undefined) {
        current = await open(file, true);
      } else {
        // Asked before reading: what was written to the old file until it was replaced is then read below.
        const replaced = await isReplaced(file, current.inode);
        const { size } = await current.handle.stat();
        if (size < current.position) current.position = 0;
        for (;;) {
          const { bytesRead } = await current.handle.read(buffer, 0, buffer.length, current.position);
          if (bytesRead === 0) break;
          current.position += bytesRead;
          yield Uint8Array.from(buffer.subarray(0, bytesRead));
          if (signal.aborted) return;
        }
        if (replaced) {
          await current.handle.close();
          current = await open(file, true);
          continue;
        }
      }
      await clock.sleep(pollMs, signal);
    }
  } catch (error) {
    if (isCancelled(error)) return;
    throw error instanceof LimbeckError ? error : fileError("follow", file, error);
  } finally {
    await current?.handle.close();
  }
}
