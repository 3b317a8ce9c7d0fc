import { z } from "zod";
import type { NamedTensors, Session } from "../backend/session.ts";
import { invariant, LimbeckError } from "../base/errors.ts";
import { createRandom } from "../base/random.ts";
import { int64, type Tensor, tensor, zeros } from "../tensor/tensor.ts";
import type { ModelConfig } from "./config.ts";
import type { PieceRows, Reference } from "./training-logits.ts";
import type { WeightFormat } from "./weight-formats.ts";

const errorSchema = z.object({ max_abs_logit_error: z.number().nonnegative(), limit: z.number().positive() });

export const paritySchema = z.object({
  /** The graph that training differentiates, over the weights as the format holds them. */
  reference: z.literal("training_graph"),
  probe_tokens: z.number().int().positive(),
  /** Root mean square of the reference's logits: what errors are measured against. */
  logit_rms: z.number().nonnegative(),
  /** The artefact as it ships against the reference. */
  ...errorSchema.shape,
  /** The same file with products that round no activations; null where it ships so. */
  float_activations: errorSchema.nullable(),
  /** How the written file was run: all of it at once, or (large models) one piece after the other. */
  method: z.enum(["whole_file", "pieces"]).default("whole_file"),
  /** What each piece hands over against the reference, from the program that rounds no activations; null for whole files. */
  pieces: z
    .array(
      z.object({
        name: z.string(),
        /** Root mean square of what the reference hands over. */
        rms: z.number().nonnegative(),
        max_abs_error: z.number().nonnegative(),
        limit: z.number().positive(),
      }),
    )
    .nullable()
    .default(null),
  /** What the format costs: the artefact as it ships against the weights that it was made from; null for fp32. */
  quantisation: z
    .object({
      max_abs_logit_error: z.number().nonnegative(),
      /** Mean over the probe's positions of KL(original ‖ artefact), in nats. */
      mean_kl_divergence: z.number(),
      /** Share of the positions whose most probable token is the same. */
      top1_agreement: z.number().min(0).max(1),
    })
    .nullable(),
});

/** How far an exported model's logits are from those of the training graph on the same tokens. */
export type Parity = z.infer<typeof paritySchema>;

/** Exact kernels differ from the training graph by float32 rounding only. */
const exactLimit = 1e-4;

/**
 * The largest logit error that an export of a format may have, in units of max(1, the RMS of the logits). int8: the order
 * in which scale and product are rounded. Blocks: kernels round activations to 8 bits, which moves logits by a few per
 * cent of their size (LOG.md has the figures); rows are one block each, so that more is lost: up to 0.4 was seen, twice that is the limit.
 * What is wrong with a file shows in `float_activations`.
 */
export const parityLimits: { readonly [F in WeightFormat]: number } = {
  fp32: exactLimit,
  fp16: exactLimit,
  int8: 1e-3,
  "int8-block": 0.5,
  "int8-row": 0.8,
  int4: 0.5,
};

/** Seeded random tokens that a model of this vocabulary and context is compared on. */
export function probeTokens({ vocabSize, contextLength }: ModelConfig): readonly number[] {
  const random = createRandom(20_260_801);
  return Array.from({ length: Math.min(48, contextLength) }, () => random.integer(vocabSize));
}

/** A part of a model that is run by itself. */
export interface Stretch {
  /** The value that it reads of the part before, and that value's rows [T, C]. */
  readonly input: { readonly name: string; readonly rows: Float32Array } | null;
  /** The value that it gives for each token: rows of this width. */
  readonly output: { readonly name: string; readonly width: number };
}

/** Memory of the caches that a session has, for one sequence: `past_…` and `present_…` are one tensor. */
function cachesOf({ inputs }: Session): { readonly past: NamedTensors; readonly present: NamedTensors } {
  const past: Record<string, Tensor> = {};
  const present: Record<string, Tensor> = {};
  for (const { name, dtype, shape } of inputs) {
    if (!name.startsWith("past_")) continue;
    const memory = zeros(
      dtype,
      shape.map((d) => (typeof d === "number" ? d : 1)), // [B, K, S, D]
    );
    past[name] = memory;
    present[name.replace("past_", "present_")] = memory;
  }
  return { past, present };
}

/**
 * Rows [T, width] that a stretch of an inference graph gives for tokens: `prefill` of them at once (default half), then
 * one a run, with the cache in place. `weights` are those that the session takes as inputs.
 */
export async function cachedRows(
  session: Session,
  ids: readonly number[],
  { input, output }: Stretch,
  options: { readonly prefill?: number; readonly weights?: NamedTensors } = {},
): Promise<Float32Array> {
  const { prefill = Math.ceil(ids.length / 2), weights = {} } = options;
  const { past, present } = cachesOf(session);
  const all = new Float32Array(ids.length * output.width);
  const rowWidth = input ? input.rows.length / ids.length : 0;
  // [1, T] of a sequence's rows, [Q] of selected ones, all of them here.
  const rowsOf = (specs: Session["inputs"], name: string, count: number): number[] =>
    specs.find((spec) => spec.name === name)?.shape.length === 3 ? [1, count] : [count];
  let done = 0;
  while (done < ids.length) {
    const count = done === 0 ? prefill : 1;
    const select = Array.from({ length: count }, (_, i) => i);
    const feeds: Record<string, Tensor> = {
      ids: int64([1, count], ids.slice(done, done + count)),
      select: int64([count], select),
      last_position: tensor("int32", [1], Int32Array.of(done + count - 1)),
      total_length: tensor("int32", [], Int32Array.of(done + count)),
    };
    if (input) {
      const rows = input.rows.slice(done * rowWidth, (done + count) * rowWidth);
      const shape = [...rowsOf(session.inputs, input.name, count), rowWidth];
      feeds[input.name] = tensor("float32", shape, rows);
    }
    const read = Object.entries(feeds).filter(([name]) => session.inputs.some((spec) => spec.name === name));
    const given = zeros("float32", [...rowsOf(session.outputs, output.name, count), output.width]);
    const binding = session.bind(
      { ...weights, ...past, ...Object.fromEntries(read) },
      { ...present, [output.name]: given },
    );
    await binding.run();
    binding.close();
    all.set(given.data as Float32Array, done * output.width);
    done += count;
  }
  return all;
}

