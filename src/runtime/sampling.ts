import { randomInt } from "node:crypto";
import { LimbeckError } from "../base/errors.ts";
import { createRandom, type Random } from "../base/random.ts";
import type { SamplingOptions } from "./types.ts";

/** Sampling settings with every default filled in. `topK` 0, `topP` 1, `minP` 0 and a penalty of 1 change nothing. */
export interface SamplingSettings {
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  readonly repetitionPenalty: number;
  readonly seed: number;
}

interface Range {
  readonly fallback: number;
  readonly expected: string;
  readonly accepts: (value: number) => boolean;
}

const ranges: { readonly [K in Exclude<keyof SamplingSettings, "seed">]: Range } = {
  temperature: { fallback: 0, expected: "0 (greedy) to 100", accepts: (v) => v >= 0 && v <= 100 },
  topK: { fallback: 0, expected: "a whole number ≥ 0", accepts: (v) => Number.isInteger(v) && v >= 0 },
  topP: { fallback: 1, expected: "above 0, at most 1", accepts: (v) => v > 0 && v <= 1 },
  minP: { fallback: 0, expected: "0 to 1", accepts: (v) => v >= 0 && v <= 1 },
  repetitionPenalty: { fallback: 1, expected: "above 0, at most 100", accepts: (v) => v > 0 && v <= 100 },
};

/**
 * Checked settings. Without a seed one is drawn, so that two requests differ. Error: `invalid_request` naming the
 * option.
 */
export function resolveSampling(options: SamplingOptions): SamplingSettings {
  const settings: Record<string, number> = {};
  for (const [name, { fallback, expected, accepts }] of Object.entries(ranges)) {
    const value = options[name as keyof typeof ranges] ?? fallback;
    if (!accepts(value)) {
      throw new LimbeckError("invalid_request", `${name}: expected ${expected}, got ${value}`, {
        cure: `Give ${name} a value in its range.`,
        fields: { option: name, value },
      });
    }
    settings[name] = value;
  }
  const seed = options.seed ?? randomInt(2 ** 32);
  if (!Number.isSafeInteger(seed)) {
    throw new LimbeckError("invalid_request", `seed: expected a whole number, got ${seed}`, {
      fields: { option: "seed", value: seed },
    });
  }
  return { ...(settings as unknown as Omit<SamplingSettings, "seed">), seed };
}

/** Chooses tokens from logits. Holds all the memory it needs: choosing allocates nothing. */
export interface Sampler {
  /** Begins a generation: forgets what was seen, then sees the prompt (for the repetition penalty). */
  begin(settings: SamplingSettings, promptIds: readonly number[]): void;
  /**
   * The next token for logits [V], which the repetition penalty rewrites; one random number where the temperature is
   * above 0. Error: `backend_failed` where a logit is NaN.
   */
  choose(logits: Float32Array): number;
  /** Takes a token that was made, chosen or not: from now on it counts as a repetition. */
  accept(id: number): void;
}

/** The largest logit, the first of equals. Error: `backend_failed` where a logit is NaN or all are −∞. */
export function greedyChoice(logits: Float32Array): number {
  let best = -1;
  let bestLogit = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id] as number;
    if (logit > bestLogit) {
      bestLogit = logit;
      best = id;
    } else if (Number.isNaN(logit)) return refuseLogits(logits, id);
  }
  return best < 0 ? refuseLogits(logits, 0) : best;
}

/** How far the logit of `best` lies above the largest of the others; Infinity where it is the only one allowed. */
export function leadOf(logits: Float32Array, best: number): number {
  let next = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < logits.length; id++) {
    if ((logits[id] as number) > next && id !== best) next = logits[id] as number;
  }
  return (logits[best] as number) - next;
}

function refuseLogits(logits: Float32Array, id: number): never {
  throw new LimbeckError(
    "backend_failed",
    `logits of the next token: expected finite numbers, got ${logits[id]} for token ${id}`,
    {
      cure: "The weights or the backend give NaN: export the model again and run the doctor.",
      fields: { token: id },
    },
  );
}

/**
 * A sampler over a vocabulary of V tokens. The order is that of Hugging Face's warpers: repetition penalty,
 * temperature, top-k, top-p, min-p, then one draw from what is left.
 * Sources: Holtzman et al. 2020, arXiv:1904.09751 (top-p); Nguyen et al. 2024, arXiv:2407.01082 (min-p);
 * Keskar et al. 2019, arXiv:1909.05858 (repetition penalty).
 */
