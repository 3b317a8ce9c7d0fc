import { readFileSync } from "node:fs";
import { LimbeckError } from "../base/errors.ts";
import { withFileErrors, writeFileAtomic } from "../base/files.ts";
import { type Json, parseJson, stringifyJson } from "../base/json.ts";
import { fromFloat16 } from "../tensor/half.ts";
import { tailFloor } from "./losses.ts";
import type { Voice } from "./rows.ts";

// The side file of the teacher's top-k. All numbers little-endian:
//   "LBTOPK1\n" | uint32 length of the JSON | JSON header, padded with spaces to a multiple of 8 | records
// One record a position: k ids of `bits` bits each, lowest bit first, padded to a byte; then k float16 log-probabilities.
// Ids ascend within a record.

const magic = "LBTOPK1\n";

export interface TopkRowIndex {
  readonly id: string;
  readonly voice: Voice;
  /** First record, and how many. */
  readonly start: number;
  readonly count: number;
}

export interface TopkHeader {
  readonly schema_version: 1;
  readonly kind: "limbeck_topk";
  /** Over teacher, tokenizer and rows: another one means another file. */
  readonly fingerprint: string;
  readonly k: number;
  readonly vocab_size: number;
  readonly bits: number;
  readonly record_bytes: number;
  readonly rows: readonly TopkRowIndex[];
}

/** Bits that an id below `vocabSize` needs. */
export function idBits(vocabSize: number): number {
  return Math.max(1, Math.ceil(Math.log2(vocabSize)));
}

export function recordBytes(k: number, vocabSize: number): number {
  return Math.ceil((k * idBits(vocabSize)) / 8) + 2 * k;
}

/** Writes one record at `offset` of `bytes`, which must be zero there. */
export function packRecord(
  bytes: Uint8Array,
  offset: number,
  bits: number,
  ids: ArrayLike<number>,
  halves: Uint16Array,
): void {
  let at = 0;
  for (let i = 0; i < ids.length; i++) {
    for (let rest = ids[i]!, left = bits; left > 0; ) {
      const place = at & 7;
      const take = Math.min(8 - place, left);
      bytes[offset + (at >> 3)]! |= (rest & ((1 << take) - 1)) << place;
      rest >>>= take;
      left -= take;
      at += take;
    }
  }
  const floats = offset + Math.ceil((ids.length * bits) / 8);
  for (let i = 0; i < halves.length; i++) {
    bytes[floats + 2 * i] = halves[i]! & 255;
    bytes[floats + 2 * i + 1] = halves[i]! >> 8;
  }
}

/** Writes header and records atomically. Errors: `disk_full`, `not_writable`. */
export function writeTopkFile(file: string, header: TopkHeader, records: Uint8Array): void {
  const json = Buffer.from(stringifyJson(header), "utf8");
  const padding = (8 - ((magic.length + 4 + json.length) % 8)) % 8;
  const length = Buffer.alloc(4);
  length.writeUInt32LE(json.length + padding);
  writeFileAtomic(file, [Buffer.from(magic, "latin1"), length, json, Buffer.alloc(padding, 0x20), records]);
}

/** Tables over every float16: the number, and its exponential. */
function halfTables(): { value: Float32Array; exp: Float32Array } {
  const value = fromFloat16(Uint16Array.from({ length: 65536 }, (_, i) => i));
  return { value, exp: value.map(Math.exp) };
}

/** The records of a file (or of memory), read position by position. */
export interface TopkStore {
  readonly header: TopkHeader;
  /** The first record of a row and their number, or undefined where the row has none. */
  find(id: string, voice: Voice): TopkRowIndex | undefined;
  /**
   * Reads record `index`: ids into `ids[idsAt …]` with stride `idsStep`, log-probabilities into
   * `logs[logsAt … + k]`, then the tail's, log(max(1 − Σ p, 1e−6)).
   */
  read(
    index: number,
    ids: Int32Array,
    idsAt: number,
    idsStep: number,
    logs: Float32Array,
    logsAt: number,
  ): void;
  /** The float16 bits of record `index`. */
  halves(index: number): Uint16Array;
}

export function openTopk(header: TopkHeader, records: Uint8Array): TopkStore {
  const { k, bits, record_bytes: stride } = header;
  const idBytes = Math.ceil((k * bits) / 8);
  const mask = 2 ** bits - 1;
  const { value, exp } = halfTables();
  const rows = new Map(header.rows.map((row) => [`${row.voice} ${row.id}`, row]));
  const halfAt = (offset: number): number => records[offset]! | (records[offset + 1]! << 8);
  return {
    header,
    find: (id, voice) => rows.get(`${voice} ${id}`),
    read(index, ids, idsAt, idsStep, logs, logsAt) {
      let byte = index * stride;
      let held = 0;
      let heldBits = 0;
      for (let i = 0; i < k; i++) {
        while (heldBits < bits) {
          held |= records[byte++]! << heldBits;
          heldBits += 8;
        }
        ids[idsAt + i * idsStep] = held & mask;
        held >>>= bits;
        heldBits -= bits;
      }
      let inside = 0;
      for (let i = 0, at = index * stride + idBytes; i < k; i++, at += 2) {
        const half = halfAt(at);
        logs[logsAt + i] = value[half]!;
        inside += exp[half]!;
      }
      logs[logsAt + k] = Math.log(Math.max(1 - inside, tailFloor));
    },
    halves: (index) => Uint16Array.from({ length: k }, (_, i) => halfAt(index * stride + idBytes + 2 * i)),
  };
}

/** Reads a file that `writeTopkFile` wrote. Errors: `file_not_found`, `invalid_dataset` when it is not whole. */
export function readTopkFile(file: string): TopkStore {
  const bytes = withFileErrors("read", file, () => readFileSync(file));
  const refuse = (expected: string, got: string): LimbeckError =>
    new LimbeckError("invalid_dataset", `${file}: expected ${expected}, got ${got}`, {
      cure: "Delete the file: it is made again from the teacher.",
      fields: { path: file },
    });
  const start = magic.length + 4;
  if (bytes.length < start || bytes.toString("latin1", 0, magic.length) !== magic) {
    throw refuse("a top-k file", "other bytes");
  }
  const end = start + bytes.readUInt32LE(magic.length);
  if (end > bytes.length) throw refuse(`a header of ${end - start} bytes`, `${bytes.length - start}`);
  const header = parseJson(bytes.toString("utf8", start, end), file) as unknown as TopkHeader & Json;
  if (header.schema_version !== 1 || header.kind !== "limbeck_topk") {
    throw refuse("schema_version 1 of limbeck_topk", String(header.schema_version));
  }
  const count = header.rows.reduce((sum, row) => sum + row.count, 0);
  const records = bytes.subarray(end);
  if (records.length !== count * header.record_bytes) {
    throw refuse(`${count} records of ${header.record_bytes} bytes`, `${records.length} bytes`);
  }
  return openTopk(header, records);
}
