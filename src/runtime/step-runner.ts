import type { Binding, NamedTensors, Session } from "../backend/session.ts";
import { LimbeckError } from "../base/errors.ts";
import { monotonicMs } from "../measure/clock.ts";
import { createKvCache, type KvShape } from "../model/kv-cache.ts";
import { type Tensor, zeros } from "../tensor/tensor.ts";

/** The sizes of a model that running it step by step needs. */
export interface StepShape extends KvShape {
  /** V */
  readonly vocabSize: number;
}

export interface StepRunnerOptions {
  /** Runs on the calling thread: for a worker that has nothing else to do. Otherwise the event loop stays free. */
  readonly blocking: boolean;
  /** Weights that the graph takes as inputs; an exported model holds its own. */
  readonly weights?: NamedTensors;
  /** Most prompt tokens of one run (default 512): between runs a prefill can be cancelled. */
  readonly prefillChunk?: number;
}

/**
 * One sequence of one model: tokens go in, logits for the last of them come out. Memory is fixed when it is made;
 * a decode step allocates nothing here.
 */
export interface StepRunner {
  readonly shape: StepShape;
  readonly kvBytes: number;
  /** Logits [V] after the last run; the next run overwrites them. */
  readonly logits: Float32Array;
  /** Tokens in the cache. */
  readonly length: number;
  /** Milliseconds inside the session since `reset`, runs of `prefill` and of `decode` apart. */
  readonly prefillSessionMs: number;
  readonly decodeSessionMs: number;
  /** Forgets the sequence; its memory stays. */
  reset(): void;
  /**
   * Appends tokens; returns how many, fewer than given only where `isCancelled` said so between two chunks.
   * Error: `context_length_exceeded`.
   */
  prefill(ids: readonly number[], isCancelled?: () => boolean): Promise<number>;
  /** Appends one token. Settled at once when blocking. Error: `context_length_exceeded`. */
  decode(id: number): Promise<void> | undefined;
  /** Frees the bindings; the session stays open. */
  close(): void;
}

/**
 * Little-endian halves of an int64 tensor: writing a token through them makes no BigInt. Every platform that ONNX
 * Runtime is built for is little-endian.
 */
function lowHalves(tensor: Tensor): Int32Array {
  return new Int32Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.length * 2);
}

/** A runner over a session of `buildInferenceGraph`. */
export function createStepRunner(
  session: Session,
  shape: StepShape,
  { blocking, weights = {}, prefillChunk = 512 }: StepRunnerOptions,
): StepRunner {
  const { contextLength, vocabSize } = shape;
  const cache = createKvCache(shape);
  const chunk = Math.min(prefillChunk, contextLength);
  const ids = zeros("int64", [1, chunk]); // [1, T]
  const idHalves = lowHalves(ids);
  const select = zeros("int64", [1]); // [Q], Q = 1: logits for the last position only
  const selectHalves = lowHalves(select);
  const lastPosition = zeros("int32", [1]);
  const totalLength = zeros("int32", []);
  const logits = zeros("float32", [1, vocabSize]); // [Q, V]

  const bindFor = (tokens: number): Binding =>
    session.bind(
      {
        ...weights,
        ...cache.inputs,
        ids: {
          dtype: "int64",
          shape: [1, tokens],
          data: (ids.data as BigInt64Array).subarray(0, tokens),
        },
        select,
        last_position: lastPosition,
        total_length: totalLength,
      },
      { ...cache.outputs, logits },
    );
  const one = bindFor(1);
  let length = 0;
  let prefillSessionMs = 0;
  let decodeSessionMs = 0;

  const place = (tokens: number): void => {
    if (length + tokens > contextLength) throw contextError(length + tokens, contextLength);
    selectHalves[0] = tokens - 1;
    lastPosition.data[0] = length + tokens - 1;
    totalLength.data[0] = length + tokens;
  };

  const append = async (part: readonly number[]): Promise<void> => {
    place(part.length);
    for (let i = 0; i < part.length; i++) idHalves[2 * i] = part[i] as number;
    const binding = part.length === 1 ? one : bindFor(part.length);
    try {
      const start = monotonicMs();
      if (blocking) binding.runSync();
      else await binding.run();
      prefillSessionMs += monotonicMs() - start;
    } finally {
      if (binding !== one) binding.close();
    }
    length += part.length;
  };

  const finishStep = (start: number): void => {
    decodeSessionMs += monotonicMs() - start;
    length += 1;
  };

  return {
    shape,
    kvBytes: cache.bytes,
    logits: logits.data as Float32Array,
    get length() {
      return length;
    },
    get prefillSessionMs() {
      return prefillSessionMs;
    },
    get decodeSessionMs() {
      return decodeSessionMs;
    },
    reset: () => {
      // Old keys and values need no wiping: a run sees only the positions below total_length.
      length = 0;
      prefillSessionMs = 0;
      decodeSessionMs = 0;
    },
    prefill: async (all, isCancelled = () => false) => {
      if (length + all.length > contextLength) throw contextError(length + all.length, contextLength);
      let done = 0;
      while (done < all.length && !isCancelled()) {
        const part = all.slice(done, done + chunk);
        await append(part);
        done += part.length;
      }
      return done;
    },
    decode: (id) => {
      place(1);
      idHalves[0] = id;
      const start = monotonicMs();
      if (!blocking) return one.run().then(() => finishStep(start));
      one.runSync();
      finishStep(start);
      return undefined;
    },
    close: () => one.close(),
  };
}

function contextError(tokens: number, contextLength: number): LimbeckError {
  return new LimbeckError(
    "context_length_exceeded",
    `context: expected at most ${contextLength} tokens, got ${tokens}`,
    {
      cure: "Shorten the messages, offer fewer tools, or use a model with a longer context.",
      fields: { tokens, contextLength },
    },
  );
}
