import { type Token, verbatim, words } from "./tokens.ts";

const months = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

/** Units in words, one and many. */
const units: Readonly<Record<string, readonly [one: string, many: string]>> = {
  ns: ["nanosecond", "nanoseconds"],
  µs: ["microsecond", "microseconds"],
  μs: ["microsecond", "microseconds"],
  us: ["microsecond", "microseconds"],
  ms: ["millisecond", "milliseconds"],
  s: ["second", "seconds"],
  sec: ["second", "seconds"],
  d: ["day", "days"],
  fps: ["frame per second", "frames per second"],
  min: ["minute", "minutes"],
  mins: ["minute", "minutes"],
  h: ["hour", "hours"],
  hr: ["hour", "hours"],
  hrs: ["hour", "hours"],
  B: ["byte", "bytes"],
  kB: ["kilobyte", "kilobytes"],
  KB: ["kilobyte", "kilobytes"],
  MB: ["megabyte", "megabytes"],
  GB: ["gigabyte", "gigabytes"],
  TB: ["terabyte", "terabytes"],
  KiB: ["kibibyte", "kibibytes"],
  MiB: ["mebibyte", "mebibytes"],
  GiB: ["gibibyte", "gibibytes"],
  TiB: ["tebibyte", "tebibytes"],
  Mbps: ["megabit per second", "megabits per second"],
  Gbps: ["gigabit per second", "gigabits per second"],
  Hz: ["hertz", "hertz"],
  kHz: ["kilohertz", "kilohertz"],
  MHz: ["megahertz", "megahertz"],
  GHz: ["gigahertz", "gigahertz"],
  px: ["pixel", "pixels"],
  mm: ["millimetre", "millimetres"],
  cm: ["centimetre", "centimetres"],
  km: ["kilometre", "kilometres"],
  m: ["metre", "metres"],
  g: ["gram", "grams"],
  kg: ["kilogram", "kilograms"],
  W: ["watt", "watts"],
  kW: ["kilowatt", "kilowatts"],
  V: ["volt", "volts"],
  "°C": ["degree Celsius", "degrees Celsius"],
  "°F": ["degree Fahrenheit", "degrees Fahrenheit"],
  "°": ["degree", "degrees"],
  "%": ["percent", "percent"],
  k: ["thousand", "thousand"],
  K: ["thousand", "thousand"],
  M: ["million", "million"],
  bn: ["billion", "billion"],
  x: ["times", "times"],
  "×": ["times", "times"],
};
/** Rates, as in "30 MB/s". */
const perUnits: Readonly<Record<string, string>> = { s: "second", min: "minute", h: "hour", sec: "second" };

const currencies: Readonly<Record<string, readonly [one: string, many: string]>> = {
  $: ["dollar", "dollars"],
  "€": ["euro", "euros"],
  "£": ["pound", "pounds"],
  "¥": ["yen", "yen"],
};
const magnitudes: Readonly<Record<string, string>> = {
  k: " thousand",
  K: " thousand",
  M: " million",
  B: " billion",
};

/** Signs before a number, in words. */
const signs: Readonly<Record<string, string>> = {
  "-": "minus ",
  "−": "minus ",
  "+": "plus ",
  "~": "about ",
  "≈": "about ",
  "±": "plus or minus ",
  "<": "less than ",
  ">": "more than ",
  "<=": "at most ",
  ">=": "at least ",
  "≤": "at most ",
  "≥": "at least ",
  "#": "number ",
  "": "",
};

const operators: Readonly<Record<string, string>> = {
  "*": " times ",
  "×": " times ",
  "·": " times ",
  "**": " to the power of ",
  "^": " to the power of ",
  "+": " plus ",
  "-": " minus ",
  "−": " minus ",
  "/": " divided by ",
  "=": " equals ",
  "==": " equals ",
  "<": " is less than ",
  ">": " is more than ",
  "<=": " is at most ",
  ">=": " is at least ",
  "≤": " is at most ",
  "≥": " is at least ",
  "!=": " is not ",
};

