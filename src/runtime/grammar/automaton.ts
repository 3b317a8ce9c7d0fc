import type { Pattern, PatternArena } from "./pattern.ts";

/** Leads from one state to another by any byte from `from` to `to`. */
export interface Edge {
  readonly from: number;
  readonly to: number;
  readonly target: number;
}

export interface State {
  /** Ascending, apart from each other; every target can still reach an end. */
  readonly edges: readonly Edge[];
  readonly isEnd: boolean;
  /** Fewest bytes from here to an end. */
  readonly leastBytes: number;
}

/** A deterministic automaton over bytes; state 0 is its beginning. */
export interface Automaton {
  readonly states: readonly State[];
}

const mostStates = 60_000;

interface Draft {
  readonly pattern: Pattern;
  edges: Edge[];
  leastBytes: number;
}

/**
 * The automaton of a pattern; null where no string is in it. Error: `refuse()` where it would be too large, or the arena's
 * work is more than `mostWork` then: few states can have many terms each.
 */
export function createAutomaton(
  arena: PatternArena,
  pattern: Pattern,
  refuse: () => Error,
  mostWork = Number.POSITIVE_INFINITY,
): Automaton | null {
  const drafts: Draft[] = [];
  const places = new Map<Pattern, number>();
  const place = (reached: Pattern): number => {
    if (arena.work > mostWork) throw refuse();
    const known = places.get(reached);
    if (known !== undefined) return known;
    if (drafts.length >= mostStates) throw refuse();
    places.set(reached, drafts.length);
    drafts.push({
      pattern: reached,
      edges: [],
      leastBytes: reached.isNullable ? 0 : Number.POSITIVE_INFINITY,
    });
    return drafts.length - 1;
  };
  place(pattern);
  for (let at = 0; at < drafts.length; at++) {
    const draft = drafts[at]!;
    const cuts = arena.cuts(draft.pattern);
    for (const [i, from] of cuts.entries()) {
      const reached = arena.derivative(draft.pattern, from);
      if (reached === arena.none) continue;
      const target = place(reached);
      const to = (cuts[i + 1] ?? 256) - 1;
      const last = draft.edges.at(-1);
      if (last?.target === target && last.to === from - 1) {
        draft.edges[draft.edges.length - 1] = { from: last.from, to, target };
      } else draft.edges.push({ from, to, target });
    }
  }
  measureLeast(drafts);
  if (drafts[0]!.leastBytes === Number.POSITIVE_INFINITY) return null;
  return {
    states: drafts.map(({ pattern: reached, edges, leastBytes }) => ({
      edges: edges.filter(({ target }) => drafts[target]!.leastBytes < Number.POSITIVE_INFINITY),
      isEnd: reached.isNullable,
      leastBytes,
    })),
  };
}

function measureLeast(drafts: readonly Draft[]): void {
  const targets = drafts.map(({ edges }) => edges.map(({ target }) => target));
  const least = distances(targets, (at) => drafts[at]!.leastBytes === 0);
  for (const [at, draft] of drafts.entries()) draft.leastBytes = least[at]!;
}

/** How many steps each place is from one that `isGoal`: breadth first, backwards. */
function distances(
  targets: readonly (readonly number[])[],
  isGoal: (at: number) => boolean,
): readonly number[] {
  const before: number[][] = targets.map(() => []);
  for (const [at, reached] of targets.entries()) for (const target of reached) before[target]!.push(at);
  const found = targets.map((_, at) => (isGoal(at) ? 0 : Number.POSITIVE_INFINITY));
  const front = found.flatMap((distance, at) => (distance === 0 ? [at] : []));
  for (const at of front)
    for (const earlier of before[at]!) {
      if (found[earlier]! < Number.POSITIVE_INFINITY) continue;
      found[earlier] = found[at]! + 1;
      front.push(earlier);
    }
  return found;
}

/**
 * For each state of `exact`, how many bytes may come from there, in any way, until `wide` allows what `exact` does not.
 * `wide` allows all that `exact` does.
 */
export function measureRoom(exact: Automaton, wide: Automaton): readonly number[] {
  const room = exact.states.map(() => Number.POSITIVE_INFINITY);
  if (exact === wide) return room;
  const pairs: { readonly exact: number; readonly wide: number }[] = [];
  const places = new Map<number, number>();
  const place = (own: number, other: number): number => {
    const key = own * wide.states.length + other;
    const known = places.get(key);
    if (known !== undefined) return known;
    places.set(key, pairs.length);
    pairs.push({ exact: own, wide: other });
    return pairs.length - 1;
  };
  place(0, 0);
  const targets: number[][] = [];
  const differs: boolean[] = [];
  for (let at = 0; at < pairs.length; at++) {
    const [own, other] = [exact.states[pairs[at]!.exact]!, wide.states[pairs[at]!.wide]!];
    const width = ({ edges }: State): number => edges.reduce((sum, { from, to }) => sum + to - from + 1, 0);
    differs[at] = other.isEnd !== own.isEnd || width(other) > width(own);
    targets[at] = own.edges.flatMap(({ from, to, target }) =>
      other.edges
        .filter((edge) => edge.from <= to && from <= edge.to)
        .map((edge) => place(target, edge.target)),
    );
  }
  const found = distances(targets, (at) => differs[at]!);
  for (const [at, pair] of pairs.entries()) room[pair.exact] = Math.min(room[pair.exact]!, found[at]!);
  return room;
}

/** The state after `byte`, -1 where it may not come. */
export function follow({ states }: Automaton, state: number, byte: number): number {
  for (const { from, to, target } of states[state]!.edges) if (byte <= to) return byte >= from ? target : -1;
  return -1;
}

/** Bytes that read well where any would do. */
const plainBytes = [0x61, 0x30, 0x41];

/** Appends to `out` the bytes of a shortest way from a state to an end. */
export function shortestWay({ states }: Automaton, state: number, out: number[]): void {
  for (let at = states[state]!; at.leastBytes > 0; ) {
    const least = at.leastBytes - 1;
    const best = at.edges.filter(({ target }) => states[target]!.leastBytes === least);
    const plain = plainBytes.find((byte) => best.some(({ from, to }) => from <= byte && byte <= to));
    const byte = plain ?? best[0]!.from;
    out.push(byte);
    at = states[best.find(({ from, to }) => from <= byte && byte <= to)!.target]!;
  }
}
