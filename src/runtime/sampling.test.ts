import assert from "node:assert/strict";
import { test } from "node:test";
import { LimbeckError } from "../base/errors.ts";
import { createSampler, greedyChoice, leadOf, resolveSampling, type Sampler } from "./sampling.ts";
import type { SamplingOptions } from "./types.ts";

const probabilities = [0.5, 0.25, 0.15, 0.07, 0.03];
const logits = (): Float32Array => Float32Array.from(probabilities, Math.log);

function begin(
  options: SamplingOptions,
  prompt: readonly number[] = [],
  size = probabilities.length,
): Sampler {
  const sampler = createSampler(size);
  sampler.begin(resolveSampling({ seed: 7, ...options }), prompt);
  return sampler;
}

/** How often each token is drawn in `draws` draws from the same logits. */
function frequencies(options: SamplingOptions, draws = 20_000): number[] {
  const sampler = begin({ temperature: 1, ...options });
  const counts = probabilities.map(() => 0);
  const values = logits();
  for (let i = 0; i < draws; i++) counts[sampler.choose(values)]! += 1 / draws;
  return counts;
}

/** Four standard deviations of a share of 0.5 over 20,000 draws are 0.014. */
function assertNear(found: readonly number[], expected: readonly number[]): void {
  const differences = found.map((value, i) => Math.abs(value - (expected[i] as number)));
  const worst = differences.indexOf(Math.max(...differences));
  assert.ok(
    differences[worst]! < 0.015,
    `token ${worst}: expected a share of ${expected[worst]}, got ${found[worst]}`,
  );
}

function renormalised(kept: number): number[] {
  const total = probabilities.slice(0, kept).reduce((a, b) => a + b);
  return probabilities.map((p, i) => (i < kept ? p / total : 0));
}

test("greedy takes the largest logit, the first of equals", () => {
  assert.equal(greedyChoice(Float32Array.of(1, 3, 2, 3)), 1);
  assert.equal(begin({}).choose(logits()), 0);
});

test("the lead of the best is over the next best, an equal one or none", () => {
  assert.equal(leadOf(Float32Array.of(1, 3, 2.5, -9), 1), 0.5);
  assert.equal(leadOf(Float32Array.of(3, 1, 3), 0), 0);
  assert.equal(leadOf(Float32Array.of(Number.NEGATIVE_INFINITY, 3), 1), Number.POSITIVE_INFINITY);
});

test("temperature 1 draws the model's own distribution", () => {
  assertNear(frequencies({}), probabilities);
});

test("temperature sharpens and flattens", () => {
  const powered = (t: number): number[] => {
    const weights = probabilities.map((p) => p ** (1 / t));
    const total = weights.reduce((a, b) => a + b);
    return weights.map((w) => w / total);
  };
  assertNear(frequencies({ temperature: 0.5 }), powered(0.5));
  assertNear(frequencies({ temperature: 2 }), powered(2));
});

test("top-k keeps the k most probable", () => {
  assertNear(frequencies({ topK: 2 }), renormalised(2));
  assertNear(frequencies({ topK: 1 }), renormalised(1));
  assertNear(frequencies({ topK: 99 }), probabilities);
});

test("top-p keeps the smallest set that reaches p", () => {
  assertNear(frequencies({ topP: 0.6 }), renormalised(2));
  assertNear(frequencies({ topP: 0.9 - 1e-6 }), renormalised(3));
  assertNear(frequencies({ topP: 1e-9 }), renormalised(1));
});

test("min-p keeps what has at least that share of the best one's probability", () => {
  assertNear(frequencies({ minP: 0.4 }), renormalised(2));
  assertNear(frequencies({ minP: 1 }), renormalised(1));
});

test("top-p after top-k counts the mass among the k", () => {
  // 0.5 / (0.5 + 0.25) is two thirds: 0.66 is reached by the first alone.
  assertNear(frequencies({ topK: 2, topP: 0.66 }), renormalised(1));
  assertNear(frequencies({ topK: 2, topP: 0.67 }), renormalised(2));
});