const isoDate =
  /^(\d{4})-(0[1-9]|1[0-2])-([0-2]\d|3[01])(?:[T](\d\d:\d\d)(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?$/;
const plainNumber = /^\d+(?:[.,]\d+)*$/;
const signed = /^(<=|>=|[-−+~≈±<>≤≥#]?)([$€£¥]?)(\d+(?:[.,]\d+)*)(.*)$/su;
const range = /^(\d+(?:[.,]\d+)*)(?:-|–|—|\.\.\.?|…)(\d+(?:[.,]\d+)*)(.*)$/su;
const size = /^(\d+)[x×](\d+)$/;
const versionOrTime =
  /^(?:v?\d+(?:\.\d+){2,}(?:[-+][\w.-]+)?|v\d+(?:\.\d+)*(?:[-+][\w.-]+)?|\d+(?:\.\d+)+[-+][a-z][\w.-]*|\d{1,2}:\d\d(?::\d\d)?(?:\.\d+)?|0x[0-9a-fA-F]+|\d+(?:\.\d+)?e[-+]?\d+|\d{1,4}\/\d{1,4}(?:\/\d{2,4})?)$/;
const arithmetic =
  /^(?:\d+(?:\.\d+)?|[a-zA-Z])(?:(?:\*\*|[<>!=]=|[-−+*×·/^=<>≤≥])(?:\d+(?:\.\d+)?|[a-zA-Z]))+$/u;
const operator = /(\*\*|[<>!=]=|[-−+*×·/^=<>≤≥])/u;

function unitTokens(unit: string, amount: string): readonly Token[] | undefined {
  if (unit === "") return [];
  const [name = "", per] = unit.split("/");
  const known = Object.hasOwn(units, name) ? units[name] : undefined;
  if (known === undefined) return undefined;
  const spoken = ` ${amount === "1" ? known[0] : known[1]}`;
  if (per === undefined) return [words(spoken)];
  return Object.hasOwn(perUnits, per) ? [words(`${spoken} per ${perUnits[per]}`)] : undefined;
}

function dateTokens([, year = "", month = "", day = "", time]: RegExpExecArray): readonly Token[] {
  const date = [verbatim(String(Number(day))), words(` ${months[Number(month) - 1] ?? ""} `), verbatim(year)];
  return time === undefined ? date : [...date, words(" at "), verbatim(time)];
}

function arithmeticTokens(text: string): readonly Token[] {
  return text
    .split(operator)
    .map((part, i) => (i % 2 === 1 ? words(operators[part] ?? ` ${part} `) : verbatim(part)));
}

/** Words for numbers, dates, amounts, versions, ranges and sums; undefined for anything else. */
export function numberTokens(text: string): readonly Token[] | undefined {
  if (plainNumber.test(text) || versionOrTime.test(text)) return [verbatim(text)];
  const date = isoDate.exec(text);
  if (date) return dateTokens(date);
  const between = range.exec(text);
  if (between) {
    const [, from = "", to = "", unit = ""] = between;
    const unitWords = unitTokens(unit, to);
    if (unitWords) return [verbatim(from), words(" to "), verbatim(to), ...unitWords];
  }
  const sides = size.exec(text);
  if (sides) return [verbatim(sides[1] ?? ""), words(" by "), verbatim(sides[2] ?? "")];
  const changed = /^\+(\d+)\/[-−](\d+)$/.exec(text);
  if (changed)
    return [verbatim(changed[1] ?? ""), words(" added, "), verbatim(changed[2] ?? ""), words(" removed")];
  const amount = signed.exec(text);
  if (amount) {
    const [, sign = "", currency = "", number = "", rest = ""] = amount;
    const before = signs[sign] ? [words(signs[sign])] : [];
    if (currency !== "") {
      const magnitude = rest === "" ? "" : magnitudes[rest];
      const [one = "", many = ""] = currencies[currency] ?? [];
      const isOne = number === "1" && magnitude === "";
      if (magnitude !== undefined)
        return [...before, verbatim(number), words(`${magnitude} ${isOne ? one : many}`)];
    } else {
      const unitWords = unitTokens(rest, number);
      if (unitWords) return [...before, verbatim(number), ...unitWords];
    }
  }
  return arithmetic.test(text) && /[\d*+=^×]/.test(text) && !/^[a-zA-Z][-/][a-zA-Z]$/.test(text)
    ? arithmeticTokens(text)
    : undefined;
}

/** The words of a unit that stands alone after a number, as in "12 ms"; undefined where it is none. */
export function unitAfterNumber(text: string, amount: string): readonly Token[] | undefined {
  // Single letters after a number are units too rarely.
  if (text.length < 2 && !/^[%s€$£¥]$/.test(text)) return undefined;
  if (["min", "x", "us"].includes(text)) return undefined;
  const currency = Object.hasOwn(currencies, text) ? currencies[text] : undefined;
  if (currency !== undefined) return [words(amount === "1" ? currency[0] : currency[1])];
  return unitTokens(text, amount)?.map((token) => words(token.text.trimStart()));
}
