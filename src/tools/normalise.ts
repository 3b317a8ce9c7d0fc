import { canonicalJson, type Json } from "../base/json.ts";
import type { JsonObject, ToolCall } from "./types.ts";

/**
 * The lax form of argument values: the one place that says when two values mean the same. Case, white space, punctuation
 * at the ends, the way a number, a time or a date is written, and nulls do not count; everything else does.
 */

const months = "january february march april may june july august september october november december".split(
  " ",
);
const endPunctuation = /^[\s.,;:!?"'`()[\]{}…“”‘’]+|[\s.,;:!?"'`()[\]{}…“”‘’]+$/gu;

const twoDigits = (n: number): string => String(n).padStart(2, "0");

/** `1,000`, `5.0`, `+7`; more than 15 digits stay text, since a number could not hold them. */
function readNumber(text: string): number | null {
  if (!/^[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?$|^[+-]?\.\d+$/.test(text)) return null;
  const plain = text.replaceAll(",", "");
  return plain.replace(/\D/g, "").length > 15 ? null : Number(plain);
}

/** `7:30`, `07:30:00`, `7.30 pm`, `7 a.m.` as `HH:MM` (`HH:MM:SS` where the seconds are not zero). */
function readTime(text: string): string | null {
  const match = /^(\d{1,2})(?:[:.](\d{2}))?(?::(\d{2}))?\s*([ap])?\.?(m)?\.?$/.exec(text);
  if (match === null) return null;
  const [, hourText = "", minuteText, secondText = "00", half, m] = match;
  if ((half === undefined) !== (m === undefined)) return null;
  // A bare number is a number, and `7.30` without am or pm might be one.
  if (half === undefined && (minuteText === undefined || !text.includes(":"))) return null;
  let hour = Number(hourText);
  const minute = Number(minuteText ?? "0");
  if (half !== undefined) {
    if (hour < 1 || hour > 12) return null;
    hour = (hour % 12) + (half === "p" ? 12 : 0);
  }
  if (hour > 23 || minute > 59 || Number(secondText) > 59) return null;
  return `${twoDigits(hour)}:${twoDigits(minute)}${secondText === "00" ? "" : `:${secondText}`}`;
}

function isoDate(year: string, month: number, day: number): string | null {
  const date = new Date(Date.UTC(Number(year), month - 1, day));
  const isReal = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return isReal ? `${year}-${twoDigits(month)}-${twoDigits(day)}` : null;
}

function monthOf(name: string): number {
  return name.length < 3 ? 0 : months.findIndex((month) => month.startsWith(name)) + 1;
}

/** `2024/1/5`, `5 jan 2024`, `january 5th, 2024` as `YYYY-MM-DD`. `5/1/2024` stays: its order is not known. */
function readDate(text: string): string | null {
  const year = /^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})$/.exec(text);
  if (year !== null) return isoDate(year[1]!, Number(year[2]), Number(year[3]));
  const dayFirst = /^(\d{1,2})(?:st|nd|rd|th)?(?: of)? ([a-z]+)\.?,? (\d{4})$/.exec(text);
  if (dayFirst !== null) return isoDate(dayFirst[3]!, monthOf(dayFirst[2]!), Number(dayFirst[1]));
  const monthFirst = /^([a-z]+)\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})$/.exec(text);
  if (monthFirst !== null) return isoDate(monthFirst[3]!, monthOf(monthFirst[1]!), Number(monthFirst[2]));
  return null;
}

function normaliseText(text: string): Json {
  const plain = text.normalize("NFKC").toLowerCase().replace(/\s+/gu, " ").trim();
  const read = (candidate: string): Json | null =>
    readNumber(candidate) ?? readTime(candidate) ?? readDate(candidate);
  const direct = read(plain);
  if (direct !== null) return direct;
  const bare = plain.replace(endPunctuation, "");
  // Text that is nothing but punctuation keeps it: it is all there is to compare.
  return bare.length === 0 ? plain : (read(bare) ?? bare);
}

/** The lax form of any value. Nulls inside objects are dropped; lists keep their order. */
export function normaliseValue(value: Json): Json {
  if (typeof value === "string") return normaliseText(value);
  if (typeof value === "number") return Object.is(value, -0) ? 0 : value;
  if (Array.isArray(value)) return (value as readonly Json[]).map(normaliseValue);
  if (value !== null && typeof value === "object") return normaliseArguments(value as JsonObject);
  return value;
}

/** Arguments with lax values; those that are null are as if not given. */
export function normaliseArguments(args: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(args)
      .filter(([, value]) => value !== null)
      .map(([name, value]) => [name, normaliseValue(value)]),
  );
}

/** Whether two values mean the same. */
export function isSameValue(a: Json, b: Json): boolean {
  return canonicalJson(normaliseValue(a)) === canonicalJson(normaliseValue(b));
}

/** One text for all calls that mean the same: name and lax arguments. */
export function callKey(call: ToolCall): string {
  return `${call.name} ${canonicalJson(normaliseArguments(call.arguments))}`;
}