test("min-p comes last: the mass that top-p counts holds tokens below it", () => {
  // 0.5 / 0.97 does not reach 0.66; without the two tokens below min-p it would: 0.5 / 0.75.
  assertNear(frequencies({ topK: 4, topP: 0.66, minP: 0.4 }), renormalised(2));
  assertNear(frequencies({ topK: 4, topP: 0.5, minP: 0.4 }), renormalised(1));
  assertNear(frequencies({ topK: 4, minP: 0.4 }), renormalised(2));
});

test("the repetition penalty weakens tokens of the prompt and of the output, positive and negative", () => {
  const sampler = begin({ repetitionPenalty: 4 }, [0]);
  assert.equal(sampler.choose(Float32Array.of(4, 2, 0)), 1, "4 / 4 is below 2");
  assert.equal(sampler.choose(Float32Array.of(4, 2, 0.9)), 1, "chosen is not made: 2 still stands");
  sampler.accept(1);
  assert.equal(sampler.choose(Float32Array.of(4, 2, 0.9)), 0, "now 2 / 4 as well");
  sampler.accept(0);
  assert.equal(sampler.choose(Float32Array.of(-1, -2, -3)), 2, "-1 · 4 is below -3");
});

test("a new generation forgets the one before", () => {
  const sampler = begin({ repetitionPenalty: 100 }, [0]);
  sampler.begin(resolveSampling({ repetitionPenalty: 100 }), []);
  assert.equal(sampler.choose(Float32Array.of(4, 2, 0)), 0, "not seen yet");
  sampler.accept(0);
  assert.equal(sampler.choose(Float32Array.of(4, 2, 0)), 1, "seen now");
});

test("the same seed draws the same tokens, another one others", () => {
  const draw = (seed: number): number[] => {
    const sampler = begin({ temperature: 1, topP: 0.99, seed });
    return Array.from({ length: 40 }, () => sampler.choose(logits()));
  };
  assert.deepEqual(draw(1), draw(1));
  assert.notDeepEqual(draw(1), draw(2));
});

test("masked tokens are never drawn", () => {
  const sampler = begin({ temperature: 100, topK: 3 });
  const masked = Float32Array.of(
    Number.NEGATIVE_INFINITY,
    0,
    Number.NEGATIVE_INFINITY,
    1,
    Number.NEGATIVE_INFINITY,
  );
  for (let i = 0; i < 200; i++) assert.ok([1, 3].includes(sampler.choose(masked)));
});

test("NaN logits are an error and never a token", () => {
  const isRefused = (error: unknown): boolean =>
    error instanceof LimbeckError && error.code === "backend_failed";
  for (const options of [{}, { temperature: 1 }, { temperature: 1, topP: 0.5 }]) {
    assert.throws(() => begin(options, [], 3).choose(Float32Array.of(1, Number.NaN, 0)), isRefused);
  }
  assert.throws(() => greedyChoice(new Float32Array(4).fill(Number.NEGATIVE_INFINITY)), isRefused);
});

test("settings out of range are refused by name", () => {
  const bad: SamplingOptions[] = [
    { temperature: -1 },
    { temperature: Number.NaN },
    { topK: 1.5 },
    { topP: 0 },
    { topP: 1.1 },
    { minP: -0.1 },
    { repetitionPenalty: 0 },
    { seed: 0.5 },
  ];
  for (const options of bad) {
    const name = Object.keys(options)[0] as string;
    assert.throws(
      () => resolveSampling(options),
      (error) =>
        error instanceof LimbeckError && error.code === "invalid_request" && error.message.startsWith(name),
      name,
    );
  }
});

test("without a seed, requests differ", () => {
  const seeds = new Set(Array.from({ length: 8 }, () => resolveSampling({}).seed));
  assert.ok(seeds.size > 1);
});
