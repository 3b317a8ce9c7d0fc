import assert from "node:assert/strict";
import { test } from "node:test";
import { referenceBackend } from "../backend/reference/session.ts";
import { createRandom } from "../base/random.ts";
import { createArena, fillArena, layOutParameters } from "./arena.ts";
import { adamWDefaults, createOptimiser, updateScalars } from "./optimiser.ts";
import { learningRateAt, parseRamp, rampAt } from "./schedule.ts";

const shapes = new Map<string, readonly number[]>([
  ["norm", [5]],
  ["matrix", [4, 3]],
]);

test("the arena keeps matrices first, aligned, and names see the same memory", () => {
  const layout = layOutParameters(shapes);
  assert.deepEqual(
    layout.entries.map((e) => [e.name, e.offset]),
    [
      ["matrix", 0],
      ["norm", 16],
    ],
  );
  assert.equal(layout.matrixCount, 16);
  const arena = createArena(layout);
  (arena.tensors["norm"]!.data as Float32Array)[2] = 7;
  assert.equal(arena.data[18], 7);
});

test("AdamW equals the textbook form in float64 over many steps, with decay on matrices only", async () => {
  const layout = layOutParameters(shapes);
  const random = createRandom(11);
  const weights = createArena(layout);
  const gradients = createArena(layout);
  for (const { offset, count } of layout.entries) {
    for (let i = 0; i < count; i++) weights.data[offset + i] = random.normal();
  }
  const settings = { ...adamWDefaults, weightDecay: 0.1 };
  const optimiser = await createOptimiser(referenceBackend, weights, gradients, settings, { ema: 0.9 });
  const w = Float64Array.from(weights.data);
  const average = Float64Array.from(weights.data);
  const m = new Float64Array(w.length);
  const v = new Float64Array(w.length);
  for (let step = 1; step <= 20; step++) {
    for (const { offset, count } of layout.entries) {
      for (let i = 0; i < count; i++) gradients.data[offset + i] = random.normal() * 3;
    }
    const norm = Math.hypot(...gradients.data);
    const got = await optimiser.gradientNorm();
    assert.ok(Math.abs(got - norm) < 1e-5 * norm, `norm ${got}, expected ${norm}`);
    const clip = Math.min(1, 2 / norm);
    const rate = 0.01 / step;
    await optimiser.update(step, rate, clip);
    for (let i = 0; i < w.length; i++) {
      const gradient = gradients.data[i]! * clip;
      m[i] = settings.beta1 * m[i]! + (1 - settings.beta1) * gradient;
      v[i] = settings.beta2 * v[i]! + (1 - settings.beta2) * gradient * gradient;
      const first = m[i]! / (1 - settings.beta1 ** step);
      const second = v[i]! / (1 - settings.beta2 ** step);
      const decay = i < layout.matrixCount ? rate * settings.weightDecay * w[i]! : 0;
      w[i] = w[i]! - decay - (rate * first) / (Math.sqrt(second) + settings.epsilon);
      average[i] = 0.9 * average[i]! + 0.1 * w[i]!;
    }
  }
  const worst = (a: Float32Array, b: Float64Array): number =>
    Math.max(...a.map((x, i) => Math.abs(x - b[i]!)));
  assert.ok(worst(weights.data, w) < 2e-6, `weights: largest difference ${worst(weights.data, w)}`);
  const averageDifference = worst(optimiser.average!.data, average);
  assert.ok(averageDifference < 2e-6, `average: largest difference ${averageDifference}`);
  optimiser.close();
});

test("frozen vectors keep their value while matrices move", async () => {
  const layout = layOutParameters(shapes);
  const weights = createArena(layout);
  const gradients = createArena(layout);
  weights.data.fill(1);
  gradients.data.fill(1);
  const optimiser = await createOptimiser(referenceBackend, weights, gradients, adamWDefaults);
  optimiser.freezeVectors();
  await optimiser.update(1, 0.1, 1);
  assert.ok(weights.tensors["norm"]!.data.every((x) => x === 1));
  assert.ok(weights.tensors["matrix"]!.data.every((x) => (x as number) < 1));
  optimiser.close();
});

test("a learning rate of 0 is refused", () => {
  assert.throws(() => updateScalars(adamWDefaults, 1, 0), /learning rate: expected a positive number/);
});

test("arenas take named tensors in their own order", () => {
  const arena = createArena(layOutParameters(shapes));
  fillArena(arena, {
    norm: { dtype: "float32", shape: [5], data: Float32Array.of(1, 2, 3, 4, 5) },
    matrix: { dtype: "float32", shape: [4, 3], data: new Float32Array(12).fill(9) },
  });
  assert.equal(arena.data[11], 9);
  assert.equal(arena.data[16], 1);
  assert.throws(() => fillArena(arena, {}), /parameter matrix/);
});

test("the schedule warms up, then falls along a cosine to its floor", () => {
  const settings = { learningRate: 2, warmupSteps: 4, floor: 0.1 };
  const rates = Array.from({ length: 20 }, (_, step) => learningRateAt(settings, step, 20));
  assert.deepEqual(rates.slice(0, 4), [0.5, 1, 1.5, 2]);
  assert.ok(rates.slice(4).every((rate, i) => rate < rates[i + 3]!));
  assert.ok(Math.abs(rates.at(-1)! - 0.2) < 1e-12);
});

test("a ramp is read as the seed prints it", () => {
  const ramp = parseRamp("0.0:0.2@warmup_k=3", "loss.early");
  assert.deepEqual(ramp, { from: 0, to: 0.2, warmupEpochs: 3 });
  assert.deepEqual(
    [0, 1.5, 3, 9].map((epochs) => rampAt(ramp, epochs)),
    [0, 0.1, 0.2, 0.2],
  );
  assert.equal(rampAt(parseRamp(0.3, "x"), 0), 0.3);
  for (const bad of ["0.2@warmup", "a:b@warmup_k=1", -1, "", "0:1@warmup_k=x"]) {
    assert.throws(() => parseRamp(bad, "loss.early"), /loss.early: expected a number/);
  }
});
