/** What a slot of a phrase may hold; `values.ts` draws it. */
export const valueKinds = [
  "minutes",
  "percent",
  "amount",
  "time",
  "weekday",
  "nearDay",
  "onOff",
  "fileKind",
  "unit",
  "person",
  "city",
  "app",
  "language",
  "room",
  "topic",
  "note",
  "task",
  "title",
] as const;
export type ValueKind = (typeof valueKinds)[number];

/** How people ask for one tool. Phrases hold `{parameter}` where a value goes. */
export interface Intent {
  readonly tool: string;
  readonly slots: Readonly<Record<string, ValueKind>>;
  readonly train: readonly string[];
  /** Other sentences from the same words, for validation and test only. */
  readonly heldOut: readonly string[];
  /** Requests that leave out a required argument, and what to ask then. */
  readonly missing: {
    readonly train: readonly string[];
    readonly heldOut: readonly string[];
    readonly questions: readonly string[];
  };
  /** What the teacher says before it calls. */
  readonly leadIns: readonly string[];
  /** Final answers, with `{field}` of the tool's result. */
  readonly answers: readonly string[];
}

/** One phrase a line. */
export function lines(text: string): readonly string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line.length > 0);
}

/** The slots of a phrase, in order. */
export function slotsOf(phrase: string): string[] {
  return [...phrase.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!);
}

export function fillSlots(phrase: string, valueFor: (slot: string) => string): string {
  return phrase.replace(/\{(\w+)\}/g, (_, slot: string) => valueFor(slot));
}
