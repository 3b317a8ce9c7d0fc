import * as fs from "node:fs";
import { LimbeckError } from "../base/errors.ts";
import { withFileErrors, writeFileAtomic } from "../base/files.ts";
import { stringifyJson } from "../base/json.ts";
import { type DType, dtypes, elementCount, type Tensor, type TensorData } from "./tensor.ts";

// Format: 8 bytes little-endian length of the header, the header as JSON, then the data.
// Source: huggingface/safetensors, "Format" in its README.

const names: { readonly [D in DType]: string } = {
  float64: "F64",
  float32: "F32",
  float16: "F16",
  bfloat16: "BF16",
  int64: "I64",
  int32: "I32",
  int8: "I8",
  uint8: "U8",
  bool: "BOOL",
};
const byName = new Map(Object.entries(names).map(([dtype, name]) => [name, dtype as DType]));

/** The format's own limit on its header. */
const maxHeaderBytes = 100_000_000;

export interface Safetensors {
  readonly tensors: Readonly<Record<string, Tensor>>;
  readonly metadata: Readonly<Record<string, string>>;
}

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

function invalid(file: string, what: string, fields: Record<string, unknown> = {}): LimbeckError {
  return new LimbeckError("invalid_safetensors", `${file}: ${what}`, {
    cure: "The file is damaged or not a safetensors file: copy or download it again.",
    fields: { path: file, ...fields },
  });
}

const isCount = (n: unknown): n is number => typeof n === "number" && Number.isSafeInteger(n) && n >= 0;

function isEntry(value: unknown): value is Entry {
  if (typeof value !== "object" || value === null) return false;
  const { dtype, shape, data_offsets } = value as Record<string, unknown>;
  return (
    typeof dtype === "string" &&
    Array.isArray(shape) &&
    shape.every(isCount) &&
    Array.isArray(data_offsets) &&
    data_offsets.length === 2 &&
    data_offsets.every(isCount)
  );
}

function parseHeader(file: string, text: string): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch (cause) {
    throw invalid(file, `header: expected JSON, ${(cause as Error).message}`);
  }
  if (typeof header !== "object" || header === null || Array.isArray(header)) {
    throw invalid(file, "header: expected a JSON object");
  }
  return header as Record<string, unknown>;
}

/** Where one tensor lies in its file. */
interface Place {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Byte of the file at which the tensor starts. */
  readonly start: number;
}

/** A safetensors file whose header is read; tensors are read when they are asked for. */
export interface SafetensorsFile {
  readonly file: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Names, in the order of the header, with what each tensor is. */
  readonly entries: ReadonlyMap<string, Pick<Tensor, "dtype" | "shape">>;
  /**
   * The elements from ≤ i < to of a tensor (default: all of them), in memory of its own.
   * Errors: `invalid_safetensors` where the file has no such tensor or has become shorter.
   */
  read(name: string, from?: number, to?: number): TensorData;
}

function withOpenFile<T>(file: string, action: (handle: number) => T): T {
  return withFileErrors("read", file, () => {
    const handle = fs.openSync(file, "r");
    try {
      return action(handle);
    } finally {
      fs.closeSync(handle);
    }
  });
}

/**
 * Reads and checks the header of a safetensors file. The file is opened anew for each read, so there is nothing to
 * close. Errors: `file_not_found`, `invalid_safetensors`.
 */
export function openSafetensors(file: string): SafetensorsFile {
  const { places, metadata } = withOpenFile(file, (handle) => readHeader(file, handle));
  return {
    file,
    metadata,
    entries: places,
    read: (name, from = 0, to) => {
      const place = places.get(name);
      if (!place) throw invalid(file, `tensor "${name}": expected it in the file`, { tensor: name });
      const { bytes, array } = dtypes[place.dtype];
      const count = (to ?? elementCount(place.shape)) - from;
      const memory = new ArrayBuffer(Math.max(4096, Math.ceil((count * bytes) / 64) * 64));
      const target = new Uint8Array(memory, 0, count * bytes);
      withOpenFile(file, (handle) => {
        if (!readFully(handle, target, place.start + from * bytes))
          throw invalid(file, `tensor "${name}": the file ended while it was read (truncated)`);
      });
      return new array(memory, 0, count);
    },
  };
}

