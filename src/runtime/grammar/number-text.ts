import type { Pattern, PatternArena } from "./pattern.ts";

/** Bounds of a number, as JSON Schema gives them. */
export interface NumberBounds {
  readonly minimum?: number | undefined;
  readonly maximum?: number | undefined;
  readonly exclusiveMinimum?: number | undefined;
  readonly exclusiveMaximum?: number | undefined;
}

/** Every whole number of up to 15 digits is a double of its own, and so is every decimal fraction of that length. */
const exactDigits = 15;

/**
 * Numbers in decimal digits. Without bounds a fraction of up to 20 digits and an exponent of up to two may follow: so
 * no number overflows. Within bounds all is written out in at most 15 digits, so that the double which a reader makes
 * of them lies on the same side of every bound as the digits do. Returns null where a bound has too many digits itself.
 */
export function numberPattern(
  arena: PatternArena,
  { isInteger, bounds }: { readonly isInteger: boolean; readonly bounds: NumberBounds },
): Pattern | null {
  const { bytes, literal, sequence, choice, both, repeat, empty, none } = arena;
  const digit = bytes([[0x30, 0x39]]);
  const nonZero = bytes([[0x31, 0x39]]);
  const whole = choice(literal("0"), sequence(nonZero, repeat(digit, 0, exactDigits - 1)));
  const minus = literal("-");

  /** Digits from `from` to `to`. */
  const digits = (from: number, to: number): Pattern =>
    from > to ? none : bytes([[0x30 + from, 0x30 + to]]);

  /** Digits of fixed length that are above or below `given`, and not equal to it. */
  const beside = (given: string, side: "above" | "below", first: number): Pattern =>
    choice(
      ...[...given].map((text, i) => {
        const at = Number(text);
        const own = side === "above" ? digits(at + 1, 9) : digits(i === 0 ? first : 0, at - 1);
        return sequence(
          literal(given.slice(0, i)),
          own,
          repeat(digit, given.length - i - 1, given.length - i - 1),
        );
      }),
    );

  /** Fractions, point included, beside the digits of `given`; an absent fraction is zero. */
  const fractionBeside = (given: string, side: "above" | "below", withEqual: boolean): Pattern => {
    const rest = repeat(digit);
    const zeros = repeat(literal("0"));
    const longer = [...given].map((text, i) => {
      const at = Number(text);
      const own = side === "above" ? digits(at + 1, 9) : digits(0, at - 1);
      return sequence(literal(given.slice(0, i)), own, rest);
    });
    const more = side === "above" ? sequence(literal(given), zeros, nonZero, rest) : none;
    // Shorter than given and equal so far: below it, as trailing zeros of `given` are cut off.
    const shorter = side === "below" ? [...given].slice(1).map((_, i) => literal(given.slice(0, i + 1))) : [];
    const equal = withEqual ? sequence(literal(given), given === "" ? repeat(literal("0"), 1) : zeros) : none;
    const absent = given === "" ? withEqual : side === "below";
    return choice(sequence(literal("."), choice(...longer, more, ...shorter, equal)), absent ? empty : none);
  };

  /** Digits of no sign above or below a bound ≥ 0. */
  const magnitude = (bound: number, side: "above" | "below", withEqual: boolean): Pattern | null => {
    const [head = "", tail = ""] = String(bound).split(".");
    if (!/^\d{1,15}$/.test(head) || !/^\d*$/.test(tail) || head.length + tail.length > exactDigits)
      return null;
    const anyFraction = isInteger ? empty : choice(empty, sequence(literal("."), repeat(digit, 1)));
    const sameHead = isInteger
      ? (side === "below" ? tail !== "" : false) || (withEqual && tail === "")
        ? literal(head)
        : none
      : sequence(literal(head), fractionBeside(tail, side, withEqual));
    const longer =
      side === "above"
        ? head.length < exactDigits
          ? sequence(nonZero, repeat(digit, head.length, exactDigits - 1))
          : none
        : choice(
            head.length > 1 ? literal("0") : none,
            head.length > 1 ? sequence(nonZero, repeat(digit, 0, head.length - 2)) : none,
          );
    const first = head.length > 1 ? 1 : 0;
    return choice(sequence(choice(longer, beside(head, side, first)), anyFraction), sameHead);
  };

  const plain = isInteger ? whole : sequence(whole, choice(empty, sequence(literal("."), repeat(digit, 1))));
  const signed = sequence(choice(minus, empty), plain);
  const fromBelow = (bound: number, withEqual: boolean): Pattern | null => {
    if (Math.abs(bound) >= 10 ** exactDigits) return bound < 0 ? signed : none;
    if (bound === 0 && withEqual) return plain;
    if (bound >= 0) return magnitude(bound, "above", withEqual);
    const below = magnitude(-bound, "below", withEqual);
    return below && choice(plain, sequence(minus, below));
  };
  const fromAbove = (bound: number, withEqual: boolean): Pattern | null => {
    if (Math.abs(bound) >= 10 ** exactDigits) return bound > 0 ? signed : none;
    if (bound > 0) {
      const below = magnitude(bound, "below", withEqual);
      return below && choice(sequence(minus, plain), below);
    }
    const above = magnitude(-bound, "above", withEqual);
    return above && choice(sequence(minus, above), bound === 0 && withEqual ? literal("0") : none);
  };

  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = bounds;
  const limits = [
    minimum === undefined ? undefined : fromBelow(minimum, true),
    exclusiveMinimum === undefined ? undefined : fromBelow(exclusiveMinimum, false),
    maximum === undefined ? undefined : fromAbove(maximum, true),
    exclusiveMaximum === undefined ? undefined : fromAbove(exclusiveMaximum, false),
  ].filter((limit) => limit !== undefined);
  if (limits.length > 0) {
    const digitOrPoint = choice(digit, literal("."));
    const short = sequence(choice(minus, empty), repeat(digitOrPoint, 1, exactDigits + 1));
    const shortEnough = isInteger ? limits : [...limits, short];
    return shortEnough.some((limit) => limit === null)
      ? null
      : both(...shortEnough.filter((limit) => limit !== null));
  }
  if (isInteger) return sequence(choice(minus, empty), whole);
  const fraction = sequence(literal("."), repeat(digit, 1, 20));
  const exponent = sequence(
    choice(literal("e"), literal("E")),
    choice(literal("+"), minus, empty),
    repeat(digit, 1, 2),
  );
  return sequence(choice(minus, empty), whole, choice(fraction, empty), choice(exponent, empty));
}
