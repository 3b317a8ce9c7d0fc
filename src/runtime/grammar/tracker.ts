import { follow, shortestWay } from "./automaton.ts";
import { type Part, type Rule, reachableRules } from "./rules.ts";

/** One way in which what came so far can be read: a place in an alternative, and what follows behind it. */
interface Reading {
  readonly id: number;
  readonly path: Path;
  readonly at: number;
  /** Bytes of a literal that have come, or the state of an automaton. */
  readonly inner: number;
  readonly next: Reading | null;
  /** Fewest bytes from here to the end of everything. */
  readonly leastBytes: number;
  /** Bytes that may come before the wide grammar can allow too much. */
  readonly room: number;
}

/** An alternative with what the tracker has to know about it. */
interface Path {
  readonly id: number;
  readonly parts: readonly TrackedPart[];
  /** Fewest bytes from each part on, one entry more than parts. */
  readonly leastFrom: number[];
  /** The least room from each part on, one entry more than parts. */
  readonly roomFrom: number[];
}

type TrackedPart =
  | { readonly kind: "literal"; readonly bytes: Uint8Array }
  | { readonly kind: "rule"; readonly paths: readonly Path[] }
  | Extract<Part, { readonly kind: "text" }>;

/** All readings of what came so far; none left: it is not in the grammar. Never changed once made. */
export interface Progress {
  readonly readings: readonly Reading[];
  /** Whether everything may end here. */
  readonly isEnd: boolean;
  /** Fewest bytes to the end. */
  readonly leastBytes: number;
  /** How many bytes may come before a mask made from the wide grammar can be too wide. */
  readonly room: number;
}

/**
 * Follows bytes through a grammar, exactly: it knows counts that masks leave out, and the shortest way to the end.
 * Readings are shared, so that a step costs what the bytes cost, however deep the grammar is.
 */
export interface Tracker {
  readonly start: Progress;
  /** The progress after more bytes; null where they may not come. */
  advance(progress: Progress, bytes: Uint8Array): Progress | null;
  /** The bytes of a shortest way to the end. */
  shortest(progress: Progress): Uint8Array;
  /** The bytes that must come next, up to a choice or to the end (4096 at most), and the progress behind them. */
  forced(progress: Progress): { readonly bytes: Uint8Array; readonly after: Progress };
  /** How much longer the shortest way can become by one choice. */
  readonly dearestChoice: number;
}

/** Forced bytes are looked up so far at once; what comes behind is forced in its turn. */
const mostForced = 4096;

const utf8 = new TextEncoder();

export function createTracker(root: Rule): Tracker {
  const paths = compilePaths(root);
  const readings = new Map<string, Reading>();

  const read = (path: Path, at: number, inner: number, next: Reading | null): Reading => {
    const key = `${path.id},${at},${inner},${next?.id ?? ""}`;
    let found = readings.get(key);
    if (found === undefined) {
      const part = path.parts[at]!;
      const rest = leastOf(part, inner);
      const own = rest + path.leastFrom[at + 1]!;
      const leastBytes = own + (next?.leastBytes ?? 0);
      const behind = Math.min(rest + path.roomFrom[at + 1]!, own + (next?.room ?? Number.POSITIVE_INFINITY));
      const room = Math.min(roomOf(part, inner), behind);
      found = { id: readings.size, path, at, inner, next, leastBytes, room };
      readings.set(key, found);
    }
    return found;
  };

  /** Adds to `into` the readings that stand before a byte; returns whether everything may end as well. */
  const enter = (path: Path, at: number, next: Reading | null, into: Set<Reading>): boolean => {
    const part = path.parts[at];
    if (part === undefined) return next === null || enter(next.path, next.at, next.next, into);
    if (part.kind === "rule") {
      // Nothing behind the call: what follows the caller follows the called, and the stack stays flat.
      const after = at + 1 === path.parts.length ? next : read(path, at + 1, 0, next);
      return part.paths.reduce((ends, each) => enter(each, 0, after, into) || ends, false);
    }
    return stay(path, at, 0, next, into);
  };

  /** Goes on inside a part that bytes are read by, or leaves it where it may end. */
  const stay = (path: Path, at: number, inner: number, next: Reading | null, into: Set<Reading>): boolean => {
    const part = path.parts[at]!;
    if (part.kind === "literal") {
      if (inner >= part.bytes.length) return enter(path, at + 1, next, into);
      into.add(read(path, at, inner, next));
      return false;
    }
    if (part.kind !== "text") return false;
    const { edges, isEnd } = part.exact.states[inner]!;
    if (edges.length > 0) into.add(read(path, at, inner, next));
    return isEnd && enter(path, at + 1, next, into);
  };

  const stateAfter = (into: ReadonlySet<Reading>, isEnd: boolean): Progress => {
    let leastBytes = isEnd ? 0 : Number.POSITIVE_INFINITY;
    let room = Number.POSITIVE_INFINITY;
    for (const reading of into) {
      leastBytes = Math.min(leastBytes, reading.leastBytes);
      room = Math.min(room, reading.room);
    }
    return { readings: [...into], isEnd, leastBytes, room };
  };

  const step = (progress: Progress, byte: number): Progress | null => {
    const into = new Set<Reading>();
    let isEnd = false;
    for (const { path, at, inner, next } of progress.readings) {
      const part = path.parts[at]!;
      if (part.kind === "literal") {
        if (part.bytes[inner] === byte) isEnd = stay(path, at, inner + 1, next, into) || isEnd;
      } else if (part.kind === "text") {
        const state = follow(part.exact, inner, byte);
        if (state >= 0) isEnd = stay(path, at, state, next, into) || isEnd;
      }
    }
    return into.size === 0 && !isEnd ? null : stateAfter(into, isEnd);
  };

  /** The one byte that may come next; -1 where there is a choice, or an end. */
  const onlyByte = ({ readings: open, isEnd }: Progress): number => {
    let only = -1;
    if (isEnd) return -1;
    for (const { path, at, inner } of open) {
      const part = path.parts[at]!;
      const edges = part.kind === "text" ? part.exact.states[inner]!.edges : [];
      const [edge] = edges;
      const byte =
        part.kind === "literal"
          ? part.bytes[inner]!
          : edges.length === 1 && edge!.from === edge!.to
            ? edge!.from
            : -1;
      if (byte < 0 || (only >= 0 && only !== byte)) return -1;
      only = byte;
    }
    return only;
  };

  const writeShortest = (path: Path, at: number, inner: number, out: number[]): void => {
    const part = path.parts[at];
    if (part === undefined) return;
    if (part.kind === "literal") out.push(...part.bytes.subarray(inner));
    else if (part.kind === "text") shortestWay(part.exact, inner, out);
    else {
      const least = Math.min(...part.paths.map((each) => each.leastFrom[0]!));
      writeShortest(part.paths.find((each) => each.leastFrom[0] === least)!, 0, 0, out);
    }
    writeShortest(path, at + 1, 0, out);
  };

  const begun = new Set<Reading>();
  let mayBeEmpty = false;
  for (const path of paths) mayBeEmpty = enter(path, 0, null, begun) || mayBeEmpty;
  return {
    start: stateAfter(begun, mayBeEmpty),
    advance: (progress, bytes) => {
      let at: Progress | null = progress;
      for (let i = 0; i < bytes.length && at !== null; i++) at = step(at, bytes[i]!);
      return at;
    },
    forced: (progress) => {
      const bytes: number[] = [];
      let after = progress;
      for (let byte = onlyByte(after); byte >= 0 && bytes.length < mostForced; byte = onlyByte(after)) {
        bytes.push(byte);
        after = step(after, byte)!;
      }
      return { bytes: Uint8Array.from(bytes), after };
    },
    dearestChoice: dearestOf(paths),
    shortest: ({ readings: open, isEnd, leastBytes }) => {
      const out: number[] = [];
      const best = isEnd ? null : open.find((reading) => reading.leastBytes === leastBytes);
      for (let at = best ?? null; at !== null; at = at.next) writeShortest(at.path, at.at, at.inner, out);
      return Uint8Array.from(out);
    },
  };
}

