import assert from "node:assert/strict";
import { test } from "node:test";
import { LimbeckError } from "../base/errors.ts";
import { createAdmission } from "./admission.ts";

const never = new AbortController().signal;

test("turns come one at a time, in the order of asking", async () => {
  const admission = createAdmission(9, () => 0);
  const places = [admission.enter(), admission.enter(), admission.enter()] as const;
  const order: number[] = [];
  const turns = places.map((place, i) => place.turn(never).then(() => order.push(i)));
  await turns[0];
  assert.deepEqual([order, admission.waiting, admission.open], [[0], 2, 3]);
  places[0].endTurn();
  await turns[1];
  assert.deepEqual([order, admission.waiting, admission.open], [[0, 1], 1, 3]);
  places[1].leave();
  places[1].leave();
  await turns[2];
  places[2].leave();
  places[0].leave();
  assert.deepEqual([order, admission.waiting, admission.open], [[0, 1, 2], 0, 0]);
});

test("who gives up while waiting is passed over", async () => {
  const admission = createAdmission(9, () => 0);
  const [a, b, c] = [admission.enter(), admission.enter(), admission.enter()];
  await a.turn(never);
  const leaving = new AbortController();
  const turnOfB = b.turn(leaving.signal);
  const turnOfC = c.turn(never);
  leaving.abort(new Error("left"));
  await assert.rejects(turnOfB, /left/);
  b.leave();
  a.leave();
  await turnOfC;
  assert.deepEqual([admission.waiting, admission.open], [0, 1]);
});

test("a full queue says when to come back, from how long turns take", async () => {
  let now = 0;
  const admission = createAdmission(1, () => now);
  for (let i = 0; i < 50; i++) {
    const place = admission.enter();
    await place.turn(never);
    now += 4000;
    place.leave();
  }
  const running = admission.enter();
  await running.turn(never);
  const waiting = admission.enter();
  const turn = waiting.turn(never);
  const isFull = (error: unknown): boolean =>
    error instanceof LimbeckError && error.code === "queue_full" && error.fields["retry_after_seconds"] === 8;
  assert.throws(() => admission.enter(), isFull);
  running.endTurn();
  await turn;
  assert.throws(() => admission.enter(), /queue/, "an answer that nobody has read yet holds its place");
  running.leave();
  admission.enter();
});
