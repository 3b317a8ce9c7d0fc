import type { TokenPredictor } from "../token-predictor.ts";

/** Fewest tokens that must agree before what followed them is proposed. */
const shortestMatch = 2;
/** A match of at least so many tokens is as good as a longer one. */
const longestMatch = 12;
/** Earlier places that are looked at, the latest first. */
const mostCandidates = 16;
/** A match of at least so many tokens is a long one. */
const longMatch = 9;
/** Weight of a place's vote doubles with each token of its match, up to so many. */
const mostDoublings = 8;
/** Shares of the votes under which a token counts as disputed, and from which on as agreed. */
const disputedBelow = 0.7;
const agreedFrom = 0.95;
/**
 * How sure a token is, and how often such tokens came true, where those before them did, in 937 guesses of five tokens
 * on 40 calls that copy from their request: 0.16 to 0.21, 0.62 to 0.69, 0.85 to 0.94, 0.96 to 0.98 over the places in a
 * guess. A match's length alone told less: 0.76, 0.70, 0.73, 0.83 of first tokens from 2, 3, 5 and 9 on.
 */
const grade = { disputed: 0, lone: 1, loneLong: 2, agreed: 3 } as const;
const rates = [0.2, 0.65, 0.9, 0.97];
/** Stands between sequences: no token. */
const gap = -1;

export interface PromptLookupOptions {
  /**
   * Output tokens of earlier sequences to look in, besides prompt and output (default 2048). They shape guesses only,
   * never text; 0 where nobody may learn even from response times what others were answered.
   */
  readonly memoryTokens?: number;
}

/** An earlier place whose past agrees with the last tokens, and over how many. */
interface Match {
  readonly place: number;
  readonly length: number;
}

/** Two token ids as one key; ids are below 2²⁶. */
const pairKey = (first: number, second: number): number => first * 2 ** 26 + second;

/**
 * Proposes what followed the last tokens where they stood before: in the prompt and the output, from which names and
 * values of a tool call are copied, and in earlier outputs, since what frames a call is the same every time. The place
 * whose past agrees longest wins, the latest of equals; the other places say how sure each of its tokens is. Where the
 * copy reaches the end of what there is, it goes on from its own beginning.
 * Source: Saxena 2023, "Prompt Lookup Decoding"; the index of pairs makes a step cost the same at any length.
 */
export function createPromptLookup({ memoryTokens = 2048 }: PromptLookupOptions = {}): TokenPredictor {
  const tokens: number[] = []; // earlier outputs, then the sequence
  const lastPlace = new Map<number, number>(); // a pair → the latest place right behind it
  const placeBefore: number[] = []; // a place → the one before it with the same pair, or −1
  const memory: number[] = [];
  let outputFrom = 0; // where the output begins in `tokens`
  const matches: Match[] = []; // of the last guess; those that agree with its tokens so far
  const grades: number[] = []; // of the last guess's tokens

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

  /** The grade of a guess's token at `offset`; keeps the matches that foretell it. */
  const judge = (id: number, offset: number, best: number): number => {
    let [all, agreeing, kept] = [0, 0, 0];
    for (const match of matches) {
      const other = tokens[match.place + offset];
      if (other === undefined || other === gap) continue;
      const weight = 2 ** Math.min(match.length, mostDoublings);
      all += weight;
      if (other !== id) continue;
      agreeing += weight;
      matches[kept++] = match;
    }
    matches.length = kept;
    if (agreeing < disputedBelow * all) return grade.disputed;
    if (kept > 1 && agreeing >= agreedFrom * all) return grade.agreed;
    return agreeing === all && best >= longMatch ? grade.loneLong : grade.lone;
  };

  return {
    name: "prompt_lookup",
    rates,
    grades,
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
      matches.length = 0;
      grades.length = 0;
      let place = placeBefore[tokens.length] ?? -1;
      for (let looked = 0; place >= 0 && looked < mostCandidates; looked++) {
        const length = matchAt(place);
        if (length > best) {
          best = length;
          from = place;
        }
        if (length >= shortestMatch) matches.push({ place, length });
        place = placeBefore[place] as number;
      }
      if (best < shortestMatch) return [];
      const guess: number[] = [];
      while (guess.length < most) {
        const at = from + guess.length;
        const id = (at < tokens.length ? tokens[at] : guess[at - tokens.length]) as number;
        if (id === gap) break;
        grades.push(judge(id, guess.length, best));
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
