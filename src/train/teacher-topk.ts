import { existsSync } from "node:fs";
import type { Backend } from "../backend/session.ts";
import { LimbeckError } from "../base/errors.ts";
import { sha256 } from "../base/files.ts";
import type { Checkpoint } from "../model/checkpoint.ts";
import { toFloat16 } from "../tensor/half.ts";
import { type Tensor, zeros } from "../tensor/tensor.ts";
import type { TrainingRow } from "./rows.ts";
import { type BatchShape, planEpoch, planShapes, type ShapeSettings } from "./shapes.ts";
import { buildLogProbabilityGraph } from "./step-graph.ts";
import {
  idBits,
  openTopk,
  packRecord,
  readTopkFile,
  recordBytes,
  type TopkHeader,
  type TopkRowIndex,
  type TopkStore,
  writeTopkFile,
} from "./topk-file.ts";

/**
 * The k largest of `values[start … start + count]`, as ascending indices into `out` and their values into `picked`.
 * Of equal values the lower index wins. A binary heap with the smallest on top; most values fail one comparison.
 */
export function selectTopk(
  values: Float32Array,
  start: number,
  count: number,
  k: number,
  out: Int32Array,
  picked: Float32Array,
): void {
  const heap = out;
  // a is worse than b: smaller, or equal and of a higher index.
  const isWorse = (a: number, b: number): boolean => {
    const x = values[start + a]!;
    const y = values[start + b]!;
    return x < y || (x === y && a > b);
  };
  const sink = (from: number): void => {
    const moving = heap[from]!;
    let at = from;
    for (let child = 2 * at + 1; child < k; child = 2 * at + 1) {
      if (child + 1 < k && isWorse(heap[child + 1]!, heap[child]!)) child++;
      if (!isWorse(heap[child]!, moving)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = moving;
  };
  for (let i = 0; i < k; i++) heap[i] = i;
  for (let i = (k >> 1) - 1; i >= 0; i--) sink(i);
  let least = values[start + heap[0]!]!;
  for (let i = k; i < count; i++) {
    if (values[start + i]! <= least) continue;
    heap[0] = i;
    sink(0);
    least = values[start + heap[0]!]!;
  }
  heap.subarray(0, k).sort();
  for (let i = 0; i < k; i++) picked[i] = values[start + heap[i]!]!;
}

/** Ties the side file to everything that it depends on. */
export function topkFingerprint(
  teacher: string,
  tokenizer: string,
  rows: readonly TrainingRow[],
  k: number,
): string {
  const parts: string[] = [`limbeck_topk 1 ${k} ${teacher} ${tokenizer}`];
  for (const row of rows) {
    const { ids, klMask } = row;
    const bytes = Buffer.concat([Buffer.from(ids.buffer, ids.byteOffset, ids.byteLength), klMask]);
    parts.push(`${row.exampleId} ${row.voice} ${sha256(bytes)}`);
  }
  return sha256(parts.join("\n"));
}

export interface TopkOptions {
  readonly backend: Backend;
  readonly teacher: Checkpoint;
  readonly tokenizerFingerprint: string;
  readonly rows: readonly TrainingRow[];
  readonly k: number;
  readonly padId: number;
  readonly lengths: readonly number[];
  readonly tokensPerBatch: number;
  /** Where to keep the result; null keeps it in memory only. */
  readonly file: string | null;
  readonly signal?: AbortSignal;
  readonly threads?: number;
  onProgress?(done: number, total: number): void;
}

function fillPass(
  shape: BatchShape,
  rows: readonly TrainingRow[],
  ids: Tensor,
  positions: Tensor,
  padId: number,
): void {
  const idWords = ids.data as BigInt64Array;
  const idLow = new Int32Array(idWords.buffer, idWords.byteOffset, idWords.length * 2);
  const places = positions.data as BigInt64Array;
  const placeLow = new Int32Array(places.buffer, places.byteOffset, places.length * 2);
  for (let i = 0; i < idWords.length; i++) idLow[2 * i] = padId;
  placeLow.fill(0);
  let m = 0;
  rows.forEach((row, r) => {
    for (let i = 0; i < row.ids.length; i++) idLow[2 * (r * shape.tokens + i)] = row.ids[i]!;
    for (let j = 0; j < row.positions.length; j++) {
      if (row.klMask[j]) placeLow[2 * m++] = r * shape.tokens + row.positions[j]!;
    }
  });
}

/**
 * The teacher's exact top-k at every position that is compared (`klMask`), from the side file when its fingerprint
 * fits, else from the teacher, written to the file. Rows that fit no length have no records.
 * Errors: `invalid_config` (k above the vocabulary), `cancelled`.
 */
export async function teacherTopk(options: TopkOptions): Promise<TopkStore> {
  const { teacher, k, file } = options;
  const rows = options.rows.filter((row) => row.klMask.includes(1));
  const { vocabSize } = teacher.config;
  if (k > vocabSize) {
    throw new LimbeckError(
      "invalid_config",
      `loss.k: expected at most the vocabulary's ${vocabSize}, got ${k}`,
    );
  }
  const fingerprint = topkFingerprint(teacher.fingerprint, options.tokenizerFingerprint, rows, k);
  if (file !== null && existsSync(file)) {
    const stored = readTopkFile(file);
    if (stored.header.fingerprint === fingerprint) return stored;
  }
  const sizes = rows.map((row) => ({
    tokens: row.ids.length,
    completions: row.klMask.reduce((a, b) => a + b, 0),
  }));
  const settings: ShapeSettings = {
    lengths: options.lengths,
    tokensPerBatch: options.tokensPerBatch,
    mix: null,
    concentration: 1000,
    rareEvery: 0,
  };
  const shapes = planShapes(sizes, settings);
  const plan = planEpoch(sizes, shapes, settings, 0, 0);
  const bits = idBits(vocabSize);
  const stride = recordBytes(k, vocabSize);
  const index: TopkRowIndex[] = [];
  const planned = plan.batches.flatMap((b) => b.rows);
  const total = planned.reduce((sum, r) => sum + rows[r]!.klMask.reduce((a, b) => a + b, 0), 0);
  const records = new Uint8Array(total * stride);
  const ids = new Int32Array(k);
  const picked = new Float32Array(k);
  let record = 0;
  let done = 0;
  const compileOptions = options.threads === undefined ? {} : { threads: options.threads };

  for (const [s, shape] of shapes.entries()) {
    const batches = plan.batches.filter((b) => b.shape === s);
    if (batches.length === 0) continue;
    const session = await options.backend.compile(
      buildLogProbabilityGraph(teacher.config, shape),
      compileOptions,
    );
    const idTensor = zeros("int64", [shape.rows, shape.tokens]);
    const positions = zeros("int64", [shape.completions]);
    const output = zeros("float32", [shape.completions, vocabSize]);
    const binding = session.bind(
      { ...teacher.weights, ids: idTensor, positions },
      { log_probabilities: output },
    );
    try {
      for (const batch of batches) {
        if (options.signal?.aborted) {
          throw new LimbeckError("cancelled", "the teacher's top-k: interrupted", {
            cure: "Run the same command again: nothing of this part is kept.",
            fields: { done, total: planned.length },
          });
        }
        const members = batch.rows.map((r) => rows[r]!);
        fillPass(shape, members, idTensor, positions, options.padId);
        await binding.run();
        let m = 0;
        for (const row of members) {
          const start = record;
          for (let j = 0; j < row.positions.length; j++) {
            if (!row.klMask[j]) continue;
            selectTopk(output.data as Float32Array, m * vocabSize, vocabSize, k, ids, picked);
            packRecord(records, record * stride, bits, ids, toFloat16(picked));
            record++;
            m++;
          }
          index.push({ id: row.exampleId, voice: row.voice, start, count: record - start });
        }
        done += members.length;
        options.onProgress?.(done, planned.length);
      }
    } finally {
      binding.close();
      session.close();
    }
  }
  const header: TopkHeader = {
    schema_version: 1,
    kind: "limbeck_topk",
    fingerprint,
    k,
    vocab_size: vocabSize,
    bits,
    record_bytes: stride,
    rows: index,
  };
  if (file !== null) writeTopkFile(file, header, records);
  return openTopk(header, records);
}
