import type { TokenPredictor } from "../token-predictor.ts";

/** Where no place agrees over so many tokens, those that agree with the last one alone are asked. */
const pairMatch = 2;
/** A match of at least so many tokens is as good as a longer one. */
const longestMatch = 12;
/** Earlier places that are looked at, the latest first. */
const mostCandidates = 16;
/** A match of at least so many tokens is a long one. */
const longMatch = 9;
/** Weight of a place's vote doubles with each token of its match, up to so many. */
const mostDoublings = 8;
/** So many places are needed to agree on what follows a single token. */
const fewestAfterOne = 4;
/** Shares of the votes under which a token counts as disputed, and from which on as agreed. */
const disputedBelow = 0.7;
const agreedFrom = 0.95;
/**
 * How sure a token is, and how often such tokens came true, where those before them did, in guesses of five tokens on
 * 200 calls that copy from their request: 0.18 to 0.24, 0.61 to 0.69, 0.91 to 0.93, 0.98 to 0.99 over the places in a
 * guess; 0.55 of first ones that stood once behind the last token. A match's length alone told less: 0.76, 0.70, 0.73,
 * 0.83 of first tokens from 2, 3, 5 and 9 on.
 */
const grade = { disputed: 0, lone: 1, loneLong: 2, agreed: 3, afterOne: 4 } as const;
const rates = [0.2, 0.65, 0.9, 0.97, 0.5];
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

/** Places behind keys, each linked to the one before it with the same key. */
interface Places {
  add(key: number, place: number): void;
  /** The place before this one with the same key; −1: none. */
  before(place: number): number;
  clear(): void;
}

function createPlaces(): Places {
  const last = new Map<number, number>();
  const linked: number[] = [];
  return {
    add: (key, place) => {
      linked[place] = last.get(key) ?? -1;
      last.set(key, place);
    },
    before: (place) => linked[place] ?? -1,
    clear: () => {
      last.clear();
      linked.length = 0;
    },
  };
}

/** Two token ids as one key; ids are below 2²⁶. */
const pairKey = (first: number, second: number): number => first * 2 ** 26 + second;

/**
 * Proposes what followed the last tokens where they stood before: in the prompt and the output, from which names and
 * values of a tool call are copied, and in earlier outputs, since what frames a call is the same every time. The place
 * whose past agrees longest wins, the latest of equals; the other places say how sure each of its tokens is. What frames
 * a call follows values that never came before: there the last token alone is looked for. Where the copy reaches the end
 * of what there is, it goes on from its own beginning.
 * Source: Saxena 2023, "Prompt Lookup Decoding"; the indices make a step cost the same at any length.
 */
export function createPromptLookup({ memoryTokens = 2048 }: PromptLookupOptions = {}): TokenPredictor {
  const tokens: number[] = []; // earlier outputs, then the sequence
  const behindPair = createPlaces();
  const behindOne = createPlaces();
  const memory: number[] = [];
  let outputFrom = 0; // where the output begins in `tokens`
  const matches: Match[] = []; // of the last guess; those that agree with its tokens so far
  const grades: number[] = []; // of the last guess's tokens

  const append = (id: number): void => {
    tokens.push(id);
    const place = tokens.length;
    behindOne.add(id, place);
    if (place > 1) behindPair.add(pairKey(tokens[place - 2] as number, id), place);
  };

  /** Keeps the output of the sequence that ends, with the end of its prompt: by that its beginning is found again. */
  const remember = (): void => {
    if (memoryTokens === 0 || tokens.length === outputFrom) return;
    memory.push(gap, ...tokens.slice(Math.max(0, outputFrom - pairMatch)));
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

  /** Gathers the latest places whose past agrees over at least `shortest` tokens; the best of them, or null. */
  const gather = ({ before }: Places, shortest: number): Match | null => {
    let best: Match | null = null;
    let place = before(tokens.length);
    for (let looked = 0; place >= 0 && looked < mostCandidates; looked++) {
      const match = { place, length: matchAt(place) };
      if (match.length >= shortest) {
        matches.push(match);
        if (match.length > (best?.length ?? 0)) best = match;
      }
      place = before(place);
    }
    return best;
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
    const isAfterOne = best + offset === 1;
    if (kept >= (isAfterOne ? fewestAfterOne : 2) && agreeing >= agreedFrom * all) return grade.agreed;
    if (isAfterOne && kept === 1) return grade.afterOne;
    return agreeing === all && best >= longMatch ? grade.loneLong : grade.lone;
  };

  return {
    name: "prompt_lookup",
    rates,
    grades,
    begin: (promptIds) => {
      remember();
      tokens.length = 0;
      behindPair.clear();
      behindOne.clear();
      for (const id of memory) append(id);
      if (memory.length > 0) append(gap);
      for (const id of promptIds) append(id);
      outputFrom = tokens.length;
    },
    propose: (most) => {
      matches.length = 0;
      grades.length = 0;
      const best = gather(behindPair, pairMatch) ?? gather(behindOne, 1);
      if (best === null) return [];
      const guess: number[] = [];
      while (guess.length < most) {
        const at = best.place + guess.length;
        const id = (at < tokens.length ? tokens[at] : guess[at - tokens.length]) as number;
        if (id === gap) break;
        grades.push(judge(id, guess.length, best.length));
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
