import { capitalise, type WordRandom } from "../open-words.ts";
import { adjectives, appNames, cities, firstNames, languages, nouns, rooms, verbs } from "../words.ts";
import { type ValueKind, valueKinds } from "./intent.ts";

/** Where values come from: training sees made-up words and one part of the real ones, everything else the other part. */
export type ValueSource = "train" | "heldOut";

/** Share of free values in training that are made up. */
const openShare = 0.78;

interface WordPool {
  readonly train: readonly string[];
  readonly heldOut: readonly string[];
}

// Numbers and times are split by remainder, so that both sides cover the whole range.
const isHeldOutNumber = (n: number): boolean => n % 5 === 3;

function drawNumber(random: WordRandom, source: ValueSource, low: number, high: number): number {
  for (;;) {
    const n = low + random.integer(high - low + 1);
    if (isHeldOutNumber(n) === (source === "heldOut")) return n;
  }
}

/** `HH:MM`, split by the minute of the day. */
function drawTime(random: WordRandom, source: ValueSource): string {
  // People mostly name round times.
  const step = random.next() < 0.7 ? 5 : 1;
  for (;;) {
    const minute = step * random.integer(1440 / step);
    if (isHeldOutNumber(Math.floor(minute / step)) !== (source === "heldOut")) continue;
    if (step === 1 && minute % 5 === 0) continue;
    return `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;
  }
}

function drawWord(
  random: WordRandom,
  source: ValueSource,
  pool: WordPool,
  shape: (word: string) => string,
): string {
  if (source === "heldOut") return random.pick(pool.heldOut);
  return random.next() < openShare ? shape(random.drawWord()) : random.pick(pool.train);
}

const asIs = (word: string): string => word;

/** Free text: `pattern` names the pools word by word. */
function drawText(
  random: WordRandom,
  source: ValueSource,
  patterns: readonly (readonly WordPool[])[],
): string {
  return random
    .pick(patterns)
    .map((pool) => drawWord(random, source, pool, asIs))
    .join(" ");
}

// A call must be complete within 25 tokens, so texts are short, as spoken ones are.
const topicPatterns = [
  [nouns],
  [nouns],
  [nouns],
  [adjectives, nouns],
  [adjectives, nouns],
  [nouns, nouns],
  [adjectives, nouns, nouns],
];
const notePatterns = [
  [verbs, nouns],
  [verbs, nouns],
  [verbs, nouns],
  [nouns],
  [nouns, nouns],
  [verbs, adjectives, nouns],
];
const taskPatterns = [[verbs, nouns], [verbs, nouns], [verbs, nouns], [verbs]];
const titlePatterns = [[nouns], [nouns], [adjectives, nouns]];

const drawers: {
  readonly [K in Exclude<ValueKind, "unit">]: (random: WordRandom, source: ValueSource) => string;
} = {
  minutes: (random, source) => String(drawNumber(random, source, 1, random.next() < 0.7 ? 60 : 180)),
  percent: (random, source) => String(drawNumber(random, source, 0, 100)),
  amount: (random, source) => String(drawNumber(random, source, 1, random.pick([20, 100, 1000, 9999]))),
  time: drawTime,
  weekday: (random) =>
    random.pick(["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]),
  nearDay: (random) => random.pick(["today", "tomorrow"]),
  onOff: (random) => random.pick(["on", "off"]),
  fileKind: (random) => random.pick(["pdf", "image", "video"]),
  person: (random, source) => drawWord(random, source, firstNames, capitalise),
  city: (random, source) => drawWord(random, source, cities, capitalise),
  app: (random, source) => drawWord(random, source, appNames, capitalise),
  language: (random, source) => drawWord(random, source, languages, capitalise),
  room: (random, source) => drawWord(random, source, rooms, asIs),
  topic: (random, source) => drawText(random, source, topicPatterns),
  note: (random, source) => drawText(random, source, notePatterns),
  task: (random, source) => drawText(random, source, taskPatterns),
  title: (random, source) => drawText(random, source, titlePatterns),
};

const unitFamilies = [
  ["km", "mi", "m", "ft"],
  ["kg", "lb", "g", "oz"],
  ["l", "gal"],
  ["celsius", "fahrenheit"],
] as const;

/** Draws a value for each slot, as it stands in the request. Two units are of one family and differ. */
export function drawValues(
  random: WordRandom,
  source: ValueSource,
  slots: Readonly<Record<string, ValueKind>>,
): Record<string, string> {
  let units: string[] = [];
  const values: Record<string, string> = {};
  for (const [name, kind] of Object.entries(slots)) {
    if (kind === "unit") {
      if (units.length === 0) units = random.shuffle(random.pick(unitFamilies) as readonly string[]);
      values[name] = units.pop()!;
    } else values[name] = drawers[kind](random, source);
  }
  return values;
}

/** The kinds whose few values are the same everywhere. */
const listedKinds: readonly ValueKind[] = ["weekday", "nearDay", "onOff", "fileKind", "unit"];

/** The kinds whose values are free, so that they must differ between training and held-out data. */
export const freeKinds: ReadonlySet<ValueKind> = new Set(
  valueKinds.filter((kind) => !listedKinds.includes(kind)),
);
