import { LimbeckError } from "../../base/errors.ts";
import { monotonicMs } from "../../measure/clock.ts";
import type { WeightFormat } from "../../model/weight-formats.ts";
import { maxVerify, type StepRunner } from "../step-runner.ts";
import type { TokenPredictor } from "../token-predictor.ts";
import type { SpeculationMode, SpeculationReport } from "../types.ts";
import { type BatchCheck, checkBatches } from "./batch-check.ts";
import { createDraftPolicy, type DraftPolicy, type DraftWill } from "./draft-policy.ts";
import type { Drafter } from "./drafter.ts";
import { createRunCosts, type RunCosts } from "./run-costs.ts";

/** Drafting for one target model as long as it lives: what it learns of costs and acceptance serves later requests. */
export interface Speculation {
  readonly check: BatchCheck;
  /**
   * Begins a generation, one at a time. Error: `invalid_request` for a mode whose predictor there is none of, or an
   * unknown one.
   */
  begin(mode: SpeculationMode): SpeculationRun;
}

/** Drafting in one generation. */
export interface SpeculationRun {
  /** Null: decode plainly. */
  readonly drafter: Drafter | null;
  /** What drafting did, given how many tokens were made. */
  report(outputTokens: number): SpeculationReport;
}

const none: readonly number[] = [];
/** Grades of tokens that a predictor does not tell apart. */
const allAlike: readonly number[] = Array.from({ length: maxVerify }, () => 0);

/**
 * Looking for drafts and judging them costs some 25 µs a token beside the run. Of runs shorter than this it would be more
 * than 1.5 %, and their drafts save little: "auto" leaves such models alone.
 */
const shortestRunMs = 1.6;

/** At rest, one run of so many is heard of: the machine may change meanwhile. */
const observeEvery = 4;

/** One way of drafting, with what is known of it. */
interface Source {
  readonly predictor: TokenPredictor;
  readonly policy: DraftPolicy;
}

export interface SpeculationOptions {
  readonly runner: StepRunner;
  readonly format: WeightFormat;
  /** Whether the runner's drafts attend token by token; default false. */
  readonly isStepwise?: boolean;
  /** Milliseconds of a run of one token under which "auto" drafts nothing. */
  readonly shortestRunMs?: number;
  /** Asked in this order: the first one that has an idea drafts. Whoever made them closes them. */
  readonly predictors: readonly TokenPredictor[];
}

/**
 * Checks that the target's runs of several tokens give the logits of runs of one, and times both. Resets the runner.
 * Errors: those of the runner.
 */
export async function createSpeculation({
  runner,
  format,
  isStepwise = false,
  predictors,
  ...options
}: SpeculationOptions): Promise<Speculation> {
  const costs = createRunCosts();
  const check = await checkBatches(runner, costs, { format, isStepwise, clock: monotonicMs });
  const plainMs = costs.of(1);
  const isTooShort = plainMs < (options.shortestRunMs ?? shortestRunMs);
  const sources = predictors.map(
    (predictor): Source => ({ predictor, policy: createDraftPolicy(costs, predictor.rates) }),
  );

  return {
    check,
    begin: (mode) => {
      if (mode === "off") return withoutDrafts(mode, "the request asks for none");
      const chosen = mode === "auto" ? sources : sources.filter(({ predictor }) => predictor.name === mode);
      if (chosen.length === 0) throw missingPredictor(mode, predictors);
      if (check.refusal !== null) return withoutDrafts(mode, check.refusal);
      if (mode === "auto" && isTooShort) {
        return withoutDrafts(
          mode,
          `a run of one token takes ${plainMs.toFixed(2)} ms: too short to gain from drafts`,
        );
      }
      return beginDrafting(mode, chosen, costs, check.tolerance);
    },
  };
}

