import { z } from "zod";
import type { NamedTensors, Session } from "../backend/session.ts";
import { LimbeckError } from "../base/errors.ts";
import { createRandom } from "../base/random.ts";
import { int64, tensor, zeros } from "../tensor/tensor.ts";
import type { ModelConfig } from "./config.ts";
import { createKvCache } from "./kv-cache.ts";
import type { Twins } from "./training-logits.ts";
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

/**
 * Logits [T, V] of an inference graph's session: `prefill` tokens at once (default half of them), then one a run, with
 * the cache in place. `weights` are those that the session takes as inputs.
 */
export async function cachedLogits(
  config: ModelConfig,
  session: Session,
  ids: readonly number[],
  options: { readonly prefill?: number; readonly weights?: NamedTensors } = {},
): Promise<Float32Array> {
  const { prefill = Math.ceil(ids.length / 2), weights = {} } = options;
  const cache = createKvCache(config);
  const all = new Float32Array(ids.length * config.vocabSize);
  let done = 0;
  while (done < ids.length) {
    const count = done === 0 ? prefill : 1;
    const logits = zeros("float32", [count, config.vocabSize]);
    const select = Array.from({ length: count }, (_, i) => i);
    const binding = session.bind(
      {
        ...weights,
        ...cache.inputs,
        ids: int64([1, count], ids.slice(done, done + count)),
        select: int64([count], select),
        last_position: tensor("int32", [1], Int32Array.of(done + count - 1)),
        total_length: tensor("int32", [], Int32Array.of(done + count)),
      },
      { ...cache.outputs, logits },
    );
    await binding.run();
    binding.close();
    all.set(logits.data as Float32Array, done * config.vocabSize);
    done += count;
  }
  return all;
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
}

/** Compares an artefact's logits with those of the training graph on the same tokens. */
export function compareLogits(
  format: WeightFormat,
  vocabSize: number,
  reference: Twins<Float32Array>,
  { shipped, floatActivations }: ArtefactLogits,
): Parity {
  const { original, held } = reference;
  let squares = 0;
  for (const logit of held) squares += logit * logit;
  const rms = Math.sqrt(squares / held.length);
  const against = (logits: Float32Array, limit: number) => ({
    max_abs_logit_error: maxDifference(held, logits),
    limit: limit * Math.max(1, rms),
  });
  return {
    reference: "training_graph",
    probe_tokens: held.length / vocabSize,
    logit_rms: rms,
    ...against(shipped, parityLimits[format]),
    float_activations: floatActivations && against(floatActivations, exactLimit),
    quantisation: format === "fp32" ? null : compareDistributions(original, shipped, vocabSize),
  };
}

/** Refuses an artefact whose logits are beyond a limit. Error: `invalid_artefact`. */
export function assertParity(format: WeightFormat, parity: Parity): void {
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
