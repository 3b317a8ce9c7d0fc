import assert from "node:assert/strict";
import { test } from "node:test";
import { createFixtureBroker, createFixtureRecorder } from "./fixtures.ts";

const fixtures = [{ name: "weather", arguments: { city: "Oslo", day: "today" }, result: { sky: "sunny" } }];

test("a recorded call is answered however its arguments are written", () => {
  const broker = createFixtureBroker(fixtures);
  const answer = broker.answer({ name: "weather", arguments: { day: "Today ", city: "oslo", unit: null } });
  assert.deepEqual(answer, { result: { sky: "sunny" }, hit: true });
});

test("a miss says so, and both are counted", () => {
  const broker = createFixtureBroker(fixtures);
  assert.equal(broker.statistics().hitRate, null);
  const call = { name: "weather", arguments: { city: "Rome", day: "today" } };
  assert.deepEqual(broker.answer(call), {
    hit: false,
    result: { ok: false, error: "fixture_miss", ...call },
  });
  broker.answer({ name: "Weather", arguments: { city: "Oslo", day: "today" } });
  broker.answer({ name: "weather", arguments: { city: "Oslo", day: "today" } });
  assert.deepEqual(broker.statistics(), { hits: 1, misses: 2, recorded: 0, hitRate: 1 / 3 });
});

test("the first of two fixtures for one call counts", () => {
  const broker = createFixtureBroker([...fixtures, { ...fixtures[0]!, result: { sky: "rainy" } }]);
  assert.deepEqual(broker.answer(fixtures[0]!).result, { sky: "sunny" });
});

test("recording asks the live tool once and keeps what it said", async () => {
  let asked = 0;
  const recorder = createFixtureRecorder(fixtures, async (call) => ({
    asked: ++asked,
    city: call.arguments["city"] ?? null,
  }));
  assert.equal((await recorder.answer(fixtures[0]!)).hit, true);
  const call = { name: "weather", arguments: { city: "Rome" } };
  assert.deepEqual(await recorder.answer(call), { result: { asked: 1, city: "Rome" }, hit: false });
  assert.deepEqual(await recorder.answer({ name: "weather", arguments: { city: "rome" } }), {
    result: { asked: 1, city: "Rome" },
    hit: true,
  });
  assert.deepEqual(recorder.statistics(), { hits: 2, misses: 1, recorded: 1, hitRate: 2 / 3 });
  const replay = createFixtureBroker(recorder.fixtures());
  assert.equal(replay.answer(call).hit, true);
});

test("an error of the live tool is passed on and records nothing", async () => {
  const recorder = createFixtureRecorder([], () => Promise.reject(new Error("offline")));
  await assert.rejects(recorder.answer({ name: "a", arguments: {} }), /offline/);
  assert.deepEqual(recorder.fixtures(), []);
});
