import type { Backend } from "../backend/session.ts";
import { createRandom } from "../base/random.ts";
import { shouldUseTool } from "../data/types.ts";
import type { ModelConfig } from "../model/config.ts";
import type { Arena } from "./arena.ts";
import type { SpecialIds } from "./batch.ts";
import type { LiveDecoder } from "./decoder.ts";
import type { LoadedEpoch } from "./epoch-cursor.ts";
import {
  createLengthRunner,
  describeRollouts,
  type LengthDiagnostics,
  type LengthRunner,
  type LengthRunResult,
  type Rollout,
} from "./length-step.ts";
import type { LossPart } from "./losses.ts";
import type { Recipe } from "./recipe.ts";
import { graphOptions } from "./runner-pool.ts";
import { type Judge, promptOf } from "./validation.ts";

/** The length part of a training: every so many steps the student's own answers, judged and penalised. */
export interface RolloutTask {
  isDue(step: number): boolean;
  /** Rollouts to prompts of the epoch, and the gradients of their penalty; null where all are exempt. */
  run(
    step: number,
    epoch: LoadedEpoch,
    weights: Readonly<Record<LossPart, number>>,
  ): Promise<{ report: LengthDiagnostics; result: LengthRunResult | null }>;
  quantise(): void;
  close(): void;
}

export function createRolloutTask(
  setup: {
    readonly backend: Backend;
    readonly config: ModelConfig;
    readonly recipe: Recipe;
    readonly specials: SpecialIds;
    readonly judge: Judge;
    readonly decoder: LiveDecoder;
    /** Longest shape of the run. */
    readonly longest: number;
  },
  weights: Arena,
  gradients: Arena,
): RolloutTask {
  const { recipe, config, specials, judge, decoder } = setup;
  const { loss } = recipe;
  let runner: LengthRunner | null = null;
  let isQuantised = false;

  const open = (): Promise<LengthRunner> =>
    createLengthRunner(
      setup.backend,
      {
        ...graphOptions(config, recipe),
        shape: {
          rows: loss.length_prompts,
          tokens: Math.min(setup.longest + loss.length_max_tokens, config.contextLength),
          completions: loss.length_prompts * loss.length_max_tokens,
        },
        parts: ["length"],
        isQuantised,
        hasGradients: true,
        specials,
      },
      weights,
      gradients,
      recipe.threads,
    );

  const rollOut = async (step: number, epoch: LoadedEpoch, maxPrompt: number): Promise<Rollout[]> => {
    const { examples, rows } = epoch;
    const random = createRandom(recipe.seed).fork(`rollouts ${step}`);
    const usable = examples.flatMap((example, i) =>
      shouldUseTool(example) && promptOf(rows[i]!).length <= maxPrompt ? [i] : [],
    );
    const rollouts: Rollout[] = [];
    for (const i of random.shuffle(usable).slice(0, loss.length_prompts)) {
      const example = examples[i]!;
      const prompt = promptOf(rows[i]!).slice();
      const tokens = await decoder.generate(prompt, specials.end, loss.length_max_tokens);
      const teacherTokens = Math.max(1, example.teacher?.tokens ?? rows[i]!.firstTurn);
      const { isCovered } = judge.judge(example, tokens);
      rollouts.push({ exampleId: example.id, prompt, tokens, isCovered, teacherTokens });
    }
    return rollouts;
  };

  return {
    isDue: (step) => step % loss.length_every === 0,
    async run(step, epoch, partWeights) {
      runner ??= await open();
      const rollouts = await rollOut(step, epoch, runner.maxPrompt);
      const report = describeRollouts(rollouts, loss.length_hinge);
      const isExempt = rollouts.every((r) => r.isCovered);
      return { report, result: isExempt ? null : await runner.run(rollouts, partWeights) };
    },
    quantise() {
      runner?.close();
      runner = null;
      isQuantised = true;
    },
    close() {
      runner?.close();
    },
  };
}
