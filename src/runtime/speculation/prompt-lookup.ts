import type { TokenPredictor } from "../token-predictor.ts";

/** Fewest tokens that must agree before what followed them is proposed. */
const shortestMatch = 2;
/** A match of at least so many tokens is as good as a longer one. */
const longestMatch = 12;
/** Earlier places that are looked at, the latest first. */
const mostCandidates = 16;
/** Lengths of a match from which on the next grade begins. */
const gradeFrom = [3, 5, 9];
/** Stands between sequences: no token. */
const gap = -1;

export interface PromptLookupOptions {
  /**
   * Output tokens of earlier sequences to look in, besides prompt and output (default 2048). They shape guesses only,
   * never text; 0 where nobody may learn even from response times what others were answered.
   */
  readonly memoryTokens?: number;
}

/** Two token ids as one key; ids are below 2²⁶. */
const pairKey = (first: number, second: number): number => first * 2 ** 26 + second;

/**
 * Proposes what followed the last tokens where they stood before: in the prompt and the output, from which names and
 * values of a tool call are copied, and in earlier outputs, since what frames a call is the same every time. The place
 * whose past agrees longest wins, the latest of equals. Where the copy reaches the end of what there is, it goes on from
 * its own beginning.
 * Source: Saxena 2023, "Prompt Lookup Decoding"; the index of pairs makes a step cost the same at any length.
 */
export function createPromptLookup({ memoryTokens = 2048 }: PromptLookupOptions = {}): TokenPredictor {
  const tokens: number[] = []; // earlier outputs, then the sequence
  const lastPlace = new Map<number, number>(); // a pair → the latest place right behind it
  const placeBefore: number[] = []; // a place → the one before it with the same pair, or −1
  const memory: number[] = [];
  let outputFrom = 0; // where the output begins in `tokens`
  let grade = 0;

  const append = (id: number): void => {
    tokens.push(id);
    const place = tokens.length;
    placeBefore[place] = -1;
    if (place < 2) return;
    const key = pairKey(tokens[place - 2] as number, id);
    placeBefore[place] = lastPlace.get(key) ?? -1;
    lastPlace.set(key, place);
  };

  /** Keeps the output of the sequence that ends, with the end of its prompt: by that its beginning is found again. */
  const remember = (): void => {
    if (memoryTokens === 0 || tokens.length === outputFrom) return;
    memory.push(gap, ...tokens.slice(Math.max(0, outputFrom - shortestMatch)));
    memory.splice(0, memory.length - memoryTokens);
  };

  /** How many tokens before `place` agree with the last ones. */
  const matchAt = (place: number): number => {
    const end = tokens.length;
    let length = 0;
    while (length < longestMatch && length < place && tokens[place - 1 - length] === tokens[end - 1 - length])
      length++;
    return length;
  };

  return {
    name: "prompt_lookup",
    get grade() {
      return grade;
    },
    begin: (promptIds) => {
      remember();
      tokens.length = 0;
      placeBefore.length = 0;
      lastPlace.clear();
      for (const id of memory) append(id);
      if (memory.length > 0) append(gap);
      for (const id of promptIds) append(id);
      outputFrom = tokens.length;
    },
    propose: (most) => {
      let best = 0;
      let from = -1;
      let place = placeBefore[tokens.length] ?? -1;
      for (let looked = 0; place >= 0 && looked < mostCandidates; looked++) {
        const length = matchAt(place);
        if (length > best) {
          best = length;
          from = place;
        }
        if (best === longestMatch) break;
        place = placeBefore[place] as number;
      }
      if (best < shortestMatch) return [];
      grade = gradeFrom.filter((least) => best >= least).length;
      const guess: number[] = [];
      while (guess.length < most) {
        const at = from + guess.length;
        const id = (at < tokens.length ? tokens[at] : guess[at - tokens.length]) as number;
        if (id === gap) break;
        guess.push(id);
      }
      return guess;
    },
    accept: (ids) => {
      for (const id of ids) append(id);
    },
    close: () => undefined,
  };
}
