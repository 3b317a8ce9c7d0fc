import { createHash, type Hash } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { LimbeckError } from "../base/errors.ts";
import { withFileErrors } from "../base/files.ts";
import type { Hub, ReadAnswer } from "./hub-client.ts";
import { badDownload } from "./hub-errors.ts";
import type { HubFile } from "./hub-files.ts";

/** How a file came: only its end was fetched, or all of it. */
export type Arrival = "resumed" | "fetched";

/** Where a file that is not whole yet lies: the name says of which content, so that no other is continued. */
export function partFile(target: string, { hash }: HubFile): string {
  return `${target}.${hash.hex.slice(0, 12)}.part`;
}

/** Bytes of a file that its part holds. */
export function partBytes(target: string, file: HubFile): number {
  const { size = 0 } = fs.statSync(partFile(target, file), { throwIfNoEntry: false }) ?? {};
  return Math.min(size, file.bytes);
}

function startHash({ hash, bytes }: HubFile): Hash {
  if (hash.kind === "sha256") return createHash("sha256");
  // git names a blob by its length and content.
  return createHash("sha1").update(`blob ${bytes}\0`);
}

/** The hash of what is in a file; a file that is not there counts as empty. */
function hashSoFar(name: string, file: HubFile): { readonly hash: Hash; readonly bytes: number } {
  const hash = startHash(file);
  if (!fs.existsSync(name)) return { hash, bytes: 0 };
  return withFileErrors("read", name, () => {
    const handle = fs.openSync(name, "r");
    try {
      const piece = Buffer.allocUnsafe(1 << 22);
      let bytes = 0;
      for (let read = fs.readSync(handle, piece); read > 0; read = fs.readSync(handle, piece)) {
        hash.update(piece.subarray(0, read));
        bytes += read;
      }
      return { hash, bytes };
    } finally {
      fs.closeSync(handle);
    }
  });
}

/** Whether a file is there with the announced content. */
export function isWhole(name: string, file: HubFile): boolean {
  if (fs.statSync(name, { throwIfNoEntry: false })?.size !== file.bytes) return false;
  return hashSoFar(name, file).hash.digest("hex") === file.hash.hex;
}

/** Where a 206 begins; null: it does not say, or speaks of a file of another size. */
function rangeStart(response: Response, bytes: number): number | null {
  const [, start, total] =
    /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get("content-range") ?? "") ?? [];
  if (start === undefined || (total !== "*" && Number(total) !== bytes)) return null;
  return Number(start);
}

/** A file in the making: content goes to its end, and into the hash. */
class Part {
  readonly #name: string;
  readonly #file: HubFile;
  #hash: Hash;
  #bytes: number;

  constructor(name: string, file: HubFile) {
    this.#name = name;
    this.#file = file;
    ({ hash: this.#hash, bytes: this.#bytes } = hashSoFar(name, file));
    if (this.#bytes > file.bytes) this.clear();
  }

  get bytes(): number {
    return this.#bytes;
  }

  clear(): void {
    withFileErrors("remove", this.#name, () => fs.rmSync(this.#name, { force: true }));
    this.#hash = startHash(this.#file);
    this.#bytes = 0;
  }

  /** Errors: `bad_download` where more comes than was announced, and an Error where less does: ask again. */
  async append(content: AsyncIterable<Uint8Array>, onBytes: (bytes: number) => void): Promise<void> {
    const { path: name, bytes } = this.#file;
    const handle = withFileErrors("write", this.#name, () => fs.openSync(this.#name, "a"));
    try {
      for await (const piece of content) {
        if (this.#bytes + piece.length > bytes)
          throw this.#refused(`${name}: expected ${bytes} bytes, got more`);
        withFileErrors("write", this.#name, () => fs.writeFileSync(handle, piece));
        this.#hash.update(piece);
        this.#bytes += piece.length;
        onBytes(piece.length);
      }
      withFileErrors("write", this.#name, () => fs.fsyncSync(handle));
    } finally {
      fs.closeSync(handle);
    }
    if (this.#bytes < bytes) throw new Error(`an end after ${this.#bytes} of ${bytes} bytes`);
  }

  /** Makes it the file itself, where its content is the announced one. Error: `bad_download`; the part is removed. */
  finish(target: string): void {
    const { path: name, hash, bytes } = this.#file;
    const got = this.#hash.digest("hex");
    if (got !== hash.hex) throw this.#refused(`${name}: expected content of hash ${hash.hex}, got ${got}`);
    withFileErrors("write", target, () => {
      // Nothing was appended to an empty file.
      if (bytes === 0) fs.closeSync(fs.openSync(this.#name, "w"));
      fs.renameSync(this.#name, target);
    });
  }

  #refused(message: string): LimbeckError {
    this.clear();
    return new LimbeckError("bad_download", `${message}; it is removed`, {
      cure: "Run the same command again: this file is fetched anew, the others are kept.",
      fields: { path: this.#file.path },
    });
  }
}

/** Asks for what is missing; compressed on the way, positions would be those of other bytes. */
function askFrom(bytes: number): RequestInit {
  return { headers: { "accept-encoding": "identity", ...(bytes > 0 ? { range: `bytes=${bytes}-` } : {}) } };
}

/**
 * Brings one file to `target`: continues its part, checks the hash, renames. `onBytes` is told how
 * many bytes came, and, below zero, how many have to come again. Errors: those of `Hub.request`, `bad_download`,
 * `disk_full`, `not_writable`.
 */
export async function downloadFile(
  hub: Hub,
  from: string,
  file: HubFile,
  target: string,
  onBytes: (bytes: number) => void,
): Promise<Arrival> {
  withFileErrors("create", path.dirname(target), () =>
    fs.mkdirSync(path.dirname(target), { recursive: true }),
  );
  const part = new Part(partFile(target, file), file);
  const arrival = part.bytes > 0 ? "resumed" : "fetched";
  let furthest = part.bytes;
  const read: ReadAnswer<void> = async (response, { onAlive, onProgress }) => {
    if (response.status === 200 && part.bytes > 0) {
      // This hub has no ranges and sends all of it again.
      onBytes(-part.bytes);
      part.clear();
    }
    const start = response.status === 206 ? rangeStart(response, file.bytes) : 0;
    if (response.status === 416 || start !== part.bytes || response.body === null) {
      await response.body?.cancel();
      throw badDownload(
        new URL(from, hub.endpoint),
        `expected the bytes from ${part.bytes} on, got status ${response.status} with those from ${start}`,
      );
    }
    await part.append(response.body, (bytes) => {
      onAlive();
      // What comes again after a cut is no progress: else a hub without ranges could keep us for ever.
      if (part.bytes > furthest) onProgress();
      furthest = Math.max(furthest, part.bytes);
      onBytes(bytes);
    });
  };
  if (part.bytes < file.bytes) await hub.request(from, () => askFrom(part.bytes), read);
  part.finish(target);
  return arrival;
}
