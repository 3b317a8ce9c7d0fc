import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../base/random.ts";
import { generateStep } from "../generate-step.ts";
import { createSampler, resolveSampling } from "../sampling.ts";
import type { SamplingOptions } from "../types.ts";
import { createFakeDrafter, createFakeRunner, type Logits } from "./drafting.test.support.ts";

const vocabSize = 6;
const length = 3;
const draws = 30_000;

const logitsOf: Logits = (tokens) => {
  const random = createRandom(50 + (tokens.at(-1) ?? 0));
  return Float32Array.from({ length: vocabSize }, () => 1.5 * random.normal());
};

/** The distribution that sampling settings leave of logits, written down step by step. */
function distributionOf(
  logits: Float32Array,
  seen: ReadonlySet<number>,
  { temperature = 1, topK = vocabSize, topP = 1, minP = 0, repetitionPenalty = 1 }: SamplingOptions,
): number[] {
  const penalised = [...logits].map((logit, id) => {
    if (!seen.has(id)) return logit;
    return logit > 0 ? logit / repetitionPenalty : logit * repetitionPenalty;
  });
  const normalised = (weights: readonly number[]): number[] => {
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return weights.map((weight) => weight / total);
  };
  const ranked = (p: readonly number[]): number[] => p.map((_, id) => id).sort((a, b) => p[b]! - p[a]!);
  let p = normalised(penalised.map((logit) => Math.exp(logit / temperature)));
  const most = new Set(ranked(p).slice(0, topK));
  p = normalised(p.map((each, id) => (most.has(id) ? each : 0)));
  let mass = 0;
  const nucleus = new Set<number>();
  for (const id of ranked(p)) {
    if (mass >= topP) break;
    nucleus.add(id);
    mass += p[id]!;
  }
  p = p.map((each, id) => (nucleus.has(id) ? each : 0));
  const best = Math.max(...p);
  return normalised(p.map((each) => (each >= minP * best ? each : 0)));
}

/** P(x₁ x₂ x₃) of every text that can come. */
function expectedTexts(prompt: readonly number[], options: SamplingOptions): Map<string, number> {
  const texts = new Map<string, number>();
  const walk = (made: readonly number[], chance: number): void => {
    if (made.length === length) {
      texts.set(made.join(), chance);
      return;
    }
    const tokens = [...prompt, ...made];
    distributionOf(logitsOf(tokens), new Set(tokens), options).forEach((p, id) => {
      if (p > 0) walk([...made, id], chance * p);
    });
  };
  walk([], 1);
  return texts;
}

/** χ² and its degrees of freedom; texts of fewer than 5 expected are one class. */
function chiSquare(
  counts: ReadonlyMap<string, number>,
  expected: ReadonlyMap<string, number>,
): { statistic: number; freedom: number } {
  let statistic = 0;
  let classes = 0;
  let rare = { found: 0, expected: 0 };
  const add = (found: number, wanted: number): void => {
    statistic += (found - wanted) ** 2 / wanted;
    classes++;
  };
  for (const [text, chance] of expected) {
    const found = counts.get(text) ?? 0;
    const wanted = chance * draws;
    if (wanted >= 5) add(found, wanted);
    else rare = { found: rare.found + found, expected: rare.expected + wanted };
  }
  if (rare.expected > 0) add(rare.found, rare.expected);
  return { statistic, freedom: classes - 1 };
}

/** The value that χ² exceeds once in 10,000 times (Wilson and Hilferty 1931; z = 3.719). */
function limitOf(freedom: number): number {
  const part = 2 / (9 * freedom);
  return freedom * (1 - part + 3.719 * Math.sqrt(part)) ** 3;
}

/** Drafts of every kind: some likely, some impossible, of any length, never looking at what will be drawn. */
function anyDraft(seed: number) {
  const random = createRandom(seed);
  return (tokens: readonly number[], most: number): number[] => {
    const guess: number[] = [];
    while (guess.length < most && random.next() < 0.8) {
      const logits = logitsOf([...tokens, ...guess]);
      guess.push(random.next() < 0.7 ? logits.indexOf(Math.max(...logits)) : random.integer(vocabSize));
    }
    return guess;
  };
}

const settings: readonly SamplingOptions[] = [
  { temperature: 1 },
  { temperature: 1.3, topK: 4 },
  { temperature: 1, topP: 0.8 },
  { temperature: 0.9, topK: 5, topP: 0.9, minP: 0.05, repetitionPenalty: 1.4 },
];

for (const options of settings) {
  test(`drafted texts have the distribution of ${JSON.stringify(options)}`, async () => {
    const prompt = [2, 5];
    const counts = new Map<string, number>();
    const runner = createFakeRunner(vocabSize, memoised(logitsOf));
    const sampler = createSampler(vocabSize);
    const propose = anyDraft(17);
    let kept = 0;
    for (let seed = 0; seed < draws; seed++) {
      const drafter = createFakeDrafter(propose);
      const ids: number[] = [];
      await generateStep(runner, sampler, prompt, {
        sampling: resolveSampling({ ...options, seed }),
        endIds: new Set(),
        maxTokens: length,
        drafter,
        onToken: (id) => ids.push(id) > 0,
      });
      kept += drafter.settled.reduce((sum, run) => sum + run.kept, 0);
      counts.set(ids.join(), (counts.get(ids.join()) ?? 0) + 1);
    }
    const expected = expectedTexts(prompt, options);
    const impossible = [...counts.keys()].filter((text) => !expected.has(text));
    assert.deepEqual(impossible, []);
    const { statistic, freedom } = chiSquare(counts, expected);
    assert.ok(kept > draws / 20, `only ${kept} drafted tokens stood`);
    assert.ok(statistic < limitOf(freedom), `χ² ${statistic} over ${limitOf(freedom)} at ${freedom} degrees`);
  });
}

function memoised(logits: Logits): Logits {
  const known = new Map<number, Float32Array>();
  return (tokens) => {
    const last = tokens.at(-1) as number;
    const found = known.get(last) ?? logits([last]);
    known.set(last, found);
    return found;
  };
}
