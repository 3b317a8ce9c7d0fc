import assert from "node:assert/strict";
import { onnxCpuBackend } from "../backend/onnx/backend.ts";
import type { Backend } from "../backend/session.ts";
import { LimbeckError } from "../base/errors.ts";
import { createRandom } from "../base/random.ts";
import type { Example } from "../data/types.ts";
import type { ModelConfig } from "../model/config.ts";
import { initialiseWeights } from "../model/decoder.ts";
import { parseRecipe, type Recipe } from "./recipe.ts";
import { createRowSource, type Encode, type ExampleSource } from "./row-source.ts";
import type { LoopSetup } from "./train-types.ts";
import type { Judge } from "./validation.ts";

// A world small enough for tests of the loop: the prompt names a symbol twice, the call repeats it.
// Tokens: 0 pad, 1 end, 2 call, 3 question, 4 chat question, 5 and 6 chatter, symbols from 8 on.

export const testSpecials = { pad: 0, end: 1, call: 2 };

export const testConfig: ModelConfig = {
  family: "llama",
  vocabSize: 32,
  hiddenSize: 32,
  intermediateSize: 32,
  layers: 1,
  heads: 2,
  kvHeads: 1,
  headDim: 16,
  contextLength: 32,
  ropeTheta: 10_000,
  rmsNormEpsilon: 1e-6,
  tieEmbeddings: true,
  bosId: null,
  eosIds: [1],
  padId: 0,
};

/** The error that `run` ends with. */
export async function failureOf(run: Promise<unknown>): Promise<LimbeckError> {
  try {
    await run;
  } catch (error) {
    assert.ok(error instanceof LimbeckError, String(error));
    return error;
  }
  return assert.fail("expected an error");
}

/** Examples whose id is "<kind> <symbol> <number>". */
export function testExamples(count: number, seed = 1): Example[] {
  const random = createRandom(seed);
  return Array.from({ length: count }, (_, i) => {
    const isTool = random.next() < 0.8;
    const symbol = 8 + random.integer(24);
    return {
      id: `${isTool ? "tool" : "chat"} ${symbol} ${i}`,
      messages: [],
      tools: [],
      expect: { behaviour: isTool ? "tool" : "no_tool", calls: [] },
    };
  });
}

export const testEncode: Encode = (example, voice) => {
  const [kind, text] = example.id.split(" ");
  const symbol = Number(text);
  const filler = Array.from({ length: symbol % 5 }, (_, i) => 8 + i);
  const prompt = [kind === "tool" ? 3 : 4, ...filler, symbol, symbol];
  const lead = voice === "teacher" ? [5, 6, 5] : [];
  const completion = kind === "tool" ? [...lead, 2, symbol, 1] : [6, 1];
  const answer = kind === "tool" ? [6, symbol, 1] : [];
  const result = kind === "tool" ? [7] : [];
  const ids = [...prompt, ...completion, ...result, ...answer];
  const first = [prompt.length, prompt.length + completion.length] as const;
  const from = first[1] + result.length;
  return {
    ids,
    completion: ids.map((_, i) =>
      (i >= first[0] && i < first[1]) || (answer.length > 0 && i >= from) ? 1 : 0,
    ),
    firstCompletion: first,
    toolNameSpans: [],
    argumentSpans: [],
    answer: answer.length > 0 ? [from, ids.length] : null,
  };
};

/** Covered and exact when the symbol follows a call. */
export const testJudge: Judge = {
  judge(example, tokens) {
    const symbol = Number(example.id.split(" ")[1]);
    const at = tokens.indexOf(testSpecials.call);
    const isExact = at >= 0 && tokens[at + 1] === symbol;
    return { isCovered: isExact, isExact, hasCall: at >= 0 };
  },
};

export const testRecipe = (overrides: Readonly<Record<string, unknown>> = {}): Recipe =>
  parseRecipe(
    {
      seed: 5,
      steps: 12,
      data: { voice: "mixed" },
      shapes: { lengths: [14, 20], tokens_per_batch: 160 },
      optimiser: { learning_rate: 0.01, warmup_steps: 2 },
      loss: { kl: 0 },
      validation: { every: 0 },
      ...overrides,
    },
    "test",
  );

export function testSetup(
  outDir: string,
  recipe: Recipe,
  extra: Partial<LoopSetup> & { examples?: ExampleSource; backend?: Backend } = {},
): LoopSetup {
  const { examples = testExamples(120), ...rest } = extra;
  return {
    backend: onnxCpuBackend,
    recipe,
    config: testConfig,
    startWeights: initialiseWeights(testConfig, createRandom(recipe.seed)),
    source: createRowSource(examples, testEncode, recipe, recipe.seed),
    topk: null,
    validation: testExamples(24, 99),
    encode: testEncode,
    specials: testSpecials,
    judge: testJudge,
    fingerprint: "test",
    outDir,
    resume: false,
    saveWeights: () => undefined,
    hooks: {},
    ...rest,
  };
}
