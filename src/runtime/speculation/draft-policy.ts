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
  /** The most tokens that a draft may have, of at most `most`, whatever they are; 0: decode plainly. */
  longest(will: DraftWill, most: number): number;
  /** How many tokens of a guess to draft, given the grade of each; 0: decode plainly. */
  length(will: DraftWill, grades: readonly number[]): number;
  /** Takes what became of a draft of tokens of these grades, or of a plain run (drafted 0). */
  observe(run: DraftedRun, grades: readonly number[]): void;
  /** For how many runs it need not be asked: it would draft nothing. 0: it may draft. */
  restRuns(will: DraftWill): number;
  /** Takes note of so many plain runs during which it was not asked. */
  rest(runs: number): void;
  /** Takes note of other time that drafts cost. */
  charge(ms: number): void;
  /** Why it does not pay, where it was tried; null where it pays or nothing is known. */
  offBecause(): string | null;
}

/**
 * Of the time that plain decoding takes, so much may be spent on finding out whether drafts pay. With the first means
 * below that is the bound: whatever the drafts, what they cost more than they saved stays under these and this share.
 */
const allowance = 0.003;
/** Runs of one token that may be lost at first, and that savings are kept for: no change of luck costs more. */
const firstMeans = 3;
const mostMeans = 8;
/** What is not expected to pay is tried only with means of so many runs: the rest is for what is. */
const trialMeans = 1.5;
/** A draft pays that is expected to be so many times as fast as plain decoding: costs are known no better. */
const leastSpeedup = 1.05;
/** Longest rest: what is known of costs and luck grows old. */
const mostRest = 64;
/** Memory of acceptance by grade, in drafted tokens; what is believed of it before, and how firmly. */
const memory = 32;
const prior = { rate: 0.6, weight: 2 };
/** Rates that a predictor gives itself were measured, if on other texts. */
const ownWeight = 6;
/** After so many runs with drafts one goes without: what a plain run costs must stay known. */
const plainEvery = 48;

/** A draft's best length, and how many times as fast as plain decoding it is expected to be. */
interface Plan {
  readonly k: number;
  readonly speedup: number;
}

/** A policy over costs that several of them may share; `rates` are the predictor's own. */
export function createDraftPolicy(costs: RunCosts, rates?: readonly number[]): DraftPolicy {
  const grades = rates?.length ?? 1;
  const stood = new Float64Array(grades);
  const tried = new Float64Array(grades);
  let draftMs = 0; // of one drafted token
  let drafts = 0;
  let sincePlain = 0;
  let savedMs: number | null = null;

  const rateOf = (grade: number): number => {
    const weight = rates ? ownWeight : prior.weight;
    return (
      ((stood[grade] as number) + (rates?.[grade] ?? prior.rate) * weight) /
      ((tried[grade] as number) + weight)
    );
  };

  /** Milliseconds that a draft of k tokens adds to a plain run. */
  const extraOf = (k: number): number => costs.of(1 + k) - costs.of(1) + k * draftMs;

  const meansMs = (): number => savedMs ?? firstMeans * costs.of(1);

  /** The k ≤ `most` that makes most tokens a millisecond. */
  const planOf = (most: number, gradeOf: (i: number) => number): Plan => {
    const plainMs = costs.of(1);
    let best = { k: 1, speedup: 0 };
    let tokens = 1;
    let chance = 1;
    for (let k = 1; k <= most; k++) {
      chance *= rateOf(gradeOf(k - 1));
      tokens += chance;
      const speedup = (tokens * plainMs) / (plainMs + extraOf(k));
      if (speedup > best.speedup) best = { k, speedup };
    }
    return best;
  };

  const affordable = (most: number): number => {
    const means = meansMs();
    let k = most;
    while (k > 0 && extraOf(k) > means) k--;
    return k;
  };

  /** Whether drafts of some grade would pay. */
  const isPromising = (): boolean => {
    for (let grade = 0; grade < grades; grade++)
      if (planOf(maxVerify - 1, () => grade).speedup >= leastSpeedup) return true;
    return false;
  };

  return {
    longest: (will, most) => {
      if (most < 1 || costs.of(1) === 0) return 0;
      if (will === "always") return most;
      return sincePlain >= plainEvery ? 0 : affordable(most);
    },
    length: (will, gradesOfGuess) => {
      if (gradesOfGuess.length === 0) return 0;
      const { k, speedup } = planOf(gradesOfGuess.length, (i) => gradesOfGuess[i] as number);
      if (will === "always" || speedup >= leastSpeedup) return k;
      // What does not pay is tried again with one token, as soon as that can be afforded: it may pay by now.
      return meansMs() >= trialMeans * costs.of(1) ? 1 : 0;
    },
    observe: (run, gradesOfGuess) => {
      const plainMs = costs.of(1);
      savedMs ??= firstMeans * plainMs;
      if (run.drafted > 0) {
        const tries = Math.min(run.kept + 1, run.drafted);
        for (let i = 0; i < tries; i++) {
          const grade = gradesOfGuess[i] as number;
          stood[grade] = (stood[grade] as number) * (1 - 1 / memory) + (i < run.kept ? 1 : 0);
          tried[grade] = (tried[grade] as number) * (1 - 1 / memory) + 1;
        }
        drafts++;
        draftMs += (run.draftMs / run.drafted - draftMs) * Math.max(0.1, 1 / drafts);
        // Not this run's own time: that something else held it up is not the draft's fault.
        const extraMs = costs.of(run.turn + run.drafted) - costs.of(run.turn);
        savedMs += run.kept * plainMs - extraMs - run.draftMs;
        sincePlain++;
      } else {
        // Asked for nothing: an idea that there was not, or that a grammar forbade.
        savedMs -= Math.min(run.draftMs, plainMs);
        sincePlain = 0;
      }
      savedMs += allowance * plainMs * (1 + run.kept);
      savedMs = Math.min(savedMs, mostMeans * plainMs);
    },
    restRuns: (will) => {
      const plainMs = costs.of(1);
      const means = meansMs();
      const trialMs = Math.max(trialMeans * plainMs, extraOf(1));
      if (will === "always" || plainMs === 0 || means >= trialMs) return 0;
      const missingMs = (isPromising() ? extraOf(1) : trialMs) - means;
      return Math.min(mostRest, Math.max(0, Math.ceil(missingMs / (allowance * plainMs))));
    },
    rest: (runs) => {
      const plainMs = costs.of(1);
      savedMs = Math.min(meansMs() + allowance * plainMs * runs, mostMeans * plainMs);
      sincePlain = 0;
    },
    charge: (ms) => {
      savedMs = meansMs() - ms;
    },
    offBecause: () => {
      let best: (Plan & { readonly grade: number }) | null = null;
      for (let grade = 0; grade < grades; grade++) {
        const plan = planOf(maxVerify - 1, () => grade);
        if (tried[grade] !== 0 && plan.speedup > (best?.speedup ?? 0)) best = { ...plan, grade };
      }
      if (best === null || best.speedup >= leastSpeedup) return null;
      const percent = (100 * rateOf(best.grade)).toFixed(0);
      const runs = (1 + extraOf(best.k) / costs.of(1)).toFixed(2);
      return `${percent} % of drafted tokens stand, and a run with ${best.k} of them takes as long as ${runs} without`;
    },
  };
}
