import { createHash, randomBytes } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { setImmediate } from "node:timers/promises";
import { LimbeckError } from "./errors.ts";
import { type Json, parseJson, stringifyJson } from "./json.ts";

/** Turns a file system error into ours: which operation, which path, what to do. */
export function fileError(operation: string, file: string, cause: unknown): LimbeckError {
  const errno = (cause as NodeJS.ErrnoException).code ?? "";
  const fields = { path: file, errno };
  if (errno === "ENOENT") {
    return new LimbeckError("file_not_found", `${operation} ${file}: no such file or folder`, {
      cure: "Check the path.",
      fields,
      cause,
    });
  }
  if (errno === "ENOSPC" || errno === "EDQUOT") {
    return new LimbeckError("disk_full", `${operation} ${file}: no space left on the disk`, {
      cure: "Free some space and run the same command again; nothing that was complete is lost.",
      fields,
      cause,
    });
  }
  if (["EACCES", "EPERM", "EROFS", "ENOTDIR", "EISDIR", "EEXIST"].includes(errno)) {
    return new LimbeckError("not_writable", `${operation} ${file}: ${errno}, the path cannot be used`, {
      cure: "Choose another folder, or change its permissions.",
      fields,
      cause,
    });
  }
  return new LimbeckError("internal", `${operation} ${file}: ${(cause as Error).message}`, { fields, cause });
}

/** Runs `action`; an error of the file system becomes ours. */
export function withFileErrors<T>(operation: string, file: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    if (cause instanceof LimbeckError) throw cause;
    throw fileError(operation, file, cause);
  }
}

/** A file in the making: beside the one that it becomes. */
interface NextFile {
  write(part: string | Uint8Array): void;
  /** Flushes it and puts it in its place. */
  finish(): void;
  /** Removes what was written; of a finished one nothing. */
  discard(): void;
}

function openNextFile(file: string): NextFile {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}.${randomBytes(4).toString("hex")}.tmp`;
  const handle = fs.openSync(temporary, "wx");
  let isOpen = true;
  const close = (): void => {
    if (isOpen) fs.closeSync(handle);
    isOpen = false;
  };
  return {
    write: (part) => fs.writeFileSync(handle, part),
    finish: () => {
      fs.fsyncSync(handle);
      close();
      fs.renameSync(temporary, file);
    },
    discard: () => {
      close();
      fs.rmSync(temporary, { force: true });
    },
  };
}

/**
 * Writes `file` so that a reader sees the old bytes or all the new ones, never a part: temporary file beside it,
 * flush, rename. Makes the folder. Errors: `disk_full`, `not_writable`.
 */
export function writeFileAtomic(file: string, data: string | Uint8Array | Iterable<Uint8Array>): void {
  withFileErrors("write", file, () => {
    const next = openNextFile(file);
    try {
      const isWhole = typeof data === "string" || data instanceof Uint8Array;
      for (const part of isWhole ? [data] : data) next.write(part);
      next.finish();
    } finally {
      next.discard();
    }
  });
}

/** The same for parts that take long to make: between two of them the event loop turns, so that Ctrl-C is heard. */
export async function writePartsAtomic(file: string, parts: Iterable<Uint8Array>): Promise<void> {
  const next = withFileErrors("write", file, () => openNextFile(file));
  try {
    for (const part of parts) {
      withFileErrors("write", file, () => next.write(part));
      await setImmediate();
    }
    withFileErrors("write", file, () => next.finish());
  } finally {
    next.discard();
  }
}

/** Writes `value` as indented JSON, atomically. */
export function writeJsonAtomic(file: string, value: unknown): void {
  writeFileAtomic(file, `${stringifyJson(value, 2)}\n`);
}

export function readText(file: string): string {
  return withFileErrors("read", file, () => fs.readFileSync(file, "utf8"));
}

export function readBytes(file: string): Buffer {
  return withFileErrors("read", file, () => fs.readFileSync(file));
}

export function readJson(file: string): Json {
  return parseJson(readText(file), file);
}

/** Lower-case hexadecimal sha-256 of bytes or text. */
export function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

/** sha-256 of a file's bytes as `sha256` writes it, read a piece at a time: files larger than memory can be hashed. */
export function sha256File(file: string): string {
  return withFileErrors("read", file, () => {
    const handle = fs.openSync(file, "r");
    try {
      const hash = createHash("sha256");
      const piece = Buffer.allocUnsafe(1 << 22);
      for (let read = fs.readSync(handle, piece); read > 0; read = fs.readSync(handle, piece))
        hash.update(piece.subarray(0, read));
      return hash.digest("hex");
    } finally {
      fs.closeSync(handle);
    }
  });
}
