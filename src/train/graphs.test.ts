import assert from "node:assert/strict";
import { test } from "node:test";
import { onnxCpuBackend } from "../backend/onnx/backend.ts";
import { referenceBackend, runReference } from "../backend/reference/session.ts";
import type { NamedTensors } from "../backend/session.ts";
import { createRandom } from "../base/random.ts";
import { initialiseWeights, parameterShapes } from "../model/decoder.ts";
import { createArena, fillArena, layOutParameters } from "./arena.ts";
import { countRows, createBatchBuffers, emptyTotals } from "./batch.ts";
import { createLiveDecoder } from "./decoder.ts";
import { createLengthRunner, describeRollouts, type Rollout } from "./length-step.ts";
import type { LossPart } from "./losses.ts";
import { checkCosines, createProbe } from "./qat.ts";
import { createRowSource } from "./row-source.ts";
import { graphOptions } from "./runner-pool.ts";
import { buildLogProbabilityGraph, buildStepGraph } from "./step-graph.ts";
import { testConfig, testEncode, testExamples, testRecipe, testSpecials } from "./test-world.ts";
import { promptOf } from "./validation.ts";

const recipe = testRecipe({
  data: { voice: "mixed", redraw_voices: true },
  loss: { early_tool_weight: 1, early_tool_tokens: 3, k: 6, length_max_tokens: 6 },
});
const rows = createRowSource(testExamples(12), testEncode, recipe, 2).all().slice(0, 5);
const shape = { tokens: 20, rows: 6, completions: 48 };
const parts: readonly LossPart[] = ["ce", "early_ce", "early_prior"];
const partWeights = { ce: 1, kl: 1, tail: 1, early_ce: 1, early_prior: 1, length: 1 };

function lively(): NamedTensors {
  const weights = initialiseWeights(testConfig, createRandom(3));
  for (const { data, shape: size } of Object.values(weights)) {
    if (size.length > 1)
      (data as Float32Array).forEach((x, i) => {
        data[i] = x * 8;
      });
  }
  return weights;
}

function stepFeeds(weights: NamedTensors, used: typeof rows): NamedTensors {
  const buffers = createBatchBuffers({
    shape,
    parts,
    k: 6,
    earlyTokens: 3,
    specials: testSpecials,
    priorOn: "teacher_rows",
  });
  const totals = emptyTotals();
  countRows(totals, used, { priorOn: "teacher_rows" }, null);
  buffers.fill(used, totals, null);
  return {
    ...weights,
    ...buffers.inputs,
    part_weights: { dtype: "float32", shape: [3], data: Float32Array.of(1, 0.5, 0.25) },
  };
}

const stepGraph = buildStepGraph({
  ...graphOptions(testConfig, recipe),
  shape,
  parts,
  isQuantised: false,
  hasGradients: true,
});

test("the whole step's gradient equals central differences", () => {
  const weights = lively();
  const feeds = stepFeeds(weights, rows);
  const out = runReference(stepGraph, feeds);
  const random = createRandom(9);
  const forward = buildStepGraph({
    ...graphOptions(testConfig, recipe),
    shape,
    parts,
    isQuantised: false,
    hasGradients: false,
  });
  let worst = 0;
  let where = "";
  for (const [name, tensor] of Object.entries(weights)) {
    for (let n = 0; n < 2; n++) {
      const i = random.integer(tensor.data.length);
      const at = (by: number): number => {
        const data = Float64Array.from(tensor.data as Float32Array);
        data[i]! += by;
        const moved = { ...feeds, [name]: { ...tensor, dtype: "float64" as const, data } };
        return (runReference(forward, moved)["total"]!.data as Float64Array)[0]!;
      };
      const numeric = (at(1e-5) - at(-1e-5)) / 2e-5;
      const difference = Math.abs(numeric - (out[`grad.${name}`]!.data as Float64Array)[i]!);
      if (difference > worst) [worst, where] = [difference, `${name}[${i}]`];
    }
  }
  assert.ok(worst < 1e-6, `largest difference ${worst} at ${where}`);
});

test("padding rows, padding tokens and what follows a row change nothing", async () => {
  const weights = lively();
  const feeds = stepFeeds(weights, rows);
  const session = await onnxCpuBackend.compile(stepGraph);
  const plain = await session.run(feeds);
  // Other pad tokens: the loss and every gradient but those of unused embeddings stay as they are.
  const ids = feeds["ids"]!;
  const used = new Set(rows.flatMap((row, r) => [...row.ids.keys()].map((i) => r * 20 + i)));
  const data = (ids.data as BigInt64Array).map((id, i) => (used.has(i) ? id : 31n));
  const other = await session.run({ ...feeds, ids: { ...ids, data } });
  session.close();
  for (const [name, tensor] of Object.entries(plain)) {
    const worst = Math.max(
      ...[...tensor.data].map((x, i) => Math.abs(Number(x) - Number(other[name]!.data[i]))),
    );
    assert.ok(worst < 1e-6, `${name}: largest difference ${worst}`);
  }
});

