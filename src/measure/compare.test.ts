import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../base/random.ts";
import { compareSpeed, pairedRatio } from "./compare.ts";
import { callTexts, fakeExample, fakeRunner } from "./fake-runner.test.support.ts";

const plan = { shapes: [64], promptTokens: () => 40, rounds: 5, promptsPerShape: 4, warmUpsPerShape: 1 };
const examples = ["a", "b", "c", "d"].map((id) => fakeExample(id));

test("both runners answer each prompt in turn, and who begins alternates", async () => {
  const log: string[] = [];
  const answer = () => ({ texts: callTexts, ttftMs: 20, stepMs: 4 });
  await compareSpeed(fakeRunner("A", answer, log), fakeRunner("B", answer, log), examples, {
    ...plan,
    rounds: 1,
  });
  const runners = log.map((line) => line[0]).join("");
  assert.equal(runners, "ABBAABBAAB");
  for (let i = 0; i < log.length; i += 2) assert.equal(log[i]?.slice(2), log[i + 1]?.slice(2));
});

test("drift that both runners feel does not hide their difference", async () => {
  const random = createRandom(1);
  let drift = 1;
  const slower = (factor: number) => () => {
    drift += 0.02;
    const noise = 1 + 0.02 * random.normal();
    return { texts: callTexts, ttftMs: 20 * drift * factor * noise, stepMs: 4 * drift * factor };
  };
  const found = await compareSpeed(fakeRunner("A", slower(1)), fakeRunner("B", slower(1.2)), examples, plan);
  const [low, high] = found.ttft_ms.interval ?? [0, 0];
  assert.ok(low > 1.1 && low < 1.2 && high > 1.2 && high < 1.35, `${low} to ${high}`);
  assert.ok((found.tps.ratio ?? 1) < 0.9);
  assert.equal(found.raw.a.length, 20);
  assert.equal(found.ttft_ms.n, 20);
});

test("figures that one of the two lacks are not compared", async () => {
  const found = await compareSpeed(
    fakeRunner("A", () => ({ texts: callTexts, ttftMs: 20, stepMs: 4 })),
    fakeRunner("B", () => ({ texts: [""], ttftMs: 20, stepMs: 4 })),
    examples,
    plan,
  );
  assert.deepEqual([found.tps.ratio, found.tps.n, found.tps.interval], [null, 0, null]);
  assert.equal(found.ttft_ms.ratio, 1);
});

test("the interval's ratio is of medians, paired", () => {
  const pairs = Array.from({ length: 30 }, (_, i) => [i + 1, 2 * (i + 1)] as const);
  const { ratio, interval } = pairedRatio(pairs, 1);
  assert.deepEqual([ratio, interval], [2, [2, 2]], "pairs move together: the ratio is certain");
});
