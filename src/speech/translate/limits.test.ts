import assert from "node:assert/strict";
import { test } from "node:test";
import { LimbeckError } from "../../base/errors.ts";
import { fakeEngine, never } from "./fakes.test.support.ts";
import { defaultLimits, limitEngine } from "./limits.ts";

const quick = { ...defaultLimits, timeoutMs: 30 };
const hang = (): Promise<never> => new Promise(() => undefined);
const code = (expected: string) => (error: unknown) =>
  error instanceof LimbeckError && error.code === expected;
/** Lets everything that is settled be told. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("a call without an answer ends in time and gives its turn back", async () => {
  const engine = limitEngine(fakeEngine(hang), { ...quick, failuresToRest: 100 });
  const calls = Array.from({ length: 10 }, () => engine.translate(["a"], never));
  await settled();
  assert.deepEqual([engine.running, engine.waiting], [4, 6]);
  for (const result of await Promise.allSettled(calls)) {
    assert.equal(result.status, "rejected");
    assert.ok(code("translation_failed")(result.reason) && /in 30 ms/.test(result.reason.message));
  }
  assert.deepEqual([engine.running, engine.waiting], [0, 0]);
});

test("at most four run at once, the others in the order in which they came", async () => {
  const ends: (() => void)[] = [];
  let [running, most] = [0, 0];
  const order: string[] = [];
  const fake = fakeEngine(async (texts) => {
    order.push(texts[0]!);
    most = Math.max(most, ++running);
    await new Promise<void>((resolve) => ends.push(resolve));
    running--;
    return texts;
  });
  const engine = limitEngine(fake, defaultLimits);
  const names = Array.from({ length: 9 }, (_, i) => `${i}`);
  const calls = names.map((name) => engine.translate([name], never));
  for (let i = 0; i < names.length; i++) {
    await settled();
    ends.shift()!();
  }
  assert.deepEqual((await Promise.all(calls)).flat(), names);
  assert.deepEqual(order, names);
  assert.deepEqual([most, engine.running, engine.waiting], [4, 0, 0]);
});

test("an interrupted call frees its place, waiting or running, and is no failure", async () => {
  const fake = fakeEngine(hang);
  const engine = limitEngine(fake, { ...defaultLimits, mostAtOnce: 1, failuresToRest: 1 });
  const [first, second] = [new AbortController(), new AbortController()];
  const calls = [engine.translate(["a"], first.signal), engine.translate(["b"], second.signal)];
  await settled();
  second.abort();
  await assert.rejects(calls[1]!, code("cancelled"));
  assert.deepEqual([engine.running, engine.waiting], [1, 0]);
  first.abort();
  await assert.rejects(calls[0]!, code("cancelled"));
  assert.deepEqual([engine.running, engine.waiting], [0, 0]);
  // The engine was not laid to rest.
  const third = new AbortController();
  const last = engine.translate(["c"], third.signal);
  await settled();
  assert.deepEqual(fake.calls, [["a"], ["c"]]);
  third.abort();
  await assert.rejects(last, code("cancelled"));
  await assert.rejects(engine.translate(["d"], first.signal), code("cancelled"));
});

test("the queue is bounded", async () => {
  const engine = limitEngine(fakeEngine(hang), {
    ...quick,
    mostAtOnce: 1,
    mostWaiting: 2,
    failuresToRest: 4,
  });
  const calls = Array.from({ length: 4 }, () => engine.translate(["a"], never));
  await assert.rejects(calls[3]!, /at most 2 waiting/);
  await Promise.allSettled(calls);
  // The three that ran out of time count, the one too many does not.
  await assert.rejects(engine.translate(["a"], never), /in 30 ms/);
  await assert.rejects(engine.translate(["a"], never), /rests for 30 s after 4/);
});

test("after failures in a row the engine rests, says so, and is tried once after that", async () => {
  let nowMs = 0;
  let isBroken = true;
  const fake = fakeEngine((texts) => {
    if (isBroken) throw new Error("connection refused");
    return texts;
  });
  const engine = limitEngine(fake, { ...defaultLimits, failuresToRest: 3, restMs: 1000 }, () => nowMs);
  for (let i = 0; i < 3; i++) await assert.rejects(engine.translate(["a"], never), /connection refused/);
  await assert.rejects(
    engine.translate(["a"], never),
    /rests for 1 s after 3 failures in a row, the last: .*refused/,
  );
  assert.equal(fake.calls.length, 3);
  nowMs = 1000;
  await assert.rejects(engine.translate(["a"], never), /^LimbeckError: fake: connection refused/);
  await assert.rejects(engine.translate(["a"], never), /rests for 1 s after 4/);
  [nowMs, isBroken] = [2000, false];
  assert.deepEqual(await engine.translate(["a"], never), ["a"]);
  isBroken = true;
  await assert.rejects(engine.translate(["a"], never), /^LimbeckError: fake: connection refused/);
  isBroken = false;
  assert.deepEqual(await engine.translate(["a"], never), ["a"]);
});

test("an engine that loses count, and a closed one, fail", async () => {
  const engine = limitEngine(
    fakeEngine(() => ["a"]),
    defaultLimits,
  );
  await assert.rejects(engine.translate(["a", "b"], never), /expected 2 texts, got 1/);
  assert.deepEqual(await engine.translate([], never), []);
  await engine.close();
  await assert.rejects(engine.translate(["a"], never), /closed/);
});
