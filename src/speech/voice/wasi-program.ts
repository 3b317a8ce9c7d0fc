import { LimbeckError } from "../../base/errors.ts";
import { type WasmMemory, type WasmModule, wasm } from "./web-assembly.ts";

/** Error numbers of WASI preview 1 that a program may have to understand. */
const errno = { success: 0, badFile: 8, invalid: 28, noEntry: 44 } as const;
/** WASI's answer of what a descriptor is. */
const fileTypes = { characterDevice: 2, directory: 3, regularFile: 4 } as const;
const rootDescriptor = 3;
const firstFileDescriptor = 4;

interface OpenFile {
  readonly name: string;
  position: number;
}

/** A growing file in memory. */
class MemoryFile {
  #bytes = new Uint8Array(1 << 16);
  length = 0;

  get content(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }

  write(at: number, data: Uint8Array): void {
    const end = at + data.length;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, 2 * this.#bytes.length));
      grown.set(this.content);
      this.#bytes = grown;
    }
    this.#bytes.set(data, at);
    this.length = Math.max(this.length, end);
  }
}

/** How a program ended; thrown through its own frames by `proc_exit`. */
class ProgramExit {
  readonly status: number;
  constructor(status: number) {
    this.status = status;
  }
}

export interface ProgramResult {
  readonly status: number;
  /** What it wrote to standard output and error. */
  readonly said: string;
  /** Content of files that it wrote, by name. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** One run of a WASI command: its memory is fresh, its files live in ours, it sees neither disk nor environment nor clock. */
export interface ProgramInstance {
  run(args: readonly string[]): ProgramResult;
}

/**
 * Makes an instance of a WASI (preview 1) command that runs once. Node's own WASI prints a warning that it is experimental,
 * and wants real folders: this one has what a batch program calls, and a file system of one flat folder in memory.
 */
export function instantiateProgram(module: WasmModule): ProgramInstance {
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  const files = new Map<string, MemoryFile>();
  const open = new Map<number, OpenFile>();
  let argv: Uint8Array[] = [];
  let said = "";

  const bytes = (at: number, length: number): Uint8Array => new Uint8Array(memory.buffer, at, length);
  const view = (): DataView => new DataView(memory.buffer);
  /** [address, length] of each part of a gathered read or write. */
  const vectors = (at: number, count: number): (readonly [number, number])[] =>
    Array.from({ length: count }, (_, i) => [
      view().getUint32(at + 8 * i, true),
      view().getUint32(at + 8 * i + 4, true),
    ]);

  const calls = {
    args_sizes_get: (count: number, size: number) => {
      view().setUint32(count, argv.length, true);
      view().setUint32(
        size,
        argv.reduce((sum, { length }) => sum + length, 0),
        true,
      );
      return errno.success;
    },
    args_get: (pointers: number, buffer: number) => {
      let at = buffer;
      for (const [i, arg] of argv.entries()) {
        view().setUint32(pointers + 4 * i, at, true);
        bytes(at, arg.length).set(arg);
        at += arg.length;
      }
      return errno.success;
    },
    clock_time_get: (_id: number, _precision: bigint, time: number) => {
      view().setBigUint64(time, 0n, true);
      return errno.success;
    },
    fd_prestat_get: (descriptor: number, result: number) => {
      if (descriptor !== rootDescriptor) return errno.badFile;
      view().setUint32(result, 0, true);
      view().setUint32(result + 4, 1, true);
      return errno.success;
    },
    fd_prestat_dir_name: (_descriptor: number, name: number, _length: number) => {
      bytes(name, 1).set(encoder.encode("/"));
      return errno.success;
    },
    fd_fdstat_get: (descriptor: number, result: number) => {
      const isFile = open.has(descriptor);
      if (!isFile && descriptor > rootDescriptor) return errno.badFile;
      const isRoot = descriptor === rootDescriptor;
      bytes(result, 24).fill(0);
      view().setUint8(
        result,
        isFile ? fileTypes.regularFile : isRoot ? fileTypes.directory : fileTypes.characterDevice,
      );
      // All rights.
      view().setBigUint64(result + 8, 0xffff_ffff_ffff_ffffn, true);
      view().setBigUint64(result + 16, 0xffff_ffff_ffff_ffffn, true);
      return errno.success;
    },
    fd_fdstat_set_flags: () => errno.success,
    path_open: (
      _directory: number,
      _lookup: number,
      path: number,
      length: number,
      flags: number,
      _rights: bigint,
      _inheriting: bigint,
      _descriptorFlags: number,
      result: number,
    ) => {
      const [isCreated, isTruncated] = [(flags & 1) !== 0, (flags & 8) !== 0];
      const name = decoder.decode(bytes(path, length).slice());
      if (!files.has(name) && !isCreated) return errno.noEntry;
      if (!files.has(name) || isTruncated) files.set(name, new MemoryFile());
      const descriptor = firstFileDescriptor + open.size;
      open.set(descriptor, { name, position: 0 });
      view().setUint32(result, descriptor, true);
      return errno.success;
    },
    fd_close: () => errno.success,
    fd_seek: (descriptor: number, offset: bigint, whence: number, result: number) => {
      const file = open.get(descriptor);
      if (!file) return errno.badFile;
      const from = [0, file.position, files.get(file.name)!.length][whence];
      if (from === undefined) return errno.invalid;
      file.position = from + Number(offset);
      view().setBigUint64(result, BigInt(file.position), true);
      return errno.success;
    },
    fd_read: (descriptor: number, parts: number, count: number, result: number) => {
      const file = open.get(descriptor);
      if (!file) return errno.badFile;
      const { content } = files.get(file.name)!;
      let total = 0;
      for (const [at, length] of vectors(parts, count)) {
        const piece = content.subarray(file.position, file.position + length);
        bytes(at, piece.length).set(piece);
        file.position += piece.length;
        total += piece.length;
      }
      view().setUint32(result, total, true);
      return errno.success;
    },
    fd_write: (descriptor: number, parts: number, count: number, result: number) => {
      const file = open.get(descriptor);
      let total = 0;
      for (const [at, length] of vectors(parts, count)) {
        if (file) {
          files.get(file.name)!.write(file.position, bytes(at, length));
          file.position += length;
        } else {
          said += decoder.decode(bytes(at, length).slice());
        }
        total += length;
      }
      view().setUint32(result, total, true);
      return errno.success;
    },
    proc_exit: (status: number): never => {
      throw new ProgramExit(status);
    },
  };

  const { exports } = new wasm.Instance(module, { wasi_snapshot_preview1: calls });
  const { memory, _start } = exports as { memory: WasmMemory; _start: () => void };
  return {
    run(args) {
      argv = args.map((arg) => encoder.encode(`${arg.replaceAll("\0", "")}\0`));
      let status = 0;
      try {
        _start();
      } catch (error) {
        if (!(error instanceof ProgramExit)) {
          throw new LimbeckError("voice_failed", `${args[0]}: stopped inside, ${(error as Error).message}`, {
            cause: error,
          });
        }
        status = error.status;
      }
      return { status, said, files: new Map([...files].map(([name, file]) => [name, file.content])) };
    },
  };
}
