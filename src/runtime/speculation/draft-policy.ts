import { maxVerify } from "../step-runner.ts";
import type { DraftedRun } from "./drafter.ts";
import type { RunCosts } from "./run-costs.ts";

/**
 * "auto" drafts where that saves time, and never spends more than it saved before or is allowed to lose; "always"
 * drafts whatever it costs, for those who ask for it.
 */
export type DraftWill = "auto" | "always";

/** Decides how many tokens one predictor drafts, from what its drafts cost and how many of them stood. */
export interface DraftPolicy {
  /** How many of at most `most` tokens to draft, by the guess's grade; 0: decode plainly. */
  length(will: DraftWill, most: number, grade: number): number;
  /** The largest `length` over all grades. */
  longest(will: DraftWill, most: number): number;
  /** Takes what became of a draft of its predictor, or of a plain run (drafted 0). */
  observe(run: DraftedRun, grade: number): void;
  /** Takes note of other time that drafts cost. */
  charge(ms: number): void;
  /** Why it does not pay, where it was tried; null where it pays or nothing is known. */
  offBecause(): string | null;
}

/** Grades of guesses that are told apart. */
export const grades = 4;

/**
 * Of the time that plain decoding takes, so much may be spent on finding out whether drafts pay. With the first means
 * below that is the bound: whatever the drafts, what they cost more than they saved stays under one run and this share.
 */
const allowance = 0.005;
/** Runs of one token that may be lost at first, and that savings are kept for: no change of luck costs more. */
const firstMeans = 1;
const mostMeans = 2;
/** Memory of acceptance, in drafted tokens; what is believed before the first, and how firmly. */
const memory = 32;
const prior = { rate: 0.6, weight: 2 };
/** After so many runs with drafts one goes without: what a plain run costs must stay known. */
const plainEvery = 48;

/** So many lengths are asked for before plans are made anew, where no draft came of it. */
const planRuns = 16 * grades;

/** A draft's best length, and how many times as fast as plain decoding it is expected to be. */
interface Plan {
  readonly k: number;
  readonly speedup: number;
}

/** A policy over costs that several of them may share. */
export function createDraftPolicy(costs: RunCosts): DraftPolicy {
  const stood = new Float64Array(grades);
  const tried = new Float64Array(grades);
  let draftMs = 0; // of one drafted token
  let drafts = 0;
  let sincePlain = 0;
  let savedMs: number | null = null;
  let plans: readonly Plan[] = [];
  let planAge = 0;

  const rateOf = (grade: number): number =>
    ((stood[grade] as number) + prior.rate * prior.weight) / ((tried[grade] as number) + prior.weight);

  /** Milliseconds that a draft of k tokens adds to a plain run. */
  const extraOf = (k: number): number => costs.of(1 + k) - costs.of(1) + k * draftMs;

  /** The k that makes most tokens a millisecond: of k drafted tokens, aⁱ is the chance that i stand. */
  const planOf = (grade: number): Plan => {
    const rate = rateOf(grade);
    const plainMs = costs.of(1);
    let best = { k: 1, speedup: 0 };
    let tokens = 1;
    let chance = 1;
    for (let k = 1; k < maxVerify; k++) {
      chance *= rate;
      tokens += chance;
      const speedup = (tokens * plainMs) / (plainMs + extraOf(k));
      if (speedup > best.speedup) best = { k, speedup };
    }
    return best;
  };

  /** Plans are kept for a while: thinking before every run would cost what drafts are to save. */
  const currentPlans = (): readonly Plan[] => {
    if (planAge++ % planRuns === 0) plans = Array.from({ length: grades }, (_, grade) => planOf(grade));
    return plans;
  };

  const length: DraftPolicy["length"] = (will, most, grade) => {
    if (most < 1 || costs.of(1) === 0) return 0;
    if (will === "auto" && sincePlain >= plainEvery) return 0;
    const means = savedMs ?? firstMeans * costs.of(1);
    if (will === "auto" && extraOf(1) > means) return 0;
    const { k, speedup } = currentPlans()[grade] as Plan;
    if (will === "always") return Math.min(k, most);
    // What does not pay is tried again with one token, as soon as that can be afforded: it may pay by now.
    let affordable = speedup > 1 ? Math.min(k, most) : 1;
    while (extraOf(affordable) > means) affordable--;
    return affordable;
  };

  return {
    length,
    longest: (will, most) => {
      let k = 0;
      for (let grade = 0; grade < grades; grade++) k = Math.max(k, length(will, most, grade));
      return k;
    },
    observe: (run, grade) => {
      const plainMs = costs.of(1);
      savedMs ??= firstMeans * plainMs;
      if (run.drafted > 0) {
        const tries = Math.min(run.kept + 1, run.drafted);
        const forgotten = (1 - 1 / memory) ** tries;
        stood[grade] = (stood[grade] as number) * forgotten + run.kept;
        tried[grade] = (tried[grade] as number) * forgotten + tries;
        drafts++;
        draftMs += (run.draftMs / run.drafted - draftMs) * Math.max(0.1, 1 / drafts);
        // Not this run's own time: that something else held it up is not the draft's fault.
        const extraMs = costs.of(run.turn + run.drafted) - costs.of(run.turn);
        savedMs += run.kept * plainMs - extraMs - run.draftMs;
        sincePlain++;
        planAge = 0;
      } else {
        // Asked for nothing: an idea that there was not, or that a grammar forbade.
        savedMs -= Math.min(run.draftMs, plainMs);
        sincePlain = 0;
      }
      savedMs += allowance * plainMs * (1 + run.kept);
      savedMs = Math.min(savedMs, mostMeans * plainMs);
    },
    charge: (ms) => {
      savedMs = (savedMs ?? 0) - ms;
    },
    offBecause: () => {
      let best: (Plan & { readonly grade: number }) | null = null;
      for (let grade = 0; grade < grades; grade++) {
        const plan = planOf(grade);
        if (tried[grade] !== 0 && plan.speedup > (best?.speedup ?? 0)) best = { ...plan, grade };
      }
      if (best === null || best.speedup > 1) return null;
      const percent = (100 * rateOf(best.grade)).toFixed(0);
      const runs = (1 + extraOf(best.k) / costs.of(1)).toFixed(2);
      return `${percent} % of drafted tokens stand, and a run with ${best.k} of them takes as long as ${runs} without`;
    },
  };
}
