import type { Backend } from "../backend/session.ts";
import type { ModelConfig } from "../model/config.ts";
import type { Arena } from "./arena.ts";
import type { SpecialIds } from "./batch.ts";
import type { LossPart } from "./losses.ts";
import type { Recipe } from "./recipe.ts";
import type { BatchShape } from "./shapes.ts";
import type { StepGraphOptions } from "./step-graph.ts";
import { createStepRunner, type StepRunner } from "./step-runner.ts";

/** The graphs of a training, one a shape, compiled when first used. */
export interface RunnerPool {
  readonly parts: readonly LossPart[];
  get(shape: number): Promise<StepRunner>;
  /** Closes what is compiled; from now on weights pass through fakeQuant. */
  quantise(): void;
  close(): void;
}

/** The parts that a recipe asks for; those of the teacher only with a teacher. */
export function partsOf(recipe: Recipe, hasTeacher: boolean): LossPart[] {
  const { loss } = recipe;
  const hasEarly = loss.early_tool_weight.to > 0 || loss.early_tool_weight.from > 0;
  const parts: LossPart[] = ["ce"];
  if (hasTeacher && loss.kl > 0) parts.push("kl");
  if (hasTeacher && loss.tail_weight > 0) parts.push("tail");
  if (hasEarly && loss.early_tool_ce_scale > 0) parts.push("early_ce");
  if (hasEarly && loss.early_tool_prior_scale > 0) parts.push("early_prior");
  return parts;
}

/** What every step graph of a recipe shares. */
export function graphOptions(
  config: ModelConfig,
  recipe: Recipe,
): Omit<StepGraphOptions, "shape" | "parts" | "isQuantised" | "hasGradients"> {
  const { loss } = recipe;
  return {
    config,
    k: loss.k,
    temperature: loss.temperature,
    divergence: loss.divergence,
    earlyTokens: loss.early_tool_tokens,
    length: {
      tokens: loss.length_max_tokens,
      hinge: loss.length_hinge,
      slope: loss.length_slope,
      cap: loss.length_cap,
    },
  };
}

export function createRunnerPool(
  backend: Backend,
  config: ModelConfig,
  recipe: Recipe,
  setup: {
    readonly shapes: readonly BatchShape[];
    readonly parts: readonly LossPart[];
    readonly specials: SpecialIds;
    readonly hasGradients: boolean;
    readonly onCompile?: (shape: BatchShape, runner: StepRunner) => void;
  },
  weights: Arena,
  gradients: Arena,
): RunnerPool {
  const runners = new Map<number, StepRunner>();
  let isQuantised = false;
  const close = (): void => {
    for (const runner of runners.values()) runner.close();
    runners.clear();
  };
  return {
    parts: setup.parts,
    async get(index) {
      const known = runners.get(index);
      if (known) return known;
      const shape = setup.shapes[index]!;
      const runner = await createStepRunner(
        backend,
        {
          ...graphOptions(config, recipe),
          shape,
          parts: setup.parts,
          isQuantised,
          hasGradients: setup.hasGradients,
          specials: setup.specials,
          priorOn: recipe.loss.early_tool_prior_on,
        },
        weights,
        gradients,
        recipe.threads,
      );
      runners.set(index, runner);
      setup.onCompile?.(shape, runner);
      return runner;
    },
    quantise() {
      close();
      isQuantised = true;
    },
    close,
  };
}
