import { invariant } from "../base/errors.ts";

/** How an example's completion is written: as the teacher talks, or as the call alone. */
export type Voice = "teacher" | "direct";

type Span = readonly [start: number, end: number];

/** What training needs of an encoded example; token indices, located in context. */
export interface EncodedSequence {
  readonly ids: ArrayLike<number>;
  /** 1 where the model writes. */
  readonly completion: ArrayLike<number>;
  readonly firstCompletion: Span;
  readonly toolNameSpans: readonly Span[];
  readonly argumentSpans: readonly Span[];
  readonly answer: Span | null;
}

export interface RowSettings {
  /** Weight of a token inside a tool's name or a call's arguments; 1 elsewhere. */
  readonly toolNameWeight: number;
  readonly argumentWeight: number;
  /** Weight of the first token of a reply where no tool should be called: there the model decides not to call. */
  readonly controlWeight: number;
  /** First completion positions whose cross entropy belongs to the early-call part; 0 without that part. */
  readonly earlyTokens: number;
  /** Whether the answer of a direct row is compared with the teacher. */
  readonly hasDirectKl: boolean;
}

/** The teacher's top-k at every completion position of a row; `hasTopk` says where it was stored. */
export interface RowTopk {
  readonly k: number;
  /** [n, k] vocabulary ids. */
  readonly ids: Uint32Array;
  /** [n, k + 1] log-probabilities; the last column is the tail. */
  readonly logProbabilities: Float32Array;
}

/**
 * One sequence ready for batches. Position p predicts token p + 1, so the n completion positions are those before
 * each token that the model writes: prompt and padding can have no weight, because they have no position here.
 */
export interface TrainingRow {
  readonly exampleId: string;
  readonly voice: Voice;
  /** A tool should be called (derived from the expectation). */
  readonly shouldCall: boolean;
  /** The tokens that are read: the last one predicts nothing and is left out. */
  readonly ids: Int32Array;
  /** [n] positions in `ids`. */
  readonly positions: Int32Array;
  /** [n] next tokens. */
  readonly targets: Int32Array;
  /** [n] weights of the parts; at every position at most one of ce and early is above 0. */
  readonly ceWeight: Float32Array;
  readonly earlyWeight: Float32Array;
  /** [n] 1 where the teacher's distribution is compared, once its top-k is known. */
  readonly klMask: Uint8Array;
  /** How many of the n positions belong to the first assistant turn. */
  readonly firstTurn: number;
}

/** Positions and weights of one encoded example. */
export function makeRow(
  encoded: EncodedSequence,
  info: { exampleId: string; voice: Voice; shouldCall: boolean },
  settings: RowSettings,
): TrainingRow {
  const { ids, completion } = encoded;
  const positions: number[] = [];
  for (let i = 1; i < ids.length; i++) if (completion[i]) positions.push(i - 1);
  const n = positions.length;
  const isInside = (spans: readonly Span[], token: number): boolean =>
    spans.some(([start, end]) => token >= start && token < end);
  const ceWeight = new Float32Array(n);
  const earlyWeight = new Float32Array(n);
  const klMask = new Uint8Array(n);
  const isEarlyRow = settings.earlyTokens > 0 && info.voice === "direct" && info.shouldCall;
  let firstTurn = 0;
  positions.forEach((position, j) => {
    const token = position + 1;
    const isFirst = token >= encoded.firstCompletion[0] && token < encoded.firstCompletion[1];
    if (isFirst) firstTurn++;
    let weight = 1;
    if (isInside(encoded.toolNameSpans, token)) weight = settings.toolNameWeight;
    else if (isInside(encoded.argumentSpans, token)) weight = settings.argumentWeight;
    else if (!info.shouldCall && j === 0) weight = settings.controlWeight;
    if (isEarlyRow && isFirst && j < settings.earlyTokens) earlyWeight[j] = weight;
    else ceWeight[j] = weight;
    const isAnswer = encoded.answer !== null && isInside([encoded.answer], token);
    // The teacher never opened with the call itself: in such rows only its answer is its own distribution.
    klMask[j] = info.voice === "teacher" || !info.shouldCall || (isAnswer && settings.hasDirectKl) ? 1 : 0;
  });
  const targets = Int32Array.from(positions, (p) => ids[p + 1]!);
  const last = positions[n - 1];
  invariant(last !== undefined, `example ${info.exampleId} has no completion`);
  return {
    ...info,
    ids: Int32Array.from({ length: last + 1 }, (_, i) => ids[i]!),
    positions: Int32Array.from(positions),
    targets,
    ceWeight,
    earlyWeight,
    klMask,
    firstTurn,
  };
}
