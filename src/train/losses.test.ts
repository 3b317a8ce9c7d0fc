import assert from "node:assert/strict";
import { test } from "node:test";
import { gradients } from "../autodiff/gradients.ts";
import { runReference } from "../backend/reference/session.ts";
import type { NamedTensors } from "../backend/session.ts";
import { createRandom } from "../base/random.ts";
import { GraphBuilder } from "../graph/builder.ts";
import type { Value } from "../graph/graph.ts";
import { int64, type Tensor, tensor } from "../tensor/tensor.ts";
import { earlyCallPrior, lengthPenalty } from "./latency-losses.ts";
import {
  divergences,
  pickLogProbabilities,
  tailMass,
  tailPenalty,
  topkDivergence,
  weightedCrossEntropy,
} from "./losses.ts";

const random = createRandom(7);
const V = 9;
const M = 6;
const K = 3;
const end = 0;
const call = 1;

function normals(shape: readonly number[], scale = 1): Tensor {
  const count = shape.reduce((a, b) => a * b, 1);
  return tensor(
    "float64",
    shape,
    Float64Array.from({ length: count }, () => random.normal() * scale),
  );
}

function floats(shape: readonly number[], values: readonly number[]): Tensor {
  return tensor("float64", shape, Float64Array.from(values));
}

/** Teacher log-probabilities of k classes and the tail, a distribution in every row. */
function teacherRows(): Tensor {
  const rows = normals([M, K + 1]);
  const data = rows.data as Float64Array;
  for (let m = 0; m < M; m++) {
    let sum = 0;
    for (let i = 0; i <= K; i++) sum += Math.exp(data[m * (K + 1) + i]!);
    for (let i = 0; i <= K; i++) data[m * (K + 1) + i]! -= Math.log(sum);
  }
  return rows;
}

const targets = [3, 5, 2, 8, 4, 7];
const topk = [2, 3, 4];
const classes = int64(
  [M, 3 + K],
  targets.flatMap((target) => [target, end, call, ...topk]),
);

interface Loss {
  readonly feeds: NamedTensors;
  readonly build: (
    g: GraphBuilder,
    picked: ReturnType<typeof pickLogProbabilities>,
    input: (name: string) => Value,
  ) => Value;
}

/** Loss and its gradient with respect to the logits [M, V]. */
function evaluate(loss: Loss, logits: Tensor): { value: number; gradient: Float64Array } {
  const g = new GraphBuilder("loss");
  const x = g.input("logits", "float64", [M, V]);
  const at = g.input("classes", "int64", [M, 3 + K]);
  const inputs = new Map(
    Object.entries(loss.feeds).map(([name, t]) => [name, g.input(name, t.dtype, t.shape)]),
  );
  const value = loss.build(g, pickLogProbabilities(g, x, at), (name) => inputs.get(name)!);
  g.output("value", value);
  g.output("gradient", gradients(g, value, [x])[0]!);
  const out = runReference(g.build(), { logits, classes, ...loss.feeds });
  return { value: (out["value"]!.data as Float64Array)[0]!, gradient: out["gradient"]!.data as Float64Array };
}

/** Central differences over every logit. */
function assertGradient(name: string, loss: Loss, logits: Tensor): Float64Array {
  const { gradient } = evaluate(loss, logits);
  const h = 1e-5;
  let worst = 0;
  let where = -1;
  for (let i = 0; i < M * V; i++) {
    const moved = (by: number): number => {
      const data = Float64Array.from(logits.data as Float64Array);
      data[i]! += by;
      return evaluate(loss, tensor("float64", [M, V], data)).value;
    };
    const difference = Math.abs((moved(h) - moved(-h)) / (2 * h) - gradient[i]!);
    if (difference > worst) [worst, where] = [difference, i];
  }
  assert.ok(worst < 1e-7, `${name}: largest difference ${worst} at logit ${where}`);
  return gradient;
}

const rowOf = (gradient: Float64Array, m: number): number[] => [...gradient.subarray(m * V, (m + 1) * V)];
const isZero = (values: readonly number[]): boolean => values.every((v) => v === 0);

