import type { Example } from "../data/types.ts";
import { type Clock, monotonicMs } from "../measure/clock.ts";
import type { BatchRunner } from "../runtime/batch/types.ts";
import type { ChatRunner } from "../runtime/types.ts";
import { probeBatches, probeSize, type RunExample } from "./batch-probe.ts";
import { type BatchReport, type BatchRequest, toCheck } from "./batch-report.ts";
import { sideBySide } from "./side-by-side.ts";
import { runToolLoop, type ToolLoopOptions } from "./tool-loop.ts";
import type { ExampleTranscript } from "./transcript.ts";

/** Rows that a runner can open for offline work. */
export interface OfflineBatch {
  readonly asked: BatchRequest;
  /** What "auto" tries. */
  readonly candidates: readonly number[];
  open(rows: number): Promise<BatchRunner>;
}

export interface CollectOptions extends ToolLoopOptions {
  /** Default: one example after the other. */
  readonly batch?: OfflineBatch;
  readonly clock?: Clock;
}

export interface Collected {
  /** In the order of the examples. */
  readonly transcripts: readonly ExampleTranscript[];
  /** Null: the runner has no rows. */
  readonly batch: BatchReport | null;
}

/**
 * Runs every example that `kept` does not hold, one after the other or side by side as `options.batch` decides;
 * `onTranscript` gets each when it ends. Errors: `cancelled`; what the runner throws.
 */
export async function collectTranscripts(
  runner: ChatRunner,
  examples: readonly Example[],
  kept: readonly ExampleTranscript[],
  options: CollectOptions,
  onTranscript: (transcript: ExampleTranscript) => void,
): Promise<Collected> {
  const { batch, clock = monotonicMs, ...loop } = options;
  const known = new Map(kept.map((transcript) => [transcript.id, transcript]));
  const todo = examples.filter(({ id }) => !known.has(id));
  let rows: BatchRunner | null = null;
  const run: RunExample = (example, width) =>
    runToolLoop(width > 1 && rows !== null ? rows : runner, example, loop);
  const runAll = async (part: readonly Example[], width: number): Promise<void> => {
    await sideBySide(part, width, async (example) => {
      const transcript = await run(example, width);
      known.set(example.id, transcript);
      onTranscript(transcript);
    });
  };

  const closeRows = async (): Promise<void> => {
    await rows?.close();
    rows = null;
  };

  /** Opens rows; where they are refused none stay open. */
  const openRows = async (from: OfflineBatch, count: number): Promise<NonNullable<BatchReport["check"]>> => {
    const opened = await from.open(count);
    if (opened.check.refusal === null) rows = opened;
    else await opened.close();
    return toCheck(opened.check);
  };

  const decide = async (from: OfflineBatch): Promise<Omit<BatchReport, "runs_by_rows">> => {
    const { asked, candidates } = from;
    const report = { schema_version: 1, asked, batch: 1, measured: null, check: null } as const;
    if (asked === 1)
      return { ...report, decided_by: "option", reason: "one request after the other was asked for" };
    if (asked !== "auto") {
      const check = await openRows(from, asked);
      if (check.refusal !== null) return { ...report, check, decided_by: "refused", reason: check.refusal };
      return { ...report, check, batch: asked, decided_by: "option", reason: `${asked} were asked for` };
    }
    if (candidates.length === 0)
      return { ...report, decided_by: "option", reason: "this machine's profile allows no batch" };
    const size = probeSize(todo.length, candidates.length);
    if (size === 0) {
      const reason = "measuring would be more than 5 % of the work";
      return { ...report, decided_by: "too_little_work", reason };
    }
    const check = await openRows(from, Math.max(...candidates));
    if (check.refusal !== null) return { ...report, check, decided_by: "refused", reason: check.refusal };
    const measured = todo.slice(0, size);
    await runAll(measured, 1);
    const probe = await probeBatches(run, measured, known, { candidates, total: todo.length, clock });
    return {
      ...report,
      check,
      batch: probe.batch,
      decided_by: probe.decidedBy,
      reason: probe.reason,
      measured: probe.measured,
    };
  };

  try {
    const decision = batch === undefined ? null : await decide(batch);
    if (decision?.batch === 1) await closeRows();
    await runAll(
      todo.filter(({ id }) => !known.has(id)),
      decision?.batch ?? 1,
    );
    const stats = await (rows as BatchRunner | null)?.stats();
    return {
      transcripts: examples.flatMap(({ id }) => known.get(id) ?? []),
      batch: decision && { ...decision, runs_by_rows: stats?.runs ?? null },
    };
  } finally {
    await closeRows();
  }
}
