import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../base/random.ts";
import { drawDirichlet, planEpoch, planShapes, type RowSize, type ShapeSettings } from "./shapes.ts";

const random = createRandom(3);
const sizes: RowSize[] = Array.from({ length: 700 }, () => {
  const tokens = 20 + random.integer(110);
  return { tokens, completions: 5 + random.integer(Math.floor(tokens / 3)) };
});
const settings: ShapeSettings = {
  lengths: [64, 96, 128],
  tokensPerBatch: 1024,
  mix: null,
  concentration: 50,
  rareEvery: 10,
};

test("every row that fits is used exactly once, in a shape that holds it whole", () => {
  const shapes = planShapes(sizes, settings);
  const plan = planEpoch(sizes, shapes, settings, 1, 0);
  const used = plan.batches.flatMap((b) => b.rows);
  assert.equal(new Set(used).size, used.length);
  assert.equal(used.length + plan.skipped.length, sizes.length);
  assert.deepEqual(
    [...plan.skipped].sort((a, b) => a - b),
    sizes.flatMap((s, i) => (s.tokens > 128 ? [i] : [])),
  );
  for (const batch of plan.batches) {
    const shape = shapes[batch.shape]!;
    assert.ok(batch.rows.length > 0 && batch.rows.length <= shape.rows);
    assert.ok(batch.rows.every((r) => sizes[r]!.tokens <= shape.tokens));
    const completions = batch.rows.reduce((n, r) => n + sizes[r]!.completions, 0);
    assert.ok(completions <= shape.completions, `${completions} completions in ${shape.completions}`);
  }
  assert.ok(plan.paddingWaste > 0 && plan.paddingWaste < 0.35, `waste ${plan.paddingWaste}`);
  assert.ok(Math.abs(plan.realisedMix.reduce((a, b) => a + b, 0) - 1) < 1e-12);
});

test("tokens per batch are about equal over the shapes", () => {
  assert.deepEqual(
    planShapes(sizes, settings).map((s) => s.rows * s.tokens),
    [1024, 1056, 1024],
  );
});

test("a plan depends on seed and epoch only", () => {
  const shapes = planShapes(sizes, settings);
  const plan = (seed: number, epoch: number): unknown => planEpoch(sizes, shapes, settings, seed, epoch);
  assert.deepEqual(plan(1, 2), plan(1, 2));
  assert.notDeepEqual(plan(1, 2), plan(1, 3));
  assert.notDeepEqual(plan(1, 2), plan(2, 2));
});

test("a given mix is approached by filling large shapes with smaller rows", () => {
  const mixed: ShapeSettings = { ...settings, mix: [0.2, 0.2, 0.6], concentration: 1e6, rareEvery: 0 };
  const shapes = planShapes(sizes, mixed);
  const plan = planEpoch(sizes, shapes, mixed, 1, 0);
  plan.plannedMix.forEach((share, i) => {
    assert.ok(Math.abs(share - mixed.mix![i]!) < 0.01, `planned ${plan.plannedMix}`);
  });
  const worst = Math.max(...plan.realisedMix.map((share, i) => Math.abs(share - mixed.mix![i]!)));
  assert.ok(worst < 0.12, `realised ${plan.realisedMix}`);
});

test("the Dirichlet draw has the target as mean and tightens with the concentration", () => {
  const target = [0.4, 0.4, 0.15, 0.05];
  const spread = (concentration: number): { mean: number[]; deviation: number } => {
    const draws = Array.from({ length: 2000 }, () => drawDirichlet(target, concentration, random));
    const mean = target.map((_, i) => draws.reduce((sum, d) => sum + d[i]!, 0) / draws.length);
    const variance = draws.reduce((sum, d) => sum + (d[0]! - mean[0]!) ** 2, 0) / draws.length;
    return { mean, deviation: Math.sqrt(variance) };
  };
  for (const concentration of [10, 200]) {
    const { mean, deviation } = spread(concentration);
    const worst = Math.max(...mean.map((m, i) => Math.abs(m - target[i]!)));
    assert.ok(worst < 0.02, `mean ${mean}`);
    const expected = Math.sqrt((0.4 * 0.6) / (concentration + 1));
    assert.ok(
      Math.abs(deviation - expected) < 0.15 * expected,
      `deviation ${deviation}, expected ${expected}`,
    );
  }
});

test("the rarest shape gets a double weight every so often", () => {
  // Short rows only: the draw alone decides how often the largest shape is filled with them.
  const short = sizes.filter((size) => size.tokens <= 64);
  const many = (rareEvery: number): number => {
    const s: ShapeSettings = { ...settings, mix: [0.6, 0.3, 0.1], concentration: 1e6, rareEvery };
    const shapes = planShapes(short, s);
    const epochs = Array.from({ length: 20 }, (_, epoch) => planEpoch(short, shapes, s, 5, epoch));
    return epochs.reduce((sum, plan) => sum + plan.realisedMix[2]!, 0) / epochs.length;
  };
  assert.ok(many(1) > many(0), `${many(1)} against ${many(0)}`);
});

test("a batch has no more completion positions than tokens", () => {
  const [shape] = planShapes([{ tokens: 5, completions: 4 }], {
    ...settings,
    lengths: [5],
    tokensPerBatch: 5,
  });
  assert.deepEqual(shape, { tokens: 5, rows: 1, completions: 5 });
});

test("lengths that do not ascend and a mix of another length are refused", () => {
  assert.throws(() => planShapes(sizes, { ...settings, lengths: [64, 64] }), /ascending/);
  assert.throws(() => planShapes(sizes, { ...settings, mix: [1] }), /3 shares/);
});
