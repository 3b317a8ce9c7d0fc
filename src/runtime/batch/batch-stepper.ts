import type { Binding, NamedTensors, Session } from "../../backend/session.ts";
import { invariant } from "../../base/errors.ts";
import { monotonicMs } from "../../measure/clock.ts";
import { createKvRows } from "../../model/kv-cache.ts";
import { int64, type Tensor, tensor, zeros } from "../../tensor/tensor.ts";
import { createStepRunner, type RowRunner, type StepRunner, type StepShape } from "../step-runner.ts";

/** One place of a batch. */
export interface BatchRow {
  /**
   * A sequence of its own. Prompts and forced tokens are read in runs of its own, as in a batch of one; a `decode` waits
   * for those of the other rows that generate, and one run does them all.
   */
  readonly runner: StepRunner;
  /** From here on the others wait for this row's `decode`. */
  enter(): void;
  leave(): void;
}

/** Several sequences of one model that decode in step. */
export interface BatchStepper {
  readonly rows: readonly BatchRow[];
  readonly kvBytes: number;
  /** How many decode runs had 1, 2, … rows in them. */
  readonly runs: readonly number[];
  /** Counts runs from here on. */
  resetRuns(): void;
  close(): void;
}

export interface StepperOptions {
  readonly blocking: boolean;
  readonly prefillChunk: number;
  /** Weights that the graph takes as inputs; an exported model holds its own. */
  readonly weights?: NamedTensors;
}

/** A run of rows first ≤ b < first + count; rows in between that do not generate run along idly. */
interface Span {
  readonly binding: Binding;
  readonly ids: Tensor;
  readonly lastPosition: Tensor;
  readonly totalLength: Tensor;
}

interface Enrolled {
  readonly id: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Allocates memory for `rows` sequences side by side. ONNX Runtime's kernels compute the rows of a decode run apart and
 * in the same order of additions whatever their number, so that a row's logits are those of a run of its own;
 * `checkRows` proves that for a session. Between `enter` and `leave` a row may do as it likes: its own failure is its own.
 */
export function createBatchStepper(
  session: Session,
  shape: StepShape,
  rows: number,
  { blocking, prefillChunk, weights = {} }: StepperOptions,
): BatchStepper {
  const { vocabSize, contextLength } = shape;
  const kv = createKvRows(shape, rows);
  const logits = zeros("float32", [rows, vocabSize]).data as Float32Array;
  const logitsOf = (first: number, count: number): Tensor =>
    tensor("float32", [count, vocabSize], logits.subarray(first * vocabSize, (first + count) * vocabSize));
  const inner = Array.from({ length: rows }, (_, b) =>
    createStepRunner(session, shape, {
      blocking,
      prefillChunk,
      weights,
      memory: { cache: kv(b, 1), logits: logitsOf(b, 1) },
    }),
  );
  const spans = new Map<number, Span>();
  const runs = new Array<number>(rows).fill(0);
  const active = new Set<number>();
  const enrolled = new Map<number, Enrolled>();
  let tail: Promise<unknown> = Promise.resolve();
  let isClosed = false;

  /** Runs of one session never overlap. */
  const exclusively = <T>(action: () => T | Promise<T>): Promise<T> => {
    const turn = tail.then(action);
    tail = turn.catch(() => undefined);
    return turn;
  };

  const spanOf = (first: number, count: number): Span => {
    const key = first * (rows + 1) + count;
    const known = spans.get(key);
    if (known) return known;
    const cache = kv(first, count);
    const ids = zeros("int64", [count, 1]); // [B, T]
    const select = int64(
      [count],
      Array.from({ length: count }, (_, i) => i),
    );
    const lastPosition = zeros("int32", [count]);
    const totalLength = zeros("int32", []);
    const binding = session.bind(
      { ...weights, ...cache.inputs, ids, select, last_position: lastPosition, total_length: totalLength },
      { ...cache.outputs, logits: logitsOf(first, count) },
    );
    const made = { binding, ids, lastPosition, totalLength };
    spans.set(key, made);
    return made;
  };

  const runSpan = async (together: ReadonlyMap<number, Enrolled>): Promise<void> => {
    const numbers = [...together.keys()];
    const first = Math.min(...numbers);
    const count = Math.max(...numbers) - first + 1;
    const { binding, ids, lastPosition, totalLength } = spanOf(first, count);
    let longest = 1;
    for (let i = 0; i < count; i++) {
      const row = together.get(first + i);
      const length = row ? (inner[first + i] as RowRunner).length : 0;
      ids.data[i] = BigInt(row?.id ?? 0);
      lastPosition.data[i] = length; // An idle row's first position: nobody reads it.
      longest = Math.max(longest, length + 1);
    }
    totalLength.data[0] = longest;
    const start = monotonicMs();
    if (blocking) binding.runSync();
    else await binding.run();
    const sessionMs = monotonicMs() - start;
    for (const b of numbers) inner[b]?.advance(sessionMs);
  };

  const step = async (): Promise<void> => {
    const together = new Map(enrolled);
    enrolled.clear();
    runs[together.size - 1] = (runs[together.size - 1] ?? 0) + 1;
    try {
      const [[b, { id }]] = together as unknown as [[number, Enrolled]];
      await exclusively(() => (together.size === 1 ? inner[b]?.decode(id) : runSpan(together)));
      for (const { resolve } of together.values()) resolve();
    } catch (error) {
      for (const { reject } of together.values()) reject(error);
    }
  };

  /** Runs a step once every row that generates waits for one. */
  const consider = (): void => {
    if (enrolled.size === 0 || enrolled.size < active.size) return;
    // A free row may be filled: what came meanwhile is heard first.
    if (active.size < rows) setImmediate(() => considerNow());
    else void step();
  };
  const considerNow = (): void => {
    if (enrolled.size > 0 && enrolled.size === active.size) void step();
  };

  return {
    kvBytes: kv(0, rows).bytes,
    runs,
    resetRuns: () => {
      runs.fill(0);
    },
    rows: inner.map((own, b) => ({
      // Over the row's own runner as its prototype: what is not said here stays live.
      runner: Object.assign(Object.create(own) as StepRunner, {
        prefill: (ids: readonly number[], isCancelled?: () => boolean) =>
          exclusively(() => own.prefill(ids, isCancelled)),
        verify: (ids: readonly number[]) => exclusively(() => own.verify(ids)),
        decode: (id: number) => {
          invariant(active.has(b), `batch: expected row ${b} to have entered`);
          invariant(own.length < contextLength, `batch: expected room in row ${b}`);
          return new Promise<void>((resolve, reject) => {
            enrolled.set(b, { id, resolve, reject });
            consider();
          });
        },
      }),
      enter: () => {
        active.add(b);
      },
      leave: () => {
        active.delete(b);
        consider();
      },
    })),
    close: () => {
      if (isClosed) return;
      isClosed = true;
      for (const { binding } of spans.values()) binding.close();
      for (const own of inner) own.close();
    },
  };
}