/** The largest difference between alternatives of one rule, in bytes. */
function dearestOf(paths: readonly Path[]): number {
  let dearest = 0;
  const seen = new Set<readonly Path[]>([paths]);
  for (const group of seen) {
    const least = group.map((path) => path.leastFrom[0]!);
    dearest = Math.max(dearest, Math.max(...least) - Math.min(...least));
    for (const part of group.flatMap((path) => path.parts)) if (part.kind === "rule") seen.add(part.paths);
  }
  return dearest;
}

/** Fewest bytes of a part, of which `inner` has come. */
function leastOf(part: TrackedPart, inner: number): number {
  switch (part.kind) {
    case "literal":
      return part.bytes.length - inner;
    case "text":
      return part.exact.states[inner]!.leastBytes;
    case "rule":
      return Math.min(...part.paths.map((path) => path.leastFrom[0]!));
  }
}

/** The same for room. */
function roomOf(part: TrackedPart, inner: number): number {
  switch (part.kind) {
    case "literal":
      return Number.POSITIVE_INFINITY;
    case "text":
      return part.room[inner]!;
    case "rule":
      return Math.min(...part.paths.map((path) => path.roomFrom[0]!));
  }
}

/** Lowers the entries of a list of every path to what `compute` makes of them, until none changes any more. */
function lower(
  paths: readonly Path[],
  compute: (path: Path, at: number) => number,
  list: "leastFrom" | "roomFrom",
): void {
  for (let isChanged = true; isChanged; ) {
    isChanged = false;
    // Rules call those behind them: from the last on a chain is done at once.
    for (const path of paths.toReversed())
      for (let at = path.parts.length - 1; at >= 0; at--) {
        const value = compute(path, at);
        if (value >= path[list][at]!) continue;
        path[list][at] = value;
        isChanged = true;
      }
  }
}

/** The alternatives of the root, with the fewest bytes of each part: a least fixed point, since rules may recur. */
function compilePaths(root: Rule): readonly Path[] {
  let id = 0;
  const rules = reachableRules(root);
  const pathsOf = new Map<Rule, Path[]>(rules.map((rule) => [rule, []]));
  const compile = (part: Part): TrackedPart => {
    if (part.kind === "literal") return { kind: "literal", bytes: utf8.encode(part.text) };
    return part.kind === "rule" ? { kind: "rule", paths: pathsOf.get(part.rule)! } : part;
  };
  for (const rule of rules)
    for (const parts of rule.alternatives) {
      const leastFrom = [...parts.map(() => Number.POSITIVE_INFINITY), 0];
      const roomFrom = leastFrom.map(() => Number.POSITIVE_INFINITY);
      pathsOf.get(rule)!.push({ id: id++, parts: parts.map(compile), leastFrom, roomFrom });
    }
  const all = [...pathsOf.values()].flat();
  lower(all, ({ parts, leastFrom }, at) => leastOf(parts[at]!, 0) + leastFrom[at + 1]!, "leastFrom");
  lower(
    all,
    ({ parts, roomFrom }, at) => Math.min(roomOf(parts[at]!, 0), leastOf(parts[at]!, 0) + roomFrom[at + 1]!),
    "roomFrom",
  );
  return pathsOf.get(root)!;
}
