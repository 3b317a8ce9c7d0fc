import assert from "node:assert/strict";
import { test } from "node:test";
import type { Example } from "../data/types.ts";
import type { BatchRunner } from "../runtime/batch/types.ts";
import type { ChatResult } from "../runtime/types.ts";
import { probeSize } from "./batch-probe.ts";
import type { BatchRequest } from "./batch-report.ts";
import { type Collected, collectTranscripts, type OfflineBatch } from "./collect-transcripts.ts";
import { turnOf } from "./scripted-runner.test.support.ts";

function examplesOf(count: number): Example[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `example-${i}`,
    messages: [{ role: "user", content: `say ${i}` }],
    tools: [],
    expect: { behaviour: "no_tool", calls: [] },
  }));
}

interface Machine {
  /** Milliseconds that a request takes of the engine, alone and in rows: what throughput is made of. */
  readonly aloneMs: number;
  readonly rowsMs: number;
  /** What a request says of itself: its latency. */
  readonly rowsLatencyMs: number;
  readonly refusal?: string;
  /** Words of rows; default: those said alone. */
  readonly rowsSay?: (request: string) => string;
}

interface Outcome extends Collected {
  readonly askedAlone: number;
  readonly askedRows: number;
  readonly opened: readonly number[];
  readonly closed: number;
}

const aloneLatencyMs = 100;

/** Collects `examples` on a machine whose clock goes by what is asked of it. */
async function collect(
  examples: readonly Example[],
  asked: BatchRequest,
  { aloneMs, rowsMs, rowsLatencyMs, refusal, rowsSay }: Machine,
  candidates: readonly number[] = [2],
): Promise<Outcome> {
  let now = 0;
  let [askedAlone, askedRows, closed] = [0, 0, 0];
  const opened: number[] = [];
  const say = (request: string, totalMs: number): ChatResult => {
    const turn = turnOf(request);
    return { ...turn, timing: { ...turn.timing, totalMs } };
  };
  const name = "scripted";
  const runner = {
    name,
    chat: async ([message]: Parameters<BatchRunner["chat"]>[0]) => {
      askedAlone += 1;
      now += aloneMs;
      return say(message?.content ?? "", aloneLatencyMs);
    },
    close: async () => undefined,
  };
  const check = { compared: 8, differing: 0, maxLogitDifference: 0, isKvEqual: true };
  const batch: OfflineBatch = {
    asked,
    candidates,
    open: async (rows) => {
      opened.push(rows);
      return {
        name,
        rows,
        kvBytes: 0,
        check: { ...check, refusal: refusal ?? null },
        chat: async ([message]) => {
          askedRows += 1;
          now += rowsMs;
          const request = message?.content ?? "";
          return say(rowsSay?.(request) ?? request, rowsLatencyMs);
        },
        stats: async () => ({ runs: [1, 2] }),
        close: async () => {
          closed += 1;
        },
      };
    },
  };
  const seen: string[] = [];
  const collected = await collectTranscripts(runner, examples, [], { batch, clock: () => now }, ({ id }) =>
    seen.push(id),
  );
  // Whatever ran how: every example is there once, in order, with its own words.
  assert.deepEqual(
    collected.transcripts.map(({ id, turns }) => [id, turns[0]?.text]),
    examples.map(({ id, messages }) => [id, messages[0]?.content]),
  );
  assert.deepEqual([...seen].sort(), examples.map(({ id }) => id).sort());
  return { ...collected, askedAlone, askedRows, opened, closed };
}

const fast: Machine = { aloneMs: 10, rowsMs: 5, rowsLatencyMs: 105 };
const many = examplesOf(400);

test("auto uses rows where they pay, and says by what figures", async () => {
  const { batch, askedAlone, askedRows, closed } = await collect(many, "auto", fast);
  const size = probeSize(many.length, 1);
  assert.equal(batch?.batch, 2);
  assert.equal(batch.decided_by, "measurement");
  const [candidate] = batch.measured!.candidates;
  assert.equal(candidate?.tps_ratio, 2);
  assert.equal(candidate.p95_latency_ratio, 1.05);
  assert.deepEqual([batch.measured!.answers_compared, batch.measured!.answers_differing], [size, 0]);
  // Alone: the measured examples, and once more to be timed; then all others in rows.
  assert.equal(askedAlone, 2 * size);
  assert.equal(askedRows, size + many.length - size);
  assert.ok(batch.measured!.extra_share <= 0.05);
  assert.deepEqual(batch.runs_by_rows, [1, 2]);
  assert.equal(closed, 1);
});

test("auto keeps to one after the other where rows are late, or slow", async () => {
  for (const machine of [
    { ...fast, rowsLatencyMs: 110 },
    { ...fast, rowsMs: 9.5 },
  ]) {
    const { batch, askedRows, closed } = await collect(many, "auto", machine);
    assert.equal(batch?.batch, 1);
    assert.equal(batch.decided_by, "measurement");
    assert.equal(batch.measured!.candidates[0]?.passes, false);
    assert.equal(askedRows, probeSize(many.length, 1), "rows are used to measure and no further");
    assert.equal(batch.runs_by_rows, null);
    assert.equal(closed, 1);
  }
});

test("answers that differ refuse rows, however fast", async () => {
  const machine = { ...fast, rowsSay: (request: string) => (request.endsWith("3") ? "else" : request) };
  const { batch } = await collect(many, "auto", machine);
  assert.equal(batch?.batch, 1);
  assert.equal(batch.decided_by, "refused");
  assert.equal(batch.measured!.answers_differing, 1);
  assert.match(batch.reason, /1 of \d+ answers/);
});

test("too little work is not measured: nothing is run twice", async () => {
  const few = examplesOf(80);
  const { batch, askedAlone, opened } = await collect(few, "auto", fast, [2, 3, 4]);
  assert.equal(batch?.decided_by, "too_little_work");
  assert.equal(batch.batch, 1);
  assert.equal(batch.measured, null);
  assert.equal(askedAlone, few.length);
  assert.deepEqual(opened, []);
  assert.equal((await collect(many, "auto", fast, [])).batch?.batch, 1);
});

test("a number is used as asked, unless rows would change answers", async () => {
  const few = examplesOf(9);
  const three = await collect(few, 3, fast);
  assert.deepEqual([three.batch?.batch, three.batch?.decided_by, three.opened], [3, "option", [3]]);
  assert.deepEqual([three.askedRows, three.askedAlone], [few.length, 0]);
  const one = await collect(few, 1, fast);
  assert.deepEqual([one.batch?.batch, one.opened, one.askedRows], [1, [], 0]);
  for (const asked of [3, "auto"] as const) {
    const refused = await collect(asked === 3 ? few : many, asked, { ...fast, refusal: "other bits" });
    assert.deepEqual([refused.batch?.batch, refused.batch?.decided_by], [1, "refused"]);
    assert.equal(refused.batch?.reason, "other bits");
    assert.deepEqual([refused.askedRows, refused.closed], [0, 1]);
  }
});

test("the measured examples are a small share, or none", () => {
  assert.equal(probeSize(0, 3), 0);
  assert.equal(probeSize(639, 3), 0);
  assert.equal(probeSize(640, 3), 8);
  assert.equal(probeSize(100_000, 3), 12);
  assert.equal(probeSize(100_000, 0), 0);
});
