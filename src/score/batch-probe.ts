import { stringifyJson } from "../base/json.ts";
import type { Example } from "../data/types.ts";
import type { Clock } from "../measure/clock.ts";
import { type BatchSample, decideBatch, summarizeBatch } from "../runtime/batch/batch-policy.ts";
import { type BatchReport, toCandidates, toFigures } from "./batch-report.ts";
import { sideBySide } from "./side-by-side.ts";
import type { ExampleTranscript } from "./transcript.ts";

/** Runs one example with so many rows open to it: 1 is the engine itself. */
export type RunExample = (example: Example, batch: number) => Promise<ExampleTranscript>;

/** Fewer examples say too little of a p95, more say little more. */
const fewest = 8;
const most = 12;
/** Of the examples to be run, at most this share is run again to measure. */
const mostExtraShare = 0.05;
const rounds = 2;

/** How many of `examples` examples to measure each of `candidates` with; 0: measuring would cost too much. */
export function probeSize(examples: number, candidates: number): number {
  const affordable = Math.floor((mostExtraShare * examples) / (candidates + 1));
  return candidates === 0 || affordable < fewest ? 0 : Math.min(most, affordable);
}

/** What was said, without the times. */
function wordsOf({ id, turns, ttfa_tokens }: ExampleTranscript): string {
  const said = turns.map(({ ttft_ms: _first, total_ms: _total, ...words }) => words);
  return stringifyJson({ id, turns: said, ttfa_tokens });
}

/** Whether two transcripts say the same, byte for byte. */
export function saysTheSame(a: ExampleTranscript, b: ExampleTranscript): boolean {
  return wordsOf(a) === wordsOf(b);
}

export interface ProbeOptions {
  readonly candidates: readonly number[];
  /** Examples of the whole work. */
  readonly total: number;
  readonly clock: Clock;
}

export interface ProbeResult {
  readonly batch: number;
  readonly decidedBy: "measurement" | "refused";
  readonly reason: string;
  readonly measured: NonNullable<BatchReport["measured"]>;
}

/**
 * Measures `candidates` against one request after the other, on examples that were answered before (`kept`, so that
 * grammars and memory are warm for all alike): in two rounds over a half of them each, the second in reverse order, so
 * that what drifts drifts for all. Answers that differ from the kept ones refuse every batch.
 */
export async function probeBatches(
  run: RunExample,
  examples: readonly Example[],
  kept: ReadonlyMap<string, ExampleTranscript>,
  { candidates, total, clock }: ProbeOptions,
): Promise<ProbeResult> {
  const samples: BatchSample[] = [];
  let compared = 0;
  let differing = 0;
  const measure = async (batch: number, part: readonly Example[]): Promise<void> => {
    const start = clock();
    const transcripts = await sideBySide(part, batch, (example) => run(example, batch));
    const wallMs = clock() - start;
    const turns = transcripts.flatMap((transcript) => transcript.turns);
    const tokens = turns.reduce((sum, turn) => sum + turn.tokens, 0);
    samples.push({ batch, tokens, wallMs, latenciesMs: turns.map((turn) => turn.total_ms) });
    if (batch === 1) return;
    for (const transcript of transcripts) {
      compared += 1;
      const own = kept.get(transcript.id);
      if (own === undefined || !saysTheSame(transcript, own)) differing += 1;
    }
  };
  const half = Math.ceil(examples.length / rounds);
  for (let round = 0; round < rounds; round++) {
    const order = [1, ...candidates];
    if (round % 2 === 1) order.reverse();
    for (const batch of order) await measure(batch, examples.slice(round * half, (round + 1) * half));
  }
  const alone = summarizeBatch(1, samples);
  const decision = decideBatch(
    alone,
    candidates.map((batch) => summarizeBatch(batch, samples)),
  );
  const isRefused = differing > 0;
  return {
    batch: isRefused ? 1 : decision.batch,
    decidedBy: isRefused ? "refused" : "measurement",
    reason: isRefused
      ? `${differing} of ${compared} answers of rows differ from those given alone`
      : decision.reason,
    measured: {
      examples: examples.length,
      rounds,
      extra_share: (examples.length * (candidates.length + 1)) / total,
      alone: toFigures(alone),
      candidates: toCandidates(decision),
      answers_compared: compared,
      answers_differing: differing,
    },
  };
}