export function createSampler(vocabSize: number): Sampler {
  const weights = new Float64Array(vocabSize); // exp((logit − max) / temperature)
  const heap = new Int32Array(vocabSize); // ids, the most probable on top
  const kept = new Int32Array(vocabSize); // ids in falling order of probability
  const wasSeen = new Uint8Array(vocabSize);
  const seen = new Int32Array(vocabSize);
  let seenCount = 0;
  let settings: SamplingSettings = resolveSampling({ seed: 0 });
  let random: Random = createRandom(0);

  const see = (id: number): void => {
    if (id >= vocabSize || wasSeen[id] === 1) return;
    wasSeen[id] = 1;
    seen[seenCount++] = id;
  };

  const penalise = (logits: Float32Array, penalty: number): void => {
    for (let i = 0; i < seenCount; i++) {
      const id = seen[i] as number;
      const logit = logits[id] as number;
      logits[id] = logit > 0 ? logit / penalty : logit * penalty;
    }
  };

  /** True where token a comes before token b: more probable, or as probable with a smaller id. */
  const precedes = (a: number, b: number): boolean => {
    const difference = (weights[a] as number) - (weights[b] as number);
    return difference > 0 || (difference === 0 && a < b);
  };

  const siftDown = (root: number, size: number): void => {
    let parent = root;
    const id = heap[parent] as number;
    for (;;) {
      let child = 2 * parent + 1;
      if (child >= size) break;
      if (child + 1 < size && precedes(heap[child + 1] as number, heap[child] as number)) child++;
      if (!precedes(heap[child] as number, id)) break;
      heap[parent] = heap[child] as number;
      parent = child;
    }
    heap[parent] = id;
  };

  /**
   * Fills `heap` with the tokens that can be kept at all; returns how many. Tokens below (1 − p) / V of the mass
   * together have less than 1 − p: the rest reaches p without them. So a peaked distribution leaves a short heap. With
   * top-k the mass that p is a share of is that of all k tokens, those below min-p among them.
   */
  const fillHeap = (total: number): number => {
    const { topK, topP, minP } = settings;
    // The best token has weight 1, so min-p is a limit of the weights themselves.
    const least =
      topK === 0 ? Math.max(minP, ((1 - topP) * total) / vocabSize, Number.MIN_VALUE) : Number.MIN_VALUE;
    let size = 0;
    for (let id = 0; id < vocabSize; id++) if ((weights[id] as number) >= least) heap[size++] = id;
    for (let root = (size >> 1) - 1; root >= 0; root--) siftDown(root, size);
    return size;
  };

  /**
   * Fills `kept` with the tokens that top-k, top-p and min-p leave; returns how many. A heap gives the tokens in
   * falling order, so a nucleus of few tokens costs O(V) and not a sort of the vocabulary.
   */
  const keepProbable = (total: number): number => {
    const { topK, topP, minP } = settings;
    let size = fillHeap(total);
    const most = topK === 0 ? size : Math.min(topK, size);
    let count = 0;
    let mass = 0; // of the tokens kept so far
    while (count < most) {
      const id = heap[0] as number;
      kept[count++] = id;
      mass += weights[id] as number;
      heap[0] = heap[--size] as number;
      siftDown(0, size);
      if (topK === 0 && mass >= topP * total) break;
    }
    if (topK !== 0 && topP !== 1) count = nucleus(count, mass);
    while ((weights[kept[count - 1] as number] as number) < minP) count--;
    return count;
  };

  /** With top-k, top-p counts the mass among the k tokens, not over the whole vocabulary. */
  const nucleus = (count: number, mass: number): number => {
    let sum = 0;
    for (let i = 0; i < count; i++) {
      sum += weights[kept[i] as number] as number;
      if (sum >= settings.topP * mass) return i + 1;
    }
    return count;
  };

  const draw = (logits: Float32Array): number => {
    const { temperature, topK, topP, minP } = settings;
    const best = logits[greedyChoice(logits)] as number;
    let total = 0;
    for (let id = 0; id < vocabSize; id++) {
      const weight = Math.exp(((logits[id] as number) - best) / temperature);
      weights[id] = weight;
      total += weight;
    }
    if (topK === 0 && topP === 1 && minP === 0) {
      let left = random.next() * total;
      for (let id = 0; id < vocabSize; id++) {
        left -= weights[id] as number;
        if (left < 0) return id;
      }
      return greedyChoice(logits);
    }
    const count = keepProbable(total);
    let mass = 0;
    for (let i = 0; i < count; i++) mass += weights[kept[i] as number] as number;
    let left = random.next() * mass;
    for (let i = 0; i < count; i++) {
      left -= weights[kept[i] as number] as number;
      if (left < 0) return kept[i] as number;
    }
    return kept[0] as number;
  };

  return {
    begin: (next, promptIds) => {
      settings = next;
      random = createRandom(next.seed);
      for (let i = 0; i < seenCount; i++) wasSeen[seen[i] as number] = 0;
      seenCount = 0;
      for (const id of promptIds) see(id);
    },
    choose: (logits) => {
      if (settings.repetitionPenalty !== 1) penalise(logits, settings.repetitionPenalty);
      return settings.temperature === 0 ? greedyChoice(logits) : draw(logits);
    },
    accept: see,
  };
}
