import { capitalise, type WordRandom } from "../open-words.ts";
import {
  adjectives,
  appNames,
  cities,
  firstNames,
  heldOutPart,
  languages,
  nouns,
  rooms,
  verbs,
  type WordPool,
} from "../words.ts";
import { type Split, type ValueKind, valueKinds } from "./intent.ts";

/** Share of free values in training that are made up. */
const openShare = 0.78;

// Numbers are split by remainder, so that every split covers the whole range.
const remainders = 10;
const splitOfRemainder: { readonly [remainder: number]: Split } = { 3: "test", 8: "validation" };
const splitOfNumber = (n: number): Split => {
  // Tens change places, so that the last digit does not tell the split.
  return splitOfRemainder[(n + Math.floor(n / remainders) * 3) % remainders] ?? "train";
};

function drawNumber(random: WordRandom, split: Split, low: number, high: number): number {
  for (;;) {
    const n = low + random.integer(high - low + 1);
    if (splitOfNumber(n) === split) return n;
  }
}

/** `HH:MM`, split by the minute of the day. */
function drawTime(random: WordRandom, split: Split): string {
  // People mostly name round times.
  const step = random.next() < 0.7 ? 5 : 1;
  for (;;) {
    const minute = step * random.integer(1440 / step);
    if (splitOfNumber(Math.floor(minute / step)) !== split) continue;
    if (step === 1 && minute % 5 === 0) continue;
    return `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;
  }
}

function drawWord(random: WordRandom, split: Split, pool: WordPool, shape: (word: string) => string): string {
  if (split !== "train") return random.pick(heldOutPart(pool, split));
  return random.next() < openShare ? shape(random.drawWord()) : random.pick(pool.train);
}

const asIs = (word: string): string => word;

/** Free text: `pattern` names the pools word by word. */
function drawText(random: WordRandom, split: Split, patterns: readonly (readonly WordPool[])[]): string {
  return random
    .pick(patterns)
    .map((pool) => drawWord(random, split, pool, asIs))
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
  readonly [K in Exclude<ValueKind, "unit">]: (random: WordRandom, split: Split) => string;
} = {
  minutes: (random, split) => String(drawNumber(random, split, 1, random.next() < 0.7 ? 60 : 180)),
  percent: (random, split) => String(drawNumber(random, split, 0, 100)),
  amount: (random, split) => String(drawNumber(random, split, 1, random.pick([20, 100, 1000, 9999]))),
  time: drawTime,
  weekday: (random) =>
    random.pick(["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]),
  nearDay: (random) => random.pick(["today", "tomorrow"]),
  onOff: (random) => random.pick(["on", "off"]),
  fileKind: (random) => random.pick(["pdf", "image", "video"]),
  person: (random, split) => drawWord(random, split, firstNames, capitalise),
  city: (random, split) => drawWord(random, split, cities, capitalise),
  app: (random, split) => drawWord(random, split, appNames, capitalise),
  language: (random, split) => drawWord(random, split, languages, capitalise),
  room: (random, split) => drawWord(random, split, rooms, asIs),
  topic: (random, split) => drawText(random, split, topicPatterns),
  note: (random, split) => drawText(random, split, notePatterns),
  task: (random, split) => drawText(random, split, taskPatterns),
  title: (random, split) => drawText(random, split, titlePatterns),
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
  split: Split,
  slots: Readonly<Record<string, ValueKind>>,
): Record<string, string> {
  let units: string[] = [];
  const values: Record<string, string> = {};
  for (const [name, kind] of Object.entries(slots)) {
    if (kind === "unit") {
      if (units.length === 0) units = random.shuffle(random.pick(unitFamilies) as readonly string[]);
      values[name] = units.pop()!;
    } else values[name] = drawers[kind](random, split);
  }
  return values;
}

/** The kinds whose few values are the same everywhere. */
const listedKinds: readonly ValueKind[] = ["weekday", "nearDay", "onOff", "fileKind", "unit"];

/** The kinds whose values are free, so that they must differ between training and held-out data. */
export const freeKinds: ReadonlySet<ValueKind> = new Set(
  valueKinds.filter((kind) => !listedKinds.includes(kind)),
);
