import type { Binding, NamedTensors, Session } from "../backend/session.ts";
import { invariant, LimbeckError } from "../base/errors.ts";
import { firstInput, isStepwise, plainOutput } from "../lower/onnx/stepwise.ts";
import { monotonicMs } from "../measure/clock.ts";
import { createKvCache, type KvCache, type KvShape } from "../model/kv-cache.ts";
import { elementCount, type Tensor, zeros } from "../tensor/tensor.ts";
import { createKvBytes } from "./kv-bytes.ts";

/** The sizes of a model that running it step by step needs. */
export interface StepShape extends KvShape {
  /** V */
  readonly vocabSize: number;
}

/**
 * Most tokens of one `verify`: five of a draft and the one before them. On 40 calls that copy from their request, eight
 * saved no more at the costs of int4 and 1 % more at those of float32, while each step that a session can take costs its
 * plain runs two nodes a layer.
 */
export const maxVerify = 6;

/**
 * Most prompt tokens of one run, and so the size of a prompt cache's blocks. One default for engines with and without
 * a cache: then both read a prompt in the same runs, and a last run of one token, which other kernels compute (int4:
 * logits 0.03 apart), is one for both. 1,100 tokens of 110M parameters in fp32 on two cores took 505 ms in runs of 128,
 * 472 in 512, 484 in 256, 574 in 64, 700 in 32; larger blocks lose more tokens between the last block and the end of a
 * shared prefix.
 */
const defaultPrefillChunk = 128;

export interface StepRunnerOptions {
  /** Runs on the calling thread: for a worker that has nothing else to do. Otherwise the event loop stays free. */
  readonly blocking: boolean;
  /** Weights that the graph takes as inputs; an exported model holds its own. */
  readonly weights?: NamedTensors;
  /** Most prompt tokens of one run (default 128): between runs a prefill can be cancelled. */
  readonly prefillChunk?: number;
  /** Where the sequence's keys and values and its logits [1, V] lie; default: memory of its own. */
  readonly memory?: { readonly cache: KvCache; readonly logits: Tensor };
}

/** A runner whose sequence may also be continued by a run that is not its own: see batch/batch-stepper.ts. */
export interface RowRunner extends StepRunner {
  /** Counts one token whose keys, values and logits another run wrote into this runner's memory in `sessionMs`. */
  advance(sessionMs: number): void;
}

/**
 * One sequence of one model: tokens go in, logits for the last of them come out. Memory is fixed when it is made;
 * a decode step allocates nothing here.
 */
export interface StepRunner {
  readonly shape: StepShape;
  readonly kvBytes: number;
  /** Bytes of one position's keys and values, all layers: what `saveKv` gives for it. */
  readonly kvBytesPerToken: number;
  /** Tokens of one run of `prefill`; its last run may be of fewer. */
  readonly prefillChunk: number;
  /** Prompt tokens of the sequence whose keys and values were kept from before; absent where nothing is kept. */
  readonly cachedTokens?: number;
  /** Logits [V] after the last run; the next run overwrites them. */
  readonly logits: Float32Array;
  /** Tokens in the cache. */
  readonly length: number;
  /** Milliseconds inside the session since `reset`, runs of `prefill` apart from those of `decode` and `verify`. */
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
  /**
   * Appends 1 to `maxVerify` tokens in one run; returns the logits [n, V] after each of them, which the next `verify`
   * overwrites (`logits` keeps what it held). Returned at once when blocking. The `first` tokens (default: all) attend
   * together; each further one by itself where the runner has a session that can, else with them. Errors:
   * `context_length_exceeded`, `internal` for any other number of tokens.
   */
  verify(ids: readonly number[], first?: number): Float32Array | Promise<Float32Array>;
  /** Forgets all but the first `length` tokens. Error: `internal` where there are fewer. */
  rewind(length: number): void;
  /** A copy of the keys and values of positions from ≤ i < to, all layers. */
  saveKv(from: number, to: number): Uint8Array;
  /**
   * Overwrites the keys and values of positions from ≤ i < to with what `saveKv` of a runner of the same shape gave;
   * the sequence then ends at `to`. Error: `internal` where the size differs or positions before `from` are missing.
   */
  loadKv(bytes: Uint8Array, from: number, to: number): void;
  /** Frees the bindings; the session stays open. */
  close(): void;
}