test("cross entropy is the weighted mean at its targets and nothing elsewhere", () => {
  const logits = normals([M, V]);
  const weight = floats([M], [0.5, 0, 0.25, 0.25, 0, 0]);
  const loss: Loss = {
    feeds: { weight },
    build: (g, picked, input) => weightedCrossEntropy(g, picked.target, input("weight")),
  };
  const gradient = assertGradient("cross entropy", loss, logits);
  const data = logits.data as Float64Array;
  let expected = 0;
  for (let m = 0; m < M; m++) {
    const row = [...data.subarray(m * V, (m + 1) * V)];
    const total = row.reduce((sum, x) => sum + Math.exp(x), 0);
    expected -= (weight.data as Float64Array)[m]! * (row[targets[m]!]! - Math.log(total));
  }
  const { value } = evaluate(loss, logits);
  assert.ok(Math.abs(value - expected) < 1e-12, `expected ${expected}, got ${value}`);
  assert.ok(gradient[0 * V + targets[0]!]! < 0, "the target's logit is pushed up");
  for (const m of [1, 4, 5]) assert.ok(isZero(rowOf(gradient, m)), `position ${m} has weight 0`);
});

for (const divergence of divergences) {
  for (const temperature of [1, 2]) {
    test(`divergence ${divergence} at temperature ${temperature}: gradient, mask and zero at equality`, () => {
      const feeds = { weight: floats([M], [0.5, 0.5, 0, 1, 0, 0]), teacher: teacherRows() };
      const loss: Loss = {
        feeds,
        build: (g, picked, input) =>
          topkDivergence(
            g,
            {
              topk: picked.topk!,
              tail: tailMass(g, picked.topk!),
              teacher: input("teacher"),
              weight: input("weight"),
            },
            { temperature, divergence },
          ),
      };
      const logits = normals([M, V]);
      const gradient = assertGradient(divergence, loss, logits);
      assert.ok(evaluate(loss, logits).value > 0);
      for (const m of [2, 4, 5]) assert.ok(isZero(rowOf(gradient, m)), `position ${m} has weight 0`);

      // A student that has the teacher's own k + 1 probabilities: no divergence, no gradient.
      const same = new Float64Array(M * V);
      for (let m = 0; m < M; m++) {
        const row = (feeds.teacher.data as Float64Array).subarray(m * (K + 1), (m + 1) * (K + 1));
        for (let v = 0; v < V; v++) {
          const i = topk.indexOf(v);
          same[m * V + v] = i >= 0 ? row[i]! : row[K]! - Math.log(V - K);
        }
      }
      const equal = evaluate(loss, tensor("float64", [M, V], same));
      assert.ok(Math.abs(equal.value) < 1e-12, `value at equality ${equal.value}`);
      const largest = Math.max(...equal.gradient.map(Math.abs));
      assert.ok(largest < 1e-12, `gradient at equality ${largest}`);
    });
  }
}

for (const temperature of [1, 3]) {
  test(`forward divergence at temperature ${temperature} equals T² times the sum over k + 1 tempered classes`, () => {
    const logits = normals([M, V]);
    const teacher = teacherRows();
    const weight = floats([M], [1, 0, 0, 0, 0, 0]);
    const { value } = evaluate(
      {
        feeds: { weight, teacher },
        build: (g, picked, input) =>
          topkDivergence(
            g,
            {
              topk: picked.topk!,
              tail: tailMass(g, picked.topk!),
              teacher: input("teacher"),
              weight: input("weight"),
            },
            { temperature, divergence: "forward" },
          ),
      },
      logits,
    );
    const temper = (p: readonly number[]): number[] => {
      const powers = p.map((x) => x ** (1 / temperature));
      const sum = powers.reduce((x, y) => x + y, 0);
      return powers.map((x) => x / sum);
    };
    const row = [...(logits.data as Float64Array).subarray(0, V)].map(Math.exp);
    const total = row.reduce((x, y) => x + y, 0);
    const q = topk.map((i) => row[i]! / total);
    const student = temper([...q, 1 - q.reduce((x, y) => x + y, 0)]);
    const p = temper([...(teacher.data as Float64Array).subarray(0, K + 1)].map(Math.exp));
    const sum = p.reduce((kl, pi, i) => kl + pi * Math.log(pi / student[i]!), 0);
    const expected = temperature * temperature * sum;
    assert.ok(Math.abs(value - expected) < 1e-12, `expected ${expected}, got ${value}`);
  });
}

