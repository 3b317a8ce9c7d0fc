import assert from "node:assert/strict";
import { test } from "node:test";
import { onnxCpuBackend } from "../backend/onnx/backend.ts";
import { referenceBackend, runReference } from "../backend/reference/session.ts";
import type { NamedTensors } from "../backend/session.ts";
import { createRandom } from "../base/random.ts";
import { initialiseWeights, parameterShapes } from "../model/decoder.ts";
import { createArena, fillArena, layOutParameters } from "./arena.ts";
import { countRows, createBatchBuffers, emptyTotals, forgetPositions, pointDummies } from "./batch.ts";
import { createLiveDecoder } from "./decoder.ts";
import { createLengthRunner, describeRollouts, type Rollout } from "./length-step.ts";
import type { LossPart } from "./losses.ts";
import { checkCosines, createProbe } from "./qat.ts";
import { createRowSource } from "./row-source.ts";
import { graphOptions } from "./runner-pool.ts";
import { buildLogProbabilityGraph, buildStepGraph } from "./step-graph.ts";
import { promptOf } from "./validation.ts";
import { testConfig, testEncode, testExamples, testRecipe, testSpecials } from "./world.test.support.ts";

const recipe = testRecipe({
  data: { voice: "mixed", redraw_voices: true },
  loss: { early_tool_weight: 1, early_tool_tokens: 3, k: 6, length_max_tokens: 6 },
});
const rows = createRowSource(testExamples(12), testEncode, recipe, 2).all().slice(0, 5);
const shape = { tokens: 20, rows: 6, completions: 48 };
const parts: readonly LossPart[] = ["ce", "early_ce", "early_prior"];
const partWeights = { ce: 1, kl: 1, tail: 1, early_ce: 1, early_prior: 1, length: 1 };

/** Fresh weights, scaled up so that attention decides what comes next. */
function lively(scale = 8): NamedTensors {
  const weights = initialiseWeights(testConfig, createRandom(3));
  for (const { data, shape: size } of Object.values(weights)) {
    if (size.length > 1)
      (data as Float32Array).forEach((x, i) => {
        data[i] = x * scale;
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

test("every entry of positions reads a row of its own, the dummies too", () => {
  const used = rows.slice(0, 3);
  const read = [...(stepFeeds({}, used)["positions"]!.data as BigInt64Array)].map(Number);
  const wanted = used.flatMap((row, r) => [...row.positions].map((p) => r * shape.tokens + p));
  assert.ok(wanted.length < shape.completions, "there are dummies");
  assert.deepEqual(read.slice(0, wanted.length), wanted);
  assert.equal(new Set(read).size, shape.completions);
  assert.ok(read.every((row) => row >= 0 && row < shape.rows * shape.tokens));

  const low = new Int32Array(2 * 3); // three positions over three rows
  forgetPositions(low);
  low[2] = 0;
  pointDummies(low, 3);
  assert.deepEqual([low[0], low[2], low[4]], [1, 0, 2]);
  low[0] = 0;
  assert.throws(() => pointDummies(low, 3), /position 0 is read once/);
  assert.throws(() => pointDummies(low, 2), /3 positions in 2 rows/);
});

/** Log-probabilities [V] of what follows each position in `places` of one sequence, by the training graph. */
function logProbabilities(
  weights: NamedTensors,
  ids: readonly number[],
  places: readonly number[],
): Float64Array[] {
  const n = places.length;
  const graph = buildLogProbabilityGraph(testConfig, { tokens: ids.length, rows: 1, completions: n });
  const out = runReference(graph, {
    ...weights,
    ids: { dtype: "int64", shape: [1, ids.length], data: BigInt64Array.from(ids, BigInt) },
    positions: { dtype: "int64", shape: [n], data: BigInt64Array.from(places, BigInt) },
  })["log_probabilities"]!.data as Float64Array;
  const { vocabSize } = testConfig;
  return places.map((_, i) => out.subarray(i * vocabSize, (i + 1) * vocabSize));
}

test("a row's prompt is everything before its first completion token", () => {
  for (const row of rows) {
    const { ids, firstCompletion } = testEncode(
      testExamples(12).find((e) => e.id === row.exampleId)!,
      row.voice,
      null,
    );
    assert.deepEqual([...promptOf(row)], Array.from(ids).slice(0, firstCompletion[0]));
  }
});

test("the live decoder writes what the training graph finds likeliest", async () => {
  const weights = createArena(layOutParameters(parameterShapes(testConfig)));
  fillArena(weights, lively(30));
  const decoder = await createLiveDecoder(onnxCpuBackend, testConfig, weights, null);
  let longest = 0;
  for (const row of rows) {
    const prompt = [...promptOf(row)];
    const tokens = await decoder.generate(prompt, testSpecials.end, 8);
    longest = Math.max(longest, tokens.length);
    const places = tokens.map((_, i) => prompt.length - 1 + i);
    logProbabilities(weights.tensors, [...prompt, ...tokens], places).forEach((logs, i) => {
      const gap = Math.max(...logs) - logs[tokens[i]!]!;
      assert.ok(gap < 1e-4, `token ${i} of ${row.exampleId}: ${tokens[i]} is ${gap} below the likeliest`);
    });
  }
  decoder.close();
  assert.ok(longest >= 4, `the longest answer has ${longest} tokens`);
});

test("the length micro-batch reads the hazard before each of the rollout's tokens", async () => {
  const weights = createArena(layOutParameters(parameterShapes(testConfig)));
  fillArena(weights, lively());
  const runner = await createLengthRunner(
    onnxCpuBackend,
    {
      ...graphOptions(testConfig, recipe),
      shape: { rows: 2, tokens: 26, completions: 12 },
      parts: ["length"],
      isQuantised: false,
      hasGradients: true,
      specials: testSpecials,
    },
    weights,
    createArena(weights.layout),
    null,
  );
  const prompt = promptOf(rows[0]!);
  const tokens = [9, 17, 5, 12];
  const { part } = await runner.run(
    [{ exampleId: "a", prompt, tokens, isCovered: false, teacherTokens: 2 }],
    partWeights,
  );
  runner.close();
  const places = tokens.map((_, t) => prompt.length - 1 + t);
  const logs = logProbabilities(weights.tensors, [...prompt, ...tokens], places);
  let survival = 1;
  let expectedTokens = 0;
  for (const row of logs) {
    expectedTokens += survival;
    survival *= 1 - Math.exp(row[testSpecials.end]!);
  }
  const expected = Math.max(0, (expectedTokens - 2) / 2 - 0.15);
  assert.ok(expected > 0 && expectedTokens < 3.999, `expected length ${expectedTokens}`);
  assert.ok(Math.abs(part - expected) < 1e-5, `expected ${expected}, got ${part}`);
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