/** A runner of its own sessions. */
export interface SessionRunner extends StepRunner {
  /**
   * From now on `verify` reads drafts through a session of the same weights whose tokens attend one by one
   * (lower/onnx/stepwise.ts). Whoever opened it closes it, after this runner.
   */
  attendStepwise(session: Session): void;
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
  { blocking, weights = {}, prefillChunk = defaultPrefillChunk, memory }: StepRunnerOptions,
): SessionRunner & RowRunner {
  const { contextLength, vocabSize } = shape;
  if (!Number.isInteger(prefillChunk) || prefillChunk < 1) {
    throw new LimbeckError(
      "invalid_request",
      `prefillChunk: expected a whole number ≥ 1, got ${prefillChunk}`,
      { fields: { option: "prefillChunk", value: prefillChunk } },
    );
  }
  const cache = memory?.cache ?? createKvCache(shape);
  const kv = createKvBytes(cache);
  const chunk = Math.min(prefillChunk, contextLength);
  const ids = zeros("int64", [1, Math.max(chunk, maxVerify)]); // [1, T]
  const idHalves = lowHalves(ids);
  const select = zeros("int64", [1]); // [Q], Q = 1: logits for the last position only
  const selectHalves = lowHalves(select);
  const lastPosition = zeros("int32", [1]);
  const totalLength = zeros("int32", []);
  const logits = memory?.logits ?? zeros("float32", [1, vocabSize]); // [Q, V]
  const noneSelected = zeros("int64", [0]); // Q = 0
  const noLogits = zeros("float32", [0, vocabSize]);

  const first = zeros("int64", [1]); // tokens that attend together, in a session that asks for it
  const firstHalves = lowHalves(first);

  const bindTo = (to: Session, tokens: number, asked: Tensor, answer: Tensor): Binding =>
    to.bind(
      {
        ...weights,
        ...cache.inputs,
        ids: firstRows(ids, [1, tokens]),
        select: asked,
        last_position: lastPosition,
        total_length: totalLength,
        ...(isStepwise(to) ? { [firstInput]: first } : {}),
      },
      { ...statesOf(to, cache.outputs), logits: answer },
    );
  const bindFor = (tokens: number, asked: Tensor, answer: Tensor): Binding =>
    bindTo(session, tokens, asked, answer);
  const one = bindFor(1, select, logits);
  let verifier: Verifier | undefined;
  let stepwise: Verifier | undefined;
  let length = 0;
  let prefillSessionMs = 0;
  let decodeSessionMs = 0;

  /** Says where the next `tokens` stand, of which the first `together` attend together. */
  const place = (tokens: number, together = tokens): void => {
    if (length + tokens > contextLength) throw contextError(length + tokens, contextLength);
    lastPosition.data[0] = length + together - 1;
    totalLength.data[0] = length + together;
    firstHalves[0] = together;
  };

  /** Reads tokens in one run; only the last part of a prompt pays for logits. */
  const append = async (part: readonly number[], isLast: boolean): Promise<void> => {
    place(part.length);
    for (let i = 0; i < part.length; i++) idHalves[2 * i] = part[i] as number;
    selectHalves[0] = part.length - 1;
    const isOne = isLast && part.length === 1;
    const binding = isOne
      ? one
      : bindFor(part.length, isLast ? select : noneSelected, isLast ? logits : noLogits);
    try {
      const start = monotonicMs();
      if (blocking) binding.runSync();
      else await binding.run();
      prefillSessionMs += monotonicMs() - start;
    } finally {
      if (!isOne) binding.close();
    }
    length += part.length;
  };

  const finishStep = (start: number, tokens: number): void => {
    decodeSessionMs += monotonicMs() - start;
    length += tokens;
  };

  return {
    shape,
    kvBytes: cache.bytes,
    kvBytesPerToken: kv.perToken,
    prefillChunk: chunk,
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
        done += part.length;
        await append(part, done === all.length);
      }
      return done;
    },
    decode: (id) => {
      place(1);
      idHalves[0] = id;
      selectHalves[0] = 0;
      const start = monotonicMs();
      if (!blocking) return one.run().then(() => finishStep(start, 1));
      one.runSync();
      finishStep(start, 1);
      return undefined;
    },
    verify: (part, together = part.length) => {
      const tokens = part.length;
      invariant(
        tokens >= 1 && tokens <= maxVerify && together >= 1 && together <= tokens,
        `verify: expected 1 to ${maxVerify} tokens, got ${tokens}, ${together} of them together`,
      );
      const inSteps = stepwise !== undefined && together < tokens;
      place(tokens, inSteps ? together : tokens);
      for (let i = 0; i < tokens; i++) idHalves[2 * i] = part[i] as number;
      if (!inSteps) verifier ??= createVerifier(vocabSize, bindFor);
      const { binding, logits: answer } = ((inSteps ? stepwise : verifier) as Verifier).of(tokens);
      const start = monotonicMs();
      if (!blocking) {
        return binding.run().then(() => {
          finishStep(start, tokens);
          return answer;
        });
      }
      binding.runSync();
      finishStep(start, tokens);
      return answer;
    },
    attendStepwise: (to) => {
      stepwise?.close();
      stepwise = createVerifier(vocabSize, (...what) => bindTo(to, ...what));
    },
    advance: (sessionMs) => {
      place(1);
      decodeSessionMs += sessionMs;
      length += 1;
    },
    rewind: (to) => {
      invariant(to >= 0 && to <= length, `rewind: expected a length within 0 … ${length}, got ${to}`);
      length = to;
    },
    saveKv: (from, to) => {
      invariant(to <= length, `saveKv: expected positions within 0 … ${length}, got ${from} … ${to}`);
      return kv.save(from, to);
    },
    loadKv: (bytes, from, to) => {
      invariant(from <= length, `loadKv: expected the positions before ${from}, got ${length} of them`);
      kv.load(bytes, from, to);
      length = to;
    },
    close: () => {
      one.close();
      verifier?.close();
      stepwise?.close();
    },
  };
}

