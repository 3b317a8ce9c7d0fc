import { median, percentile } from "#limbeck/measure/statistics.js";
import { createNarrator } from "#limbeck/speech/narrator.js";
import { createEventParser } from "#limbeck/speech/parse/parser.js";
import type { AgentEvent } from "#limbeck/speech/types.js";
import { type Benchmark, lookAround, lookBack, note, table } from "./benchmark.ts";
import { agentMessages } from "./speech-messages.ts";

/** What cleaning and cutting one event may take, 95th percentile. */
const targetMs = 0.2;
/** Characters of a token. */
const tokenLength = 4;
/** Messages in one stream: the texts over and over. */
const messagesEach = 100;

type Cut = (text: string) => readonly string[];
const cuts: Readonly<Record<string, Cut>> = {
  deltas: (text) => text.match(new RegExp(`[^]{1,${tokenLength}}`, "g")) ?? [],
  whole: (text) => [text],
};

/** The bytes that Claude Code writes for these messages, with partial messages or without. */
function streamOf(cut: Cut): readonly Uint8Array[] {
  const encoder = new TextEncoder();
  const line = (value: object): Uint8Array => encoder.encode(`${JSON.stringify(value)}\n`);
  return Array.from({ length: messagesEach }, (_, i) => {
    const text = agentMessages[i % agentMessages.length] ?? "";
    const id = `msg_${i}`;
    const event = (inner: object): Uint8Array =>
      line({ type: "stream_event", session_id: "s", event: inner });
    const pieces = cut(text);
    const whole = line({
      type: "assistant",
      session_id: "s",
      message: { id, content: [{ type: "text", text }] },
    });
    if (pieces.length === 1) return [whole];
    return [
      event({ type: "message_start", message: { id } }),
      ...pieces.map((piece) =>
        event({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: piece } }),
      ),
      whole,
      event({ type: "content_block_stop", index: 0 }),
      event({ type: "message_stop" }),
    ];
  }).flat();
}

interface Times {
  /** Of each line of the stream. */
  readonly parseMs: number[];
  /** Of each event: cleaning and cutting. */
  readonly narrateMs: number[];
  characters: number;
  totalMs: number;
  segments: number;
}

function narrateOnce(lines: readonly Uint8Array[], times: Times): void {
  const parser = createEventParser();
  const narrator = createNarrator();
  const narrate = (events: readonly AgentEvent[]): void => {
    for (const event of events) {
      const begun = performance.now();
      const segments = narrator.push(event, begun);
      times.narrateMs.push(performance.now() - begun);
      times.segments += segments.length;
      if (event.type === "text") times.characters += event.text.length;
    }
  };
  const start = performance.now();
  for (const bytes of lines) {
    const begun = performance.now();
    const events = parser.push(bytes);
    times.parseMs.push(performance.now() - begun);
    narrate(events);
  }
  narrate(parser.end());
  times.segments += narrator.end(performance.now()).length;
  times.totalMs += performance.now() - start;
}

async function run({
  rounds = 1,
}: Readonly<Record<string, number>>): Promise<Readonly<Record<string, unknown>>> {
  const surroundings = await lookAround();
  const names = Object.keys(cuts);
  const streams = names.map((name) => streamOf(cuts[name] as Cut));
  const empty = (): Times => ({ parseMs: [], narrateMs: [], characters: 0, totalMs: 0, segments: 0 });
  // A new process has compiled nothing yet: its first stream is told apart, not thrown away.
  const first = names.map(empty);
  const later = names.map(empty);
  for (let round = 0; round <= rounds; round++) {
    streams.forEach((lines, i) => {
      narrateOnce(lines, (round === 0 ? first : later)[i] as Times);
    });
  }
  const rows = names.map((name, i) => {
    const { parseMs, narrateMs, characters, totalMs, segments } = later[i] as Times;
    return {
      name,
      events: narrateMs.length,
      segments,
      narrate_ms_p50: median(narrateMs),
      narrate_ms_p95: percentile(narrateMs, 95),
      narrate_ms_p99: percentile(narrateMs, 99),
      narrate_ms_max: narrateMs.reduce((most, ms) => Math.max(most, ms), 0),
      first_stream_ms_p95: percentile(first[i]?.narrateMs ?? [], 95),
      parse_ms_p95: percentile(parseMs, 95),
      characters_per_second: (1000 * characters) / totalMs,
    };
  });
  note(
    table([
      [
        "clean + segment, µs an event",
        "events",
        "p50",
        "p95",
        "p99",
        "max",
        "p95 of first stream",
        "parse p95",
        "characters/s",
      ],
      ...rows.map((row) => [
        row.name,
        String(row.events),
        ...[
          row.narrate_ms_p50,
          row.narrate_ms_p95,
          row.narrate_ms_p99,
          row.narrate_ms_max,
          row.first_stream_ms_p95,
          row.parse_ms_p95,
        ].map((ms) => (1000 * ms).toFixed(1)),
        row.characters_per_second.toFixed(0),
      ]),
    ]),
  );
  const worst = Math.max(...rows.map((row) => row.narrate_ms_p95));
  note(
    `target: p95 < ${targetMs} ms an event; worst ${worst.toFixed(4)} ms: ${worst < targetMs ? "met" : "not met"}`,
  );
  return {
    narrate_ms_p95: worst,
    target_ms: targetMs,
    is_met: worst < targetMs,
    cases: rows,
    rounds,
    ...(await lookBack(surroundings)),
  };
}

export const speechTextBenchmark: Benchmark = {
  summary:
    "cleaning and cutting an agent's text for speech, per event: tokens of 4 characters and whole messages",
  options: {
    rounds: { value: 20, help: "streams of 100 messages, after a first one" },
  },
  run,
};
