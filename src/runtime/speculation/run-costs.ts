import { median } from "../../measure/statistics.ts";

/** Milliseconds of a run by the number of tokens that it reads, measured while generating. */
export interface RunCosts {
  /** Expected milliseconds of a run of `tokens`; 0 as long as no run of one token was measured. */
  of(tokens: number): number;
  observe(tokens: number, ms: number): void;
}

/** Runs of one token whose median counts: a busy machine holds up single ones. */
const window = 15;
/** Once it is known, the median is taken after so many runs: of a small model that is work beside the run. */
const everyFew = 5;
/** What is kept of an older run's weight with each new one. */
const kept = 0.95;
/** One run counts as lying at most so far from what was expected of it. */
const mostOff = 1.5;
/** Latest runs of each size whose median is heard beside the line, once there are `fewest`: costs may jump between sizes. */
const ownWindow = 7;
const fewest = 3;
/** The line counts as so many runs of a size. */
const lineWeight = 2;
/** Before any run of several tokens was measured: a further token costs a fifth of a run. */
const guess = { at: 2, ratio: 1.2, slope: 0.2 };

/**
 * Costs of runs: the median of the latest runs of one token, and for more tokens a straight line (least squares, old
 * runs forgotten) through what runs of n took in multiples of that. A line has a jump where kernels for several rows
 * begin, and one held-up run of n tokens cannot make n look dear for good: all runs speak for all n. Where runs of n
 * themselves are known, their median is heard too.
 */
export function createRunCosts(): RunCosts {
  const singles: number[] = []; // ms, the latest `window`
  let one = 0;
  let seen = 0;
  const own: number[][] = []; // by n: y of the latest runs
  // Weighted sums over runs of n > 1 tokens: of 1, n, y = ms / one, n², n·y.
  let [weight, sumN, sumY, sumNN, sumNY] = [0, 0, 0, 0, 0];

  const ratioOf = (tokens: number): number => {
    if (weight === 0) return guess.ratio + guess.slope * (tokens - guess.at);
    const [n, y] = [sumN / weight, sumY / weight];
    const spread = sumNN / weight - n * n;
    // Runs of one size say nothing of the slope.
    const slope = spread < 0.1 ? guess.slope : Math.max(0, (sumNY / weight - n * y) / spread);
    return Math.max(1, y + slope * (tokens - n));
  };

  const ownMedians: number[] = []; // by n; sorting at every question would cost more than it tells

  const believed = (tokens: number): number => {
    const line = ratioOf(tokens);
    const mine = ownMedians[tokens];
    if (mine === undefined) return line;
    const count = (own[tokens] as number[]).length;
    return Math.max(1, (lineWeight * line + count * mine) / (lineWeight + count));
  };

  return {
    of: (tokens) => (tokens <= 1 ? one : one * believed(tokens)),
    observe: (tokens, ms) => {
      if (tokens === 1) {
        singles.push(ms);
        if (singles.length > window) singles.shift();
        if (seen++ < window || seen % everyFew === 0) one = median(singles);
        return;
      }
      if (one === 0) return;
      const expected = ratioOf(tokens);
      const isFirst = weight === 0;
      const mine = own[tokens] ?? [];
      own[tokens] = mine;
      mine.push(ms / one);
      if (mine.length > ownWindow) mine.shift();
      if (mine.length >= fewest) ownMedians[tokens] = median(mine);
      const y = isFirst ? ms / one : Math.min(Math.max(ms / one, expected / mostOff), expected * mostOff);
      [weight, sumN, sumY, sumNN, sumNY] = [
        weight * kept + 1,
        sumN * kept + tokens,
        sumY * kept + y,
        sumNN * kept + tokens * tokens,
        sumNY * kept + tokens * y,
      ];
    },
  };
}