/** Logits [T, V] of an inference graph's session: `cachedRows` of the whole. */
export function cachedLogits(
  { vocabSize }: ModelConfig,
  session: Session,
  ids: readonly number[],
  options: { readonly prefill?: number; readonly weights?: NamedTensors } = {},
): Promise<Float32Array> {
  return cachedRows(session, ids, { input: null, output: { name: "logits", width: vocabSize } }, options);
}

function maxDifference(a: Float32Array, b: Float32Array): number {
  let worst = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!);
    if (!(difference <= worst)) worst = difference;
  }
  return worst;
}

function firstLargest(row: Float32Array): number {
  let best = 0;
  for (let i = 1; i < row.length; i++) if (row[i]! > row[best]!) best = i;
  return best;
}

/** ln Σ exp of a row. */
function logSumExp(row: Float32Array): number {
  const top = row[firstLargest(row)]!;
  let sum = 0;
  for (const logit of row) sum += Math.exp(logit - top);
  return top + Math.log(sum);
}

/** What quantisation did to the distributions of the next token; logits are [T, V]. */
function compareDistributions(
  original: Float32Array,
  got: Float32Array,
  vocabSize: number,
): NonNullable<Parity["quantisation"]> {
  const positions = original.length / vocabSize;
  let divergence = 0;
  let same = 0;
  for (let t = 0; t < positions; t++) {
    const [p, q] = [original, got].map((all) => all.subarray(t * vocabSize, (t + 1) * vocabSize)) as [
      Float32Array,
      Float32Array,
    ];
    const [sumP, sumQ] = [logSumExp(p), logSumExp(q)];
    for (let v = 0; v < vocabSize; v++) {
      const logP = p[v]! - sumP;
      divergence += Math.exp(logP) * (logP - (q[v]! - sumQ));
    }
    if (firstLargest(p) === firstLargest(q)) same++;
  }
  return {
    max_abs_logit_error: maxDifference(original, got),
    mean_kl_divergence: divergence / positions,
    top1_agreement: same / positions,
  };
}

/** Logits [T, V] of one file: as it ships, and with products that round no activations, where that differs. */
export interface ArtefactLogits {
  readonly shipped: Float32Array;
  readonly floatActivations: Float32Array | null;
  /** What each piece of the program that rounds no activations gave; null where the file was run as a whole. */
  readonly pieces: readonly PieceRows[] | null;
}

function rootMeanSquare(values: Float32Array): number {
  let squares = 0;
  for (const value of values) squares += value * value;
  return Math.sqrt(squares / values.length);
}

/** Pieces of the artefact beside those of the reference. */
function comparePieces(
  reference: readonly PieceRows[],
  got: readonly PieceRows[],
  limit: number,
): NonNullable<Parity["pieces"]> {
  return reference.map(({ name, rows }, i) => {
    const own = got[i];
    invariant(own?.name === name && own.rows.length === rows.length, `parity: expected the piece "${name}"`);
    const rms = rootMeanSquare(rows);
    return { name, rms, max_abs_error: maxDifference(rows, own.rows), limit: limit * Math.max(1, rms) };
  });
}

/** Compares an artefact's logits with those of the training graph on the same tokens. */
export function compareLogits(
  format: WeightFormat,
  vocabSize: number,
  { original, held, pieces: reference }: Reference,
  { shipped, floatActivations, pieces }: ArtefactLogits,
): Parity {
  const rms = rootMeanSquare(held);
  const against = (logits: Float32Array, limit: number) => ({
    max_abs_logit_error: maxDifference(held, logits),
    limit: limit * Math.max(1, rms),
  });
  const withoutRounding = floatActivations ? exactLimit : parityLimits[format];
  return {
    reference: "training_graph",
    probe_tokens: held.length / vocabSize,
    logit_rms: rms,
    ...against(shipped, parityLimits[format]),
    float_activations: floatActivations && against(floatActivations, exactLimit),
    method: pieces ? "pieces" : "whole_file",
    pieces: pieces && comparePieces(reference, pieces, withoutRounding),
    quantisation: format === "fp32" ? null : compareDistributions(original, shipped, vocabSize),
  };
}

/** Refuses an artefact whose pieces or logits are beyond a limit. Error: `invalid_artefact`, naming the first such piece. */
export function assertParity(format: WeightFormat, parity: Parity): void {
  for (const { name, max_abs_error: error, limit } of parity.pieces ?? []) {
    if (error <= limit) continue;
    throw new LimbeckError(
      "invalid_artefact",
      `export ${format}: ${name}: expected values within ${limit} of the training graph, got ${error}`,
      {
        cure: "The artefact was not completed. Report this with the checkpoint's config.json.",
        fields: { piece: name, ...parity },
      },
    );
  }
  const compared = [parity, ...(parity.float_activations ? [parity.float_activations] : [])];
  for (const { max_abs_logit_error: error, limit } of compared) {
    if (error <= limit) continue;
    throw new LimbeckError(
      "invalid_artefact",
      `export ${format}: expected logits within ${limit} of the training graph, got ${error}`,
      {
        cure: "The artefact was not completed. Report this with the checkpoint's config.json.",
        fields: { ...parity },
      },
    );
  }
}
