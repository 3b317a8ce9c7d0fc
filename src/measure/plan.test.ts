import assert from "node:assert/strict";
import { test } from "node:test";
import { LimbeckError } from "../base/errors.ts";
import type { Example } from "../data/types.ts";
import { planMeasurement } from "./plan.ts";

/** Examples whose prompt length is written in their id. */
const examples = (lengths: readonly number[]): Example[] =>
  lengths.map((length, i) => ({
    id: `${i}:${length}`,
    messages: [{ role: "user", content: "x" }],
    tools: [],
    expect: { behaviour: "tool", calls: [] },
  }));
const promptTokens = ({ id }: Example): number => Number(id.split(":")[1]);
const isInvalid = (code: string) => (error: unknown) => error instanceof LimbeckError && error.code === code;

test("each prompt gets the smallest shape that holds it; too long ones are counted", () => {
  const plan = planMeasurement(examples([10, 64, 65, 128, 129]), {
    shapes: [128, 64, 256],
    promptTokens,
    rounds: 1,
    warmUpsPerShape: 0,
  });
  for (const { example, shape } of plan.runs) {
    const tokens = promptTokens(example);
    assert.equal(shape, tokens <= 64 ? 64 : tokens <= 128 ? 128 : 256);
  }
  const short = planMeasurement(examples([10, 300, 400]), { shapes: [64, 128], promptTokens });
  assert.deepEqual([short.skippedTooLong, short.emptyShapes], [2, [128]]);
});

test("shapes alternate within a round, and every round has the same prompts", () => {
  const plan = planMeasurement(examples([10, 20, 30, 100, 110, 120]), {
    shapes: [64, 128],
    promptTokens,
    rounds: 3,
    promptsPerShape: 2,
    warmUpsPerShape: 1,
  });
  assert.deepEqual(
    plan.runs.map(({ shape }) => shape),
    Array.from({ length: 14 }, (_, i) => (i % 2 === 0 ? 64 : 128)),
  );
  assert.deepEqual(
    plan.runs.slice(0, 2).map(({ isWarmUp, round }) => [isWarmUp, round]),
    [
      [true, -1],
      [true, -1],
    ],
  );
  const idsOf = (round: number): string[] =>
    plan.runs.filter((r) => r.round === round).map((r) => r.example.id);
  assert.deepEqual(idsOf(0), idsOf(2));
  assert.equal(new Set(idsOf(0)).size, 4);
  assert.equal(plan.warmUps, 2);
});

test("every prompt is read once before it counts", () => {
  const { runs } = planMeasurement(examples([10, 20, 30, 100]), {
    shapes: [64, 128],
    promptTokens,
    rounds: 2,
  });
  const idsOf = (isWarmUp: boolean): string[] => [
    ...new Set(runs.filter((run) => run.isWarmUp === isWarmUp).map((run) => run.example.id)),
  ];
  assert.deepEqual(idsOf(true).sort(), idsOf(false).sort());
  assert.equal(idsOf(true).length, 4);
});

test("a shape with few prompts has fewer runs, and its warm-ups repeat", () => {
  const plan = planMeasurement(examples([10, 100, 110]), {
    shapes: [64, 128],
    promptTokens,
    rounds: 2,
    promptsPerShape: 2,
    warmUpsPerShape: 2,
  });
  assert.equal(plan.runs.filter(({ shape, isWarmUp }) => shape === 64 && !isWarmUp).length, 2);
  assert.equal(plan.runs.filter(({ shape, isWarmUp }) => shape === 64 && isWarmUp).length, 2);
});

test("the seed decides which prompts are chosen", () => {
  const chosen = (seed: number): string[] =>
    planMeasurement(examples(Array.from({ length: 50 }, () => 9)), {
      shapes: [16],
      promptTokens,
      seed,
    }).runs.map(({ example }) => example.id);
  assert.deepEqual(chosen(1), chosen(1));
  assert.notDeepEqual(chosen(1), chosen(2));
});

test("no fitting prompt and bad counts are errors", () => {
  assert.throws(
    () => planMeasurement(examples([99]), { shapes: [64], promptTokens }),
    isInvalid("invalid_dataset"),
  );
  assert.throws(() => planMeasurement([], { shapes: [64], promptTokens }), isInvalid("invalid_dataset"));
  assert.throws(
    () => planMeasurement(examples([9]), { shapes: [], promptTokens }),
    isInvalid("invalid_dataset"),
  );
  for (const bad of [{ rounds: 0 }, { promptsPerShape: 1.5 }, { warmUpsPerShape: -1 }, { shapes: [0] }]) {
    assert.throws(
      () => planMeasurement(examples([9]), { shapes: [64], promptTokens, ...bad }),
      isInvalid("invalid_config"),
    );
  }
});