test("the tail penalty is the student's mass outside the top-k", () => {
  const loss: Loss = {
    feeds: { weight: floats([M], [0, 1, 0, 0, 0, 0]) },
    build: (g, picked, input) => tailPenalty(g, tailMass(g, picked.topk!), input("weight")),
  };
  const logits = normals([M, V]);
  const gradient = assertGradient("tail", loss, logits);
  assert.ok(isZero(rowOf(gradient, 0)));
  const row = [...(logits.data as Float64Array).subarray(V, 2 * V)].map(Math.exp);
  const outside =
    row.reduce((sum, x, v) => sum + (topk.includes(v) ? 0 : x), 0) / row.reduce((a, b) => a + b, 0);
  assert.ok(Math.abs(evaluate(loss, logits).value - outside) < 1e-12);
});

/** Two rollouts: positions 0, 1, 2 and 3, 4; the second is exempt. */
function lengthLoss(teacherTokens: readonly number[], weight: readonly number[], cap = 10): Loss {
  return {
    feeds: {
      grid: int64([2, 3], [0, 1, 2, 3, 4, 0]),
      mask: floats([2, 3], [1, 1, 1, 1, 1, 0]),
      teacherTokens: floats([2], teacherTokens),
      weight: floats([2], weight),
    },
    build: (g, picked, input) =>
      lengthPenalty(
        g,
        {
          end: picked.end,
          grid: input("grid"),
          mask: input("mask"),
          teacherTokens: input("teacherTokens"),
          weight: input("weight"),
        },
        { hinge: 0.15, slope: 2, cap },
      ).loss,
  };
}

test("length penalty: expected length from hazards, exempt rows and padding free", () => {
  const logits = normals([M, V]);
  const loss = lengthLoss([1, 1], [1, 0]);
  const gradient = assertGradient("length", loss, logits);
  const hazard = [0, 1].map((m) => {
    const row = [...(logits.data as Float64Array).subarray(m * V, (m + 1) * V)].map(Math.exp);
    return row[end]! / row.reduce((a, b) => a + b, 0);
  });
  const expectedLength = 1 + (1 - hazard[0]!) + (1 - hazard[0]!) * (1 - hazard[1]!);
  const expected = 2 * Math.max(0, expectedLength - 1 - 0.15);
  const { value } = evaluate(loss, logits);
  assert.ok(Math.abs(value - expected) < 1e-12, `expected ${expected}, got ${value}`);
  // The direction: more probability of ending lowers the penalty.
  assert.ok(gradient[0 * V + end]! < 0 && gradient[1 * V + end]! < 0);
  for (const m of [3, 4, 5])
    assert.ok(isZero(rowOf(gradient, m)), `position ${m} belongs to no penalised row`);
});

test("length penalty: nothing at or below the teacher's length plus the hinge", () => {
  const { value, gradient } = evaluate(lengthLoss([3, 3], [1, 1]), normals([M, V]));
  assert.equal(value, 0);
  assert.ok(isZero([...gradient]));
});

test("length penalty: capped in value, still pointing the same way", () => {
  const logits = normals([M, V]);
  const free = evaluate(lengthLoss([1, 1], [1, 0]), logits);
  const capped = evaluate(lengthLoss([1, 1], [1, 0], 0.5), logits);
  assert.ok(free.value > 0.5);
  assert.ok(Math.abs(capped.value - 0.5) < 1e-12, `capped value ${capped.value}`);
  const ratio = capped.gradient[end]! / free.gradient[end]!;
  assert.ok(Math.abs(ratio - 0.5 / free.value) < 1e-12, `gradient shrinks by ${ratio}`);
});

test("early prior: −log of the probability that a call opens, only where a tool should be used", () => {
  const loss: Loss = {
    feeds: {
      grid: int64([2, 2], [0, 1, 3, 4]),
      mask: floats([2, 2], [1, 1, 1, 1]),
      weight: floats([2], [1, 0]),
    },
    build: (g, picked, input) =>
      earlyCallPrior(g, {
        call: picked.call,
        grid: input("grid"),
        mask: input("mask"),
        weight: input("weight"),
      }),
  };
  const logits = normals([M, V]);
  const gradient = assertGradient("early prior", loss, logits);
  const p = [0, 1].map((m) => {
    const row = [...(logits.data as Float64Array).subarray(m * V, (m + 1) * V)].map(Math.exp);
    return row[call]! / row.reduce((a, b) => a + b, 0);
  });
  const expected = -Math.log(1 - (1 - p[0]!) * (1 - p[1]!));
  assert.ok(Math.abs(evaluate(loss, logits).value - expected) < 1e-12);
  assert.ok(gradient[call]! < 0, "opening a call becomes likelier");
  for (const m of [3, 4, 5])
    assert.ok(isZero(rowOf(gradient, m)), `position ${m} is of a control or of no row`);
});
