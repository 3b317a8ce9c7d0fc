import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { positionsPerRadian, type RopeScaling, rotaryTables } from "./rope.ts";

const D = 64;
const ropeTheta = 10_000;
const plain = positionsPerRadian({ ropeTheta }, D);
const stretched = (ropeScaling: RopeScaling): number[] => [
  ...positionsPerRadian({ ropeTheta, ropeScaling }, D),
];

const llama3: RopeScaling = { kind: "llama3", factor: 8, lowTurns: 1, highTurns: 4, originalContext: 512 };
const yarn: RopeScaling = {
  kind: "yarn",
  factor: 4,
  betaFast: 32,
  betaSlow: 1,
  originalContext: 512,
  attentionFactor: 1.25,
  truncate: true,
};

const close = (got: number, expected: number, what: string): void =>
  assert.ok(
    Math.abs(got - expected) <= 1e-12 * Math.abs(expected),
    `${what}: got ${got}, expected ${expected}`,
  );

test("the first pair turns by a radian a position, the last by nearly 1/θ", () => {
  assert.equal(plain.length, D / 2);
  assert.equal(plain[0], 1);
  close(plain[D / 2 - 1]!, ropeTheta ** (62 / 64), "last pair");
});

test("linear: a stretched position turns as one `factor` times nearer", () => {
  const scaled = rotaryTables({ ropeTheta, ropeScaling: { kind: "linear", factor: 4 } }, D, 41);
  const unscaled = rotaryTables({ ropeTheta }, D, 11);
  assert.deepEqual(scaled.cos.data.slice(40 * 32), unscaled.cos.data.slice(10 * 32));
  assert.deepEqual(scaled.sin.data.slice(40 * 32), unscaled.sin.data.slice(10 * 32));
});

test("llama3: fast pairs stay, slow ones turn `factor` times slower, those between by their turns", () => {
  const steps = stretched(llama3);
  const seen = new Set<string>();
  plain.forEach((step, i) => {
    const turns = 512 / (2 * Math.PI * step);
    const kind = turns >= 4 ? "fast" : turns <= 1 ? "slow" : "between";
    seen.add(kind);
    const kept = kind === "fast" ? 1 : kind === "slow" ? 0 : (turns - 1) / 3;
    close(1 / steps[i]!, kept / step + (1 - kept) / (8 * step), `${kind} pair ${i}`);
  });
  assert.deepEqual([...seen].sort(), ["between", "fast", "slow"]);
});

test("yarn: blends between the pairs of its two betas, and tables are larger by the attention factor", () => {
  const steps = stretched(yarn);
  const pairOf = (turns: number): number =>
    (D * Math.log(512 / (2 * Math.PI * turns))) / (2 * Math.log(ropeTheta));
  const [start, end] = [Math.floor(pairOf(32)), Math.ceil(pairOf(1))];
  assert.ok(0 < start && start < end && end < D / 2, `${start} to ${end} lies within the pairs`);
  close(steps[start]!, plain[start]!, "where the blend starts");
  close(steps[end]!, 4 * plain[end]!, "where it ends");
  const middle = start + 3;
  const kept = 1 - 3 / (end - start);
  close(1 / steps[middle]!, kept / plain[middle]! + (1 - kept) / (4 * plain[middle]!), "in the middle");
  const { cos, sin } = rotaryTables({ ropeTheta, ropeScaling: yarn }, D, 3);
  assert.equal(cos.data[0], 1.25);
  for (let i = 0; i < cos.data.length; i++) {
    const size = Math.hypot(Number(cos.data[i]), Number(sin.data[i]));
    assert.ok(Math.abs(size - 1.25) < 1e-6, `element ${i}: length ${size}`);
  }
});

test("yarn without truncation blends at fractions of a pair; both betas at one pair are a step", () => {
  assert.notDeepEqual(stretched({ ...yarn, truncate: false }), stretched(yarn));
  const step = stretched({ ...yarn, betaFast: 1, betaSlow: 1, truncate: false });
  assert.ok(step.every((value, i) => value === plain[i] || Math.abs(value / plain[i]! - 4) < 1e-12));
});

test("no scaling makes a pair turn faster, or more than `factor` times slower", () => {
  const scalings: fc.Arbitrary<RopeScaling> = fc
    .record({
      factor: fc.double({ min: 1, max: 64, noNaN: true }),
      context: fc.integer({ min: 16, max: 1e5 }),
    })
    .chain(({ factor, context }) =>
      fc.constantFrom<RopeScaling>(
        { kind: "linear", factor },
        { ...llama3, factor, originalContext: context },
        { ...yarn, factor, originalContext: context },
      ),
    );
  fc.assert(
    fc.property(scalings, (scaling) => {
      stretched(scaling).forEach((step, i) => {
        const ratio = step / plain[i]!;
        assert.ok(ratio >= 1 - 1e-9 && ratio <= scaling.factor * (1 + 1e-9), `pair ${i}: ${ratio}`);
      });
    }),
    { seed: 3, numRuns: 200 },
  );
});