/** Fills `target` from `position` on; false where the file ends before. */
function readFully(handle: number, target: Uint8Array, position: number): boolean {
  let done = 0;
  while (done < target.length) {
    const read = fs.readSync(handle, target, done, Math.min(target.length - done, 1 << 30), position + done);
    if (read === 0) return false;
    done += read;
  }
  return true;
}

function readHeader(
  file: string,
  handle: number,
): { places: ReadonlyMap<string, Place>; metadata: Readonly<Record<string, string>> } {
  const size = fs.fstatSync(handle).size;
  const prefix = Buffer.alloc(8);
  if (size < 8 || !readFully(handle, prefix, 0))
    throw invalid(file, `expected at least 8 bytes, got ${size}`);
  const headerBytes = Number(prefix.readBigUInt64LE());
  if (headerBytes > maxHeaderBytes || 8 + headerBytes > size) {
    throw invalid(file, `header: expected ${headerBytes} bytes after the first 8, the file has ${size - 8}`);
  }
  const text = Buffer.alloc(headerBytes);
  if (!readFully(handle, text, 8))
    throw invalid(file, "header: the file ended while it was read (truncated)");
  const { __metadata__: metadata = {}, ...entries } = parseHeader(file, text.toString("utf8"));
  const start = 8 + headerBytes;
  const places = new Map<string, Place>();
  let covered = 0;
  for (const [name, entry] of Object.entries(entries)) {
    if (!isEntry(entry))
      throw invalid(file, `tensor "${name}": expected dtype, shape and data_offsets`, { tensor: name });
    const dtype = byName.get(entry.dtype);
    if (!dtype)
      throw invalid(
        file,
        `tensor "${name}": expected one of ${[...byName.keys()].join(", ")}, got ${entry.dtype}`,
      );
    const [from, to] = entry.data_offsets;
    const expected = elementCount(entry.shape) * dtypes[dtype].bytes;
    if (to - from !== expected) {
      throw invalid(
        file,
        `tensor "${name}" ${entry.dtype}[${entry.shape.join(", ")}]: expected ${expected} bytes, got ${to - from}`,
      );
    }
    if (start + to > size) {
      throw invalid(
        file,
        `tensor "${name}": expected bytes up to ${start + to}, the file ends at ${size} (truncated)`,
        { tensor: name },
      );
    }
    places.set(name, { dtype, shape: entry.shape, start: start + from });
    covered += expected;
  }
  if (start + covered !== size) {
    throw invalid(file, `expected ${covered} bytes of tensors, the file holds ${size - start}`);
  }
  return { places, metadata: metadata as Record<string, string> };
}

/** Reads a whole safetensors file; every tensor has memory of its own. Errors: `file_not_found`, `invalid_safetensors`. */
export function readSafetensors(file: string): Safetensors {
  const { entries, metadata, read } = openSafetensors(file);
  const tensors: Record<string, Tensor> = {};
  for (const [name, { dtype, shape }] of entries) tensors[name] = { dtype, shape, data: read(name) };
  return { tensors, metadata };
}

/** Writes tensors, names sorted, data aligned to 64 bytes after the header. Atomic. */
export function writeSafetensors(
  file: string,
  tensors: Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>> = {},
): void {
  const header: Record<string, unknown> = {};
  if (Object.keys(metadata).length > 0) header["__metadata__"] = metadata;
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const name of Object.keys(tensors).sort()) {
    const { dtype, shape, data } = tensors[name]!;
    header[name] = { dtype: names[dtype], shape, data_offsets: [offset, offset + data.byteLength] };
    parts.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    offset += data.byteLength;
  }
  const text = Buffer.from(stringifyJson(header));
  const padded = Buffer.alloc(Math.ceil((8 + text.length) / 64) * 64 - 8, " ");
  text.copy(padded);
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(padded.length));
  writeFileAtomic(file, [prefix, padded, ...parts]);
}
