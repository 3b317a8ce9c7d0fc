/** Inclusive ranges of bytes, ascending, apart from each other. */
export type ByteRanges = readonly (readonly [from: number, to: number])[];

/**
 * A set of byte strings, as a term. Equal terms of one arena are one object, so that the derivatives of a pattern are
 * few and can be the states of an automaton.
 */
export interface Pattern {
  readonly id: number;
  readonly form: PatternForm;
  /** Whether the empty string is in the set. */
  readonly isNullable: boolean;
}

type PatternForm =
  | { readonly kind: "none" | "empty" }
  | { readonly kind: "bytes"; readonly ranges: ByteRanges }
  | { readonly kind: "sequence"; readonly head: Pattern; readonly tail: Pattern }
  | { readonly kind: "choice" | "both"; readonly parts: readonly Pattern[] }
  | { readonly kind: "not"; readonly part: Pattern }
  | {
      readonly kind: "repeat";
      readonly part: Pattern;
      readonly least: number;
      readonly most: number;
      /** Counted too far for a mask to be made for every count: see `widen`. */
      readonly isLoose: boolean;
    };

/**
 * Makes patterns. Source of the construction: Brzozowski 1964, "Derivatives of Regular Expressions"; Owens, Reppy and
 * Turon 2009, "Regular-expression derivatives re-examined".
 */
export interface PatternArena {
  readonly none: Pattern;
  readonly empty: Pattern;
  bytes(ranges: ByteRanges): Pattern;
  /** The UTF-8 bytes of `text`. */
  literal(text: string): Pattern;
  sequence(...parts: readonly Pattern[]): Pattern;
  choice(...parts: readonly Pattern[]): Pattern;
  /** What is in all of the parts. */
  both(...parts: readonly Pattern[]): Pattern;
  not(part: Pattern): Pattern;
  /** `least` to `most` times; by default as often as one likes. */
  repeat(part: Pattern, least?: number, most?: number): Pattern;
  /** What may follow `byte` in the pattern. */
  derivative(pattern: Pattern, byte: number): Pattern;
  /** Bytes at which `derivative` may change: it is the same between two neighbours. Ascending, 0 is one of them. */
  cuts(pattern: Pattern): readonly number[];
  /** The pattern with far counts left out: a superset whose automaton is small. */
  widen(pattern: Pattern): Pattern;
  /** How many terms were looked at so far: what patterns have cost, on any machine alike. */
  readonly work: number;
}

/** Counts up to here are cheap to enforce in a mask; a mask of a state in which any text may come takes 50 ms to make. */
const exactCount = 4;
/** A repeated part that few bytes can begin is cheap to count: most tokens fail at once. */
const fewBytes = 32;

/** Results that are remembered before a table begins anew: a Map holds 16 million. */
const mostRemembered = 2_000_000;

const utf8 = new TextEncoder();

