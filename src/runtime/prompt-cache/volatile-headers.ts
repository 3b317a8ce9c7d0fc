import type { ChatMessage } from "../../tools/types.ts";
import type { VolatileHeader } from "./types.ts";

/** Sees one prompt after the other and names the text that changes between otherwise equal system prompts. */
export interface VolatileHeaders {
  observe(messages: readonly ChatMessage[]): void;
  readonly found: readonly VolatileHeader[];
}

const calendarWord =
  /^\W*(?:mon|tues|wednes|thurs|fri|satur|sun)day\W*$|^\W*(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:tember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\W*$|^\W*(?:[ap]\.?m\.?|utc|gmt)\W*$/i;

/** Clocks, dates, counters and ids have a digit in them or are words of the calendar; words of a language do not. */
const mayChange = (word: string): boolean => /\d/.test(word) || calendarWord.test(word);

/** The first that matches names a changed text. */
const kinds: readonly (readonly [VolatileHeader["kind"], RegExp])[] = [
  ["uuid", /[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}/i],
  ["date", /\d{4}-\d{2}-\d{2}|\d{1,2}[./]\d{1,2}[./]\d{2,4}/],
  ["time", /\d{1,2}:\d{2}|\b\d{1,2} ?[ap]\.?m\b/i],
  ["number", /^\W*\d[\d.,]*\W*$/],
];

function kindOf(text: string): VolatileHeader["kind"] {
  if (text.split(" ").some((word) => calendarWord.test(word))) return /\d:\d/.test(text) ? "time" : "date";
  return kinds.find(([, pattern]) => pattern.test(text))?.[0] ?? "id";
}

/** System prompts whose last words are remembered, and headers that are named: the latest of each. */
const mostRemembered = 64;

/** Keeps a map from growing: the entry set longest ago goes. */
function setLast<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= mostRemembered) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}

export function createVolatileHeaders(): VolatileHeaders {
  /** By the words that cannot change: the words that can, as they last stood. */
  const lastWords = new Map<string, readonly string[]>();
  const found = new Map<string, VolatileHeader>();

  const compare = (message: number, role: ChatMessage["role"], content: string): void => {
    const words = content.split(/\s+/);
    const skeleton = words.map((word) => (mayChange(word) ? "\0" : word)).join(" ");
    const name = `${message} ${skeleton}`;
    const before = lastWords.get(name);
    setLast(lastWords, name, words);
    if (before === undefined) return;
    for (let start = 0, end = 0; start < words.length; start = end) {
      end = start + 1;
      if (!mayChange(words[start] as string)) continue;
      // A date of several words is one header, though its month may have stayed.
      while (end < words.length && mayChange(words[end] as string)) end++;
      const text = words.slice(start, end).join(" ");
      const previous = before.slice(start, end).join(" ");
      if (text === previous) continue;
      const place = `${start} ${name}`;
      const changes = (found.get(place)?.changes ?? 0) + 1;
      setLast(found, place, { message, role, kind: kindOf(text), text, previous, changes });
    }
  };

  return {
    observe: (messages) => {
      for (const [i, { role, content }] of messages.entries()) {
        if (role !== "system") return; // only what comes before every turn costs all that follows
        if (content !== null) compare(i, role, content);
      }
    },
    get found() {
      return [...found.values()];
    },
  };
}
