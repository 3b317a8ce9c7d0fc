import assert from "node:assert/strict";
import { test } from "node:test";
import { sideBySide } from "./side-by-side.ts";

const later = (turns: number): Promise<void> =>
  turns === 0 ? Promise.resolve() : Promise.resolve().then(() => later(turns - 1));

test("results are in the order of the items, whichever ends first, and never more than the width run at once", async () => {
  let [running, most] = [0, 0];
  const work = async (item: number): Promise<number> => {
    most = Math.max(most, ++running);
    await later(50 - 5 * item);
    running -= 1;
    return 10 * item;
  };
  assert.deepEqual(await sideBySide([1, 2, 3, 4, 5, 6, 7], 3, work), [10, 20, 30, 40, 50, 60, 70]);
  assert.equal(most, 3);
  assert.deepEqual(await sideBySide([], 3, work), []);
});

test("after a failure nothing begins, and what is under way ends before it is thrown", async () => {
  const ended: number[] = [];
  const begun: number[] = [];
  const work = async (item: number): Promise<void> => {
    begun.push(item);
    if (item === 1) throw new Error("the first");
    await later(20);
    ended.push(item);
  };
  await assert.rejects(sideBySide([0, 1, 2, 3, 4], 2, work), /the first/);
  assert.deepEqual([begun, ended], [[0, 1], [0]]);
});