export function createPatternArena(): PatternArena {
  let work = 0;
  const known = new Map<string, Pattern>();
  const derived = new Map<number, Pattern>();
  const cutsOf = new Map<number, readonly number[]>();
  const widened = new Map<number, Pattern>();

  const make = (key: string, form: PatternForm, isNullable: boolean): Pattern => {
    let found = known.get(key);
    if (found === undefined) {
      found = { id: known.size, form, isNullable };
      known.set(key, found);
    }
    return found;
  };
  const memo = <T>(table: Map<number, T>, key: number, compute: () => T): T => {
    const found = table.get(key);
    if (found !== undefined) return found;
    work++;
    const value = compute();
    if (table.size >= mostRemembered) table.clear();
    table.set(key, value);
    return value;
  };

  const none = make("none", { kind: "none" }, false);
  const empty = make("empty", { kind: "empty" }, true);

  const bytes = (ranges: ByteRanges): Pattern =>
    ranges.length === 0 ? none : make(`b${ranges.join(";")}`, { kind: "bytes", ranges }, false);

  const pair = (head: Pattern, tail: Pattern): Pattern => {
    if (head === none || tail === none) return none;
    if (head === empty) return tail;
    if (tail === empty) return head;
    if (head.form.kind === "sequence") return pair(head.form.head, pair(head.form.tail, tail));
    return make(
      `s${head.id},${tail.id}`,
      { kind: "sequence", head, tail },
      head.isNullable && tail.isNullable,
    );
  };
  const sequence = (...parts: readonly Pattern[]): Pattern =>
    parts.reduceRight((tail, head) => pair(head, tail), empty);

  const not = (part: Pattern): Pattern =>
    part.form.kind === "not" ? part.form.part : make(`n${part.id}`, { kind: "not", part }, !part.isNullable);
  const all = not(none);

  const group = (
    kind: "choice" | "both",
    parts: readonly Pattern[],
    neutral: Pattern,
    absorbing: Pattern,
  ): Pattern => {
    const flat = parts.flatMap((part) => (part.form.kind === kind ? part.form.parts : [part]));
    work += flat.length;
    const members = [...new Set(flat)].filter((part) => part !== neutral).sort((a, b) => a.id - b.id);
    if (members.includes(absorbing)) return absorbing;
    if (members.length < 2) return members[0] ?? neutral;
    const isNullable =
      kind === "choice" ? members.some((part) => part.isNullable) : members.every((part) => part.isNullable);
    return make(`${kind}${members.map((part) => part.id).join(",")}`, { kind, parts: members }, isNullable);
  };
  const choice = (...parts: readonly Pattern[]): Pattern => group("choice", parts, none, all);
  const both = (...parts: readonly Pattern[]): Pattern => group("both", parts, all, none);

  const beginsBroadly = (part: Pattern): boolean => {
    const starts = cuts(part);
    const width = starts.reduce((sum, from, i) => {
      return derivative(part, from) === none ? sum : sum + (starts[i + 1] ?? 256) - from;
    }, 0);
    return width > fewBytes;
  };

  const counted = (part: Pattern, least: number, most: number, isLoose: boolean): Pattern => {
    if (most === 0 || part === empty || part === none) return most > 0 && least > 0 ? part : empty;
    if (least === 1 && most === 1) return part;
    const from = part.isNullable ? 0 : least;
    return make(
      `r${part.id},${from},${most},${isLoose}`,
      { kind: "repeat", part, least: from, most, isLoose },
      from === 0,
    );
  };
  const repeat = (part: Pattern, least = 0, most = Number.POSITIVE_INFINITY): Pattern => {
    const isFar = least > exactCount || (Number.isFinite(most) && most > exactCount);
    return counted(part, least, most, isFar && beginsBroadly(part));
  };

  const isIn = (ranges: ByteRanges, byte: number): boolean =>
    ranges.some(([from, to]) => from <= byte && byte <= to);

  const derive = ({ form }: Pattern, byte: number): Pattern => {
    switch (form.kind) {
      case "none":
      case "empty":
        return none;
      case "bytes":
        return isIn(form.ranges, byte) ? empty : none;
      case "sequence": {
        const first = pair(derivative(form.head, byte), form.tail);
        return form.head.isNullable ? choice(first, derivative(form.tail, byte)) : first;
      }
      case "choice":
        return choice(...form.parts.map((part) => derivative(part, byte)));
      case "both":
        return both(...form.parts.map((part) => derivative(part, byte)));
      case "not":
        return not(derivative(form.part, byte));
      case "repeat": {
        const rest = counted(form.part, Math.max(form.least - 1, 0), form.most - 1, form.isLoose);
        return pair(derivative(form.part, byte), rest);
      }
    }
  };
  const derivative = (pattern: Pattern, byte: number): Pattern =>
    memo(derived, pattern.id * 256 + byte, () => derive(pattern, byte));

  const findCuts = ({ form }: Pattern): readonly number[] => {
    switch (form.kind) {
      case "none":
      case "empty":
        return [0];
      case "bytes":
        return [0, ...form.ranges.flatMap(([from, to]) => [from, to + 1])];
      case "sequence":
        return form.head.isNullable ? [...cuts(form.head), ...cuts(form.tail)] : cuts(form.head);
      case "choice":
      case "both":
        return form.parts.flatMap((part) => [...cuts(part)]);
      case "not":
      case "repeat":
        return cuts(form.part);
    }
  };
  const cuts = (pattern: Pattern): readonly number[] =>
    memo(cutsOf, pattern.id, () =>
      [...new Set(findCuts(pattern))].filter((cut) => cut < 256).sort((a, b) => a - b),
    );

  const rebuild = (pattern: Pattern): Pattern => {
    const { form } = pattern;
    switch (form.kind) {
      case "sequence": {
        // Long texts are long sequences, longer than the stack.
        const heads = [form.head];
        let rest = form.tail;
        for (; rest.form.kind === "sequence"; rest = rest.form.tail) heads.push(rest.form.head);
        return heads.reduceRight((tail, head) => pair(widen(head), tail), widen(rest));
      }
      case "choice":
        return choice(...form.parts.map(widen));
      case "both":
        return both(...form.parts.map(widen));
      case "repeat":
        return form.isLoose
          ? counted(widen(form.part), 0, Number.POSITIVE_INFINITY, false)
          : counted(widen(form.part), form.least, form.most, false);
      // A wider part would make its complement narrower.
      case "not":
      case "bytes":
      case "none":
      case "empty":
        return pattern;
    }
  };
  const widen = (pattern: Pattern): Pattern => memo(widened, pattern.id, () => rebuild(pattern));

  return {
    none,
    empty,
    bytes,
    literal: (text) => sequence(...[...utf8.encode(text)].map((byte) => bytes([[byte, byte]]))),
    sequence,
    choice,
    both,
    not,
    repeat,
    derivative,
    cuts,
    widen,
    get work() {
      return work;
    },
  };
}
