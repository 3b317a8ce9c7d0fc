import { createHash } from "node:crypto";
import type { DiskFault } from "./types.ts";

/**
 * One block in a file: magic (8 bytes), version (uint32), bytes of the payload (uint32), the block's key (32), sha-256
 * of all that and of the payload (32), payload. Numbers are little-endian.
 */
const magic = Buffer.from("limbeckv");
const version = 1;
const keyAt = 16;
const checksumAt = 48;
export const headerBytes = 80;

function checksum(head: Uint8Array, payload: Uint8Array): Buffer {
  return createHash("sha256").update(head.subarray(0, checksumAt)).update(payload).digest();
}

/** The header that goes before `payload` in the file of `key` (64 hexadecimal digits). */
export function entryHeader(key: string, payload: Uint8Array): Uint8Array {
  const head = Buffer.alloc(headerBytes);
  magic.copy(head);
  head.writeUInt32LE(version, 8);
  head.writeUInt32LE(payload.byteLength, 12);
  Buffer.from(key, "hex").copy(head, keyAt);
  checksum(head, payload).copy(head, checksumAt);
  return head;
}

/** The payload of a file's bytes, or what is wrong with them; `blockBytes` is the size that every block has. */
export function readEntry(file: Buffer, key: string, blockBytes: number): Uint8Array | DiskFault {
  if (file.byteLength < headerBytes) return "truncated";
  if (!file.subarray(0, magic.length).equals(magic) || file.readUInt32LE(8) !== version)
    return "wrong_version";
  const payload = file.subarray(headerBytes);
  if (payload.byteLength < file.readUInt32LE(12)) return "truncated";
  const digest = checksum(file, payload);
  if (!digest.equals(file.subarray(checksumAt, headerBytes))) return "checksum";
  if (file.toString("hex", keyAt, checksumAt) !== key || payload.byteLength !== blockBytes) return "mismatch";
  return payload;
}

/** Which fault an error of the file system is. Anything else is our own bug and thrown on. */
export function faultOf(error: unknown, operation: "read" | "write"): DiskFault {
  const { code, errno } = error as NodeJS.ErrnoException;
  if (errno === undefined && code !== "ERR_FS_FILE_TOO_LARGE") throw error;
  if (code === "ENOSPC" || code === "EDQUOT") return "disk_full";
  return operation === "read" ? "unreadable" : "not_writable";
}
