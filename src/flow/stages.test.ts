import assert from "node:assert/strict";
import { test } from "node:test";
import { createStageClock } from "./stages.ts";

const stages = [
  { name: "distil", seconds: 100 },
  { name: "score", seconds: 50 },
] as const;

function clockAt(): {
  at: (seconds: number) => void;
  left: (stage: "distil" | "score", share: number) => number;
} {
  let ms = 0;
  const clock = createStageClock(stages, () => ms);
  return {
    at: (seconds) => {
      ms = seconds * 1000;
    },
    left: (stage, share) => Math.round((clock.remainingMs(stage, share) ?? Number.NaN) / 1000),
  };
}

test("at first the estimates are all there is", () => {
  assert.equal(clockAt().left("distil", 0), 150);
});

test("a machine of half the speed takes twice as long, in the later stages too", () => {
  const { at, left } = clockAt();
  left("distil", 0);
  at(100);
  assert.equal(left("distil", 0.5), 100 + 100);
});

test("the present stage goes by its own pace", () => {
  const { at, left } = clockAt();
  left("distil", 0);
  at(100);
  left("score", 0);
  at(110);
  assert.equal(left("score", 0.1), 90);
});
