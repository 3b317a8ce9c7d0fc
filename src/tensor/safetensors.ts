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

/** Reads a whole safetensors file; every tensor has memory of its own. Errors: `file_not_found`, `invalid_safetensors`. */
export function readSafetensors(file: string): Safetensors {
  return withFileErrors("read", file, () => {
    const handle = fs.openSync(file, "r");
    try {
      return readFrom(file, handle);
    } finally {
      fs.closeSync(handle);
    }
  });
}

function readFrom(file: string, handle: number): Safetensors {
  const size = fs.fstatSync(handle).size;
  const prefix = Buffer.alloc(8);
  if (size < 8 || fs.readSync(handle, prefix, 0, 8, 0) !== 8) {
    throw invalid(file, `expected at least 8 bytes, got ${size}`);
  }
  const headerBytes = Number(prefix.readBigUInt64LE());
  if (headerBytes > maxHeaderBytes || 8 + headerBytes > size) {
    throw invalid(file, `header: expected ${headerBytes} bytes after the first 8, the file has ${size - 8}`);
  }
  const text = Buffer.alloc(headerBytes);
  fs.readSync(handle, text, 0, headerBytes, 8);
  const { __metadata__: metadata = {}, ...entries } = parseHeader(file, text.toString("utf8"));
  const start = 8 + headerBytes;
  const tensors: Record<string, Tensor> = {};
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
      );
    }
    const buffer = new ArrayBuffer(Math.max(4096, Math.ceil(expected / 64) * 64));
    let done = 0;
    while (done < expected) {
      const read = fs.readSync(
        handle,
        new Uint8Array(buffer),
        done,
        Math.min(expected - done, 1 << 30),
        start + from + done,
      );
      if (read === 0) throw invalid(file, `tensor "${name}": the file ended while it was read`);
      done += read;
    }
    const data: TensorData = new dtypes[dtype].array(buffer, 0, elementCount(entry.shape));
    tensors[name] = { dtype, shape: entry.shape, data };
    covered += expected;
  }
  if (start + covered !== size) {
    throw invalid(file, `expected ${covered} bytes of tensors, the file holds ${size - start}`);
  }
  return { tensors, metadata: metadata as Record<string, string> };
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