/** A generation that decodes plainly, and why. */
export function withoutDrafts(mode: SpeculationMode, offBecause: string): SpeculationRun {
  return {
    drafter: null,
    report: (outputTokens) => ({
      mode,
      proposed: 0,
      accepted: 0,
      targetRuns: Math.max(0, outputTokens - 1),
      offBecause,
    }),
  };
}

function missingPredictor(mode: string, predictors: readonly TokenPredictor[]): LimbeckError {
  const known = ["auto", "off", ...predictors.map(({ name }) => name)].join(", ");
  return new LimbeckError("invalid_request", `speculation: expected one of ${known}, got ${mode}`, {
    cure: mode === "draft_model" ? "Open the engine with a draft model." : "Choose one of these.",
    fields: { option: "speculation", value: mode },
  });
}

function beginDrafting(
  mode: SpeculationMode,
  sources: readonly Source[],
  costs: RunCosts,
  tolerance: number,
): SpeculationRun {
  const will: DraftWill = mode === "auto" ? "auto" : "always";
  const counts = { proposed: 0, accepted: 0, targetRuns: 0 };
  let source = sources[0]; // of the draft that is under way
  let grades: readonly number[] = none; // of its tokens
  // Runs for which nobody needs to be asked, and those that passed so: what is no help must cost next to nothing.
  let resting = 0;
  let rested = 0;

  const wake = (): void => {
    if (rested > 0) for (const { policy } of sources) policy.rest(rested);
    resting = 0;
    rested = 0;
  };

  /** What the sources from `first` on have to say; a promise only where one of them needs time. */
  const ask = (first: number, most: number): readonly number[] | Promise<readonly number[]> => {
    for (let i = first; i < sources.length; i++) {
      const asked = sources[i] as Source;
      const longest = asked.policy.longest(will, most);
      if (longest === 0) continue;
      const guess = asked.predictor.propose(longest);
      if (guess instanceof Promise)
        return guess.then((late) => {
          const chosen = choose(asked, late);
          return chosen.length > 0 ? chosen : ask(i + 1, most);
        });
      const chosen = choose(asked, guess);
      if (chosen.length > 0) return chosen;
    }
    resting = Math.min(...sources.map(({ policy }) => policy.restRuns(will)));
    return none;
  };

  const choose = (asked: Source, guess: readonly number[]): readonly number[] => {
    if (guess.length === 0) return none;
    source = asked;
    grades = asked.predictor.grades ?? allAlike;
    return guess.slice(0, asked.policy.length(will, grades.slice(0, guess.length)));
  };

  const drafter: Drafter = {
    tolerance,
    begin: (promptIds) => {
      for (const { predictor } of sources) predictor.begin(promptIds);
    },
    draft: (most) => (resting > 0 ? none : ask(0, most)),
    accept: (ids) => {
      for (const { predictor } of sources) predictor.accept(ids);
    },
    settle: (run) => {
      if (resting > 0) {
        counts.targetRuns++;
        if (rested++ % observeEvery === 0) costs.observe(run.turn, run.runMs);
        if (--resting === 0) wake();
        return;
      }
      counts.proposed += run.drafted;
      counts.accepted += run.kept;
      counts.targetRuns++;
      costs.observe(run.turn + run.drafted, run.runMs);
      for (const each of sources) {
        if (run.drafted === 0 || each === source) each.policy.observe(run, grades);
      }
    },
    replayed: (runs) => {
      wake();
      counts.targetRuns += runs;
      for (const each of sources) each.policy.charge(runs * costs.of(1));
    },
  };
  return {
    drafter,
    report: () => {
      wake();
      return { mode, ...counts, offBecause: will === "always" ? null : reasonOf(sources) };
    },
  };
}

/** Why nothing is drafted: each way's reason, or null while there is a way that has none. */
function reasonOf(sources: readonly Source[]): string | null {
  const reasons: string[] = [];
  for (const { predictor, policy } of sources) {
    const why = policy.offBecause();
    if (why === null) return null;
    reasons.push(`${predictor.name}: ${why}`);
  }
  return reasons.join("; ");
}