/** The memory of a session's states: one that attends stepwise has several over the same. */
function statesOf(session: Session, outputs: NamedTensors): NamedTensors {
  const own = session.outputs.flatMap(({ name }): [string, Tensor][] => {
    const state = outputs[plainOutput(name)];
    return state ? [[name, state]] : [];
  });
  return Object.fromEntries(own);
}

/** The leading elements of `whole` as a tensor of `shape`, in the same memory. */
function firstRows({ dtype, data }: Tensor, shape: readonly number[]): Tensor {
  return { dtype, shape, data: data.subarray(0, elementCount(shape)) };
}

/** Bindings that give logits for every new token. */
interface Verifier {
  of(tokens: number): { readonly binding: Binding; readonly logits: Float32Array };
  close(): void;
}

/** Memory is allocated here, once; a binding for each number of tokens when it first comes, and kept. */
function createVerifier(
  vocabSize: number,
  bindFor: (tokens: number, asked: Tensor, answer: Tensor) => Binding,
): Verifier {
  const select = zeros("int64", [maxVerify]); // [Q]
  const positions = lowHalves(select);
  for (let i = 0; i < maxVerify; i++) positions[2 * i] = i;
  const logits = zeros("float32", [maxVerify, vocabSize]); // [Q, V]
  const made: ReturnType<Verifier["of"]>[] = [];
  return {
    of: (tokens) => {
      const found = made[tokens];
      if (found) return found;
      const answer = firstRows(logits, [tokens, vocabSize]);
      const binding = bindFor(tokens, firstRows(select, [tokens]), answer);
      const one = { binding, logits: answer.data as Float32Array };
      made[tokens] = one;
      return one;
    },
    // A sparse array: only what was made is visited.
    close: () => {
      made.forEach(({ binding }) => {
        binding.close();
      });
    },
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