test("the live decoder writes what the training graph finds likeliest", async () => {
  const weights = createArena(layOutParameters(parameterShapes(testConfig)));
  fillArena(weights, lively());
  const decoder = await createLiveDecoder(onnxCpuBackend, testConfig, weights, null);
  const prompt = promptOf(rows[0]!);
  const tokens = await decoder.generate(prompt, testSpecials.end, 6);
  decoder.close();
  const whole = [...prompt, ...tokens];
  const T = whole.length;
  const graph = buildLogProbabilityGraph(testConfig, { tokens: T, rows: 1, completions: tokens.length });
  const out = runReference(graph, {
    ...weights.tensors,
    ids: { dtype: "int64", shape: [1, T], data: BigInt64Array.from(whole, BigInt) },
    positions: {
      dtype: "int64",
      shape: [tokens.length],
      data: BigInt64Array.from(tokens, (_, i) => BigInt(prompt.length - 1 + i)),
    },
  })["log_probabilities"]!.data as Float64Array;
  tokens.forEach((token, i) => {
    const row = out.subarray(i * testConfig.vocabSize, (i + 1) * testConfig.vocabSize);
    const gap = Math.max(...row) - row[token]!;
    assert.ok(gap < 1e-4, `token ${i}: ${token} is ${gap} below the likeliest`);
  });
  assert.ok(tokens.length > 0);
});

test("the length micro-batch: exempt rollouts give no gradient, others push towards the end token", async () => {
  const weights = createArena(layOutParameters(parameterShapes(testConfig)));
  fillArena(weights, lively());
  const gradients = createArena(weights.layout);
  const runner = await createLengthRunner(
    onnxCpuBackend,
    {
      ...graphOptions(testConfig, recipe),
      shape: { rows: 3, tokens: 26, completions: 18 },
      parts: ["length"],
      isQuantised: false,
      hasGradients: true,
      specials: testSpecials,
    },
    weights,
    gradients,
    null,
  );
  const rollout = (isCovered: boolean): Rollout => ({
    exampleId: "a",
    prompt: promptOf(rows[0]!),
    tokens: [5, 6, 5, 6, 5, 6],
    isCovered,
    teacherTokens: 2,
  });
  const exempt = await runner.run([rollout(true), rollout(true)], partWeights);
  assert.equal(exempt.total, 0);
  assert.ok(gradients.data.every((x) => x === 0));
  const penalised = await runner.run([rollout(true), rollout(false)], partWeights);
  assert.ok(penalised.total > 0.3, `penalty ${penalised.total}`);
  // A small step against the gradient lowers the penalty.
  const norm = Math.hypot(...gradients.data);
  weights.data.forEach((x, i) => {
    weights.data[i] = x - (0.01 * gradients.data[i]!) / norm;
  });
  const after = await runner.run([rollout(true), rollout(false)], partWeights);
  assert.ok(after.total < penalised.total, `${after.total} after ${penalised.total}`);
  runner.close();
});

test("rollout diagnostics: half of four long rollouts are complete", () => {
  const make = (isCovered: boolean): Rollout => ({
    exampleId: "a",
    prompt: new Int32Array(1),
    tokens: Array.from({ length: 20 }, () => 5),
    isCovered,
    teacherTokens: 10,
  });
  assert.deepEqual(describeRollouts([make(true), make(false), make(true), make(false)], 0.15), {
    rollouts: 4,
    fraction_covered: 0.5,
    fraction_penalised: 0.5,
    median_relative_excess: 1,
  });
  assert.equal(describeRollouts([], 0.15).median_relative_excess, 0);
});

test("the probe's cosines equal those of two reference trunks and name each linear layer", async () => {
  const weights = createArena(layOutParameters(parameterShapes(testConfig)));
  fillArena(weights, lively());
  const sequences = rows.map((row) => row.ids);
  const cosines = [];
  for (const backend of [onnxCpuBackend, referenceBackend]) {
    const probe = await createProbe(backend, testConfig, weights, sequences, 20, null);
    cosines.push(await probe.measure());
    probe.close();
  }
  const [onnx, reference] = cosines;
  assert.equal(onnx!.length, 7);
  onnx!.forEach(({ layer, cosine }, i) => {
    assert.equal(layer, reference![i]!.layer);
    assert.ok(
      Math.abs(cosine - reference![i]!.cosine) < 1e-5,
      `${layer}: ${cosine}, ${reference![i]!.cosine}`,
    );
    assert.ok(cosine > 0.999 && cosine < 1, `${layer}: ${cosine}`);
  });
  assert.throws(
    () => checkCosines(3, [...onnx!, { layer: "bad", cosine: Number.NaN }], 0.9),
    /bad: expected a cosine/,
  );
});
