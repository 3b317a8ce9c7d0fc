import { monotonicMs } from "#limbeck/measure/clock.js";
import { median, percentile } from "#limbeck/measure/statistics.js";
import { openApertium } from "#limbeck/speech/translate/apertium.js";
import type { TranslationEngine } from "#limbeck/speech/translate/engine.js";
import { translateSegment } from "#limbeck/speech/translate/guard.js";
import { defaultLimits, limitEngine } from "#limbeck/speech/translate/limits.js";
import type { Direction, Segment } from "#limbeck/speech/types.js";
import { type Benchmark, lookAround, lookBack, note, table } from "./benchmark.ts";

const direction: Direction = { source: "en", target: "es" };
const signal = new AbortController().signal;

/** What an agent says, by length; names and numbers between bars stay as they are. */
const sentences = {
  short: ["Done.", "The tests pass.", "Now I will fix it.", "|main.rs| has an error."],
  middle: [
    "I changed |parse_all| in |src/parser.ts| because |3| tests failed.",
    "The build is green again, and all |128| tests pass now.",
    "I am reading |README.md| to find out how the server is started.",
    "This function returns a list of names, but it should return a map.",
  ],
  long: [
    "I found the reason: |readConfig| opens the file twice, and when another process writes to it between the two reads, the second one gets a text that is not whole, so that the parser stops with an error.",
    "First I will write a test that shows the problem, then I will change |lexer.ts| so that it keeps the position of every token, and after that I will run all of the tests again to see whether something else is broken.",
  ],
} as const;
type Length = keyof typeof sentences;
const lengths = Object.keys(sentences) as Length[];

function segmentOf(marked: string): Segment {
  const verbatim: [number, number][] = [];
  const text = marked.split("|").reduce((before, part, i) => {
    if (i % 2 === 1) verbatim.push([before.length, before.length + part.length]);
    return before + part;
  });
  return { index: 0, agent: "a", priority: "normal", text, verbatim, atMs: 0 };
}

/** Milliseconds of one segment, from the call to the text that a voice gets. */
async function time(engine: TranslationEngine, segment: Segment): Promise<number> {
  const begun = monotonicMs();
  const { translated, reason } = await translateSegment(engine, segment, signal);
  const ms = monotonicMs() - begun;
  if (!translated) throw new Error(`${segment.text}: ${reason}`);
  return ms;
}

async function run({
  rounds = 1,
}: Readonly<Record<string, number>>): Promise<Readonly<Record<string, unknown>>> {
  const surroundings = await lookAround();
  const open = (): Promise<TranslationEngine> => openApertium({ direction, timeoutMs: 60_000 });
  const warm = limitEngine(await open(), defaultLimits);
  const warmMs: Record<Length, number[]> = { short: [], middle: [], long: [] };
  const freshMs: Record<Length, number[]> = { short: [], middle: [], long: [] };
  try {
    for (const length of lengths) for (const text of sentences[length]) await time(warm, segmentOf(text));
    for (let round = 0; round < rounds; round++) {
      for (const length of lengths) {
        for (const text of sentences[length]) warmMs[length].push(await time(warm, segmentOf(text)));
        // As without a process that stays: dictionaries are read for every sentence.
        const begun = monotonicMs();
        const fresh = await open();
        await time(fresh, segmentOf(sentences[length][round % sentences[length].length]!));
        freshMs[length].push(monotonicMs() - begun);
        await fresh.close();
      }
    }
  } finally {
    await warm.close();
  }
  const all = lengths.flatMap((length) => warmMs[length]);
  const rows = lengths.map((length) => ({
    length,
    letters: median(sentences[length].map((text) => text.length)),
    warm_p50_ms: median(warmMs[length]),
    warm_p95_ms: percentile(warmMs[length], 95),
    fresh_p50_ms: median(freshMs[length]),
    fresh_p95_ms: percentile(freshMs[length], 95),
  }));
  note(
    table([
      ["apertium eng-spa", "letters", "warm p50 ms", "p95", "a process each p50 ms", "p95"],
      ...rows.map((row) => [
        row.length,
        ...[row.letters, row.warm_p50_ms, row.warm_p95_ms, row.fresh_p50_ms, row.fresh_p95_ms].map((value) =>
          value.toFixed(1),
        ),
      ]),
    ]),
  );
  return {
    p50_ms: median(all),
    p95_ms: percentile(all, 95),
    fresh_over_warm: median(lengths.flatMap((length) => freshMs[length])) / median(all),
    lengths: rows,
    rounds,
    ...(await lookBack(surroundings)),
  };
}

/** What a translated sentence waits for before a voice gets it. */
export const speechTranslateBenchmark: Benchmark = {
  summary:
    "Apertium for sentences of an agent: a pipeline that stays against one started for each (scripts/speech-tools.sh first)",
  options: { rounds: { value: 40, help: "times each sentence is translated" } },
  run,
};
