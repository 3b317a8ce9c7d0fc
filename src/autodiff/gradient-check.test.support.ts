// What the gradient tests share: they run a case on the reference backend, in float64.
import assert from "node:assert/strict";
import { runReference } from "../backend/reference/session.ts";
import type { NamedTensors } from "../backend/session.ts";
import { createRandom, type Random } from "../base/random.ts";
import { GraphBuilder } from "../graph/builder.ts";
import type { Graph, Value } from "../graph/graph.ts";
import { dtypes, elementCount, int64, type Tensor, tensor } from "../tensor/tensor.ts";
import { pullBack } from "./gradients.ts";

/**
 * How an operand's numbers are drawn. "distinct": all of all operands at least 0.2 apart and 0.1 from 0, so that no
 * kink lies within a finite difference. A record: integers below `below`.
 */
export type Draw = "normal" | "positive" | "distinct" | "bool" | { readonly below: number };

export interface OperandCase {
  readonly shape: readonly number[];
  readonly draw: Draw;
  /** The gradient is "missing" by declaration: the operand stays constant. */
  readonly fixed?: boolean;
}

export interface GradientCase {
  readonly operands: readonly OperandCase[];
  apply(b: GraphBuilder, operands: readonly Value[]): readonly Value[];
  /** One operand and one output, whose cotangent passes unchanged on purpose: there is no derivative to compare with. */
  readonly straightThrough?: boolean;
}

const isFloat = (draw: Draw): boolean => typeof draw === "string" && draw !== "bool";

export function normals(random: Random, shape: readonly number[]): Tensor {
  return tensor(
    "float64",
    shape,
    Float64Array.from({ length: elementCount(shape) }, () => random.normal()),
  );
}

function drawOperands(operands: readonly OperandCase[], random: Random): Tensor[] {
  const total = operands.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  const grid = random.shuffle(Array.from({ length: total }, (_, i) => 0.2 * (i - (total >> 1)) + 0.1));
  return operands.map(({ shape, draw }) => {
    const count = elementCount(shape);
    if (typeof draw !== "string")
      return int64(
        shape,
        Array.from({ length: count }, () => random.integer(draw.below)),
      );
    if (draw === "normal") return normals(random, shape);
    if (draw === "bool")
      return tensor(
        "bool",
        shape,
        Uint8Array.from({ length: count }, () => random.integer(2)),
      );
    if (draw === "distinct") return tensor("float64", shape, Float64Array.from(grid.splice(0, count)));
    return tensor(
      "float64",
      shape,
      Float64Array.from({ length: count }, () => 0.5 + 2 * random.next()),
    );
  });
}

function dot(a: NamedTensors, b: NamedTensors): number {
  let sum = 0;
  for (const [name, { data }] of Object.entries(a)) {
    const other = b[name]!.data as Float64Array;
    (data as Float64Array).forEach((value, i) => {
      sum += value * other[i]!;
    });
  }
  return sum;
}

/** `tensors` + step · `direction` for those that the direction names. */
function moved(tensors: NamedTensors, direction: NamedTensors, step: number): NamedTensors {
  const steps = Object.entries(direction).map(([name, { data }]) => {
    const from = tensors[name]!;
    const values = (from.data as Float64Array).map((value, i) => value + step * (data as Float64Array)[i]!);
    return [name, tensor("float64", from.shape, values)];
  });
  return { ...tensors, ...Object.fromEntries(steps) };
}

/** Asserts that two lists of numbers are equal to `tolerance` (relative above 1); says where they differ most. */
export function assertClose(
  got: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what: string,
): void {
  assert.equal(got.length, expected.length, `${what}: lengths`);
  let worst = -1;
  let largest = -1;
  for (let i = 0; i < got.length; i++) {
    const raw = Math.abs(got[i]! - expected[i]!) / Math.max(1, Math.abs(expected[i]!));
    const difference = Number.isNaN(raw) ? Number.POSITIVE_INFINITY : raw;
    if (difference > largest) [worst, largest] = [i, difference];
  }
  assert.ok(
    largest <= tolerance,
    `${what}: largest difference ${largest} at ${worst}: got ${got[worst]}, expected ${expected[worst]}`,
  );
}

interface CaseGraphs {
  /** Operands → outputs y0, y1, …. */
  readonly forward: Graph;
  /** Operands and cotangents v0, … → gradients of the float operands, under their names. */
  readonly backward: Graph;
  /** Operands, cotangents and tangents t·x0, … → J·t under v0, …: the gradient of the gradient. */
  readonly tangent: Graph;
  readonly floats: readonly string[];
}

function buildCase(example: GradientCase, distort: number): CaseGraphs {
  const b = new GraphBuilder("case");
  const operands = example.operands.map(({ shape, draw }, i) =>
    b.input(`x${i}`, draw === "bool" ? "bool" : isFloat(draw) ? "float64" : "int64", shape),
  );
  const outputs = example.apply(b, operands);
  outputs.forEach((output, i) => {
    b.output(`y${i}`, output);
  });
  const forward = b.build();

  const floats = example.operands.flatMap(({ draw, fixed }, i) => (isFloat(draw) && !fixed ? [i] : []));
  const cotangents = outputs.map((output, i) => b.input(`v${i}`, output.dtype, output.shape));
  const seeds = outputs.map((value, i) => ({ value, cotangent: cotangents[i]! }));
  const gradients = pullBack(
    b,
    seeds,
    floats.map((i) => operands[i]!),
  ).map((gradient) => (distort === 1 ? gradient : b.mul(gradient, distort)));
  const withBackward = { forward, backward: forward };
  floats.forEach((operand, i) => {
    b.output(`x${operand}`, gradients[i]!);
  });
  withBackward.backward = b.build();

  // g(v) = Jᵀv is linear in v, so that pulling t back through it with respect to v gives J·t exactly.
  const tangents = floats.map((operand) => {
    const { dtype, shape } = operands[operand]!;
    return b.input(`t${operand}`, dtype, shape);
  });
  const pushed = pullBack(
    b,
    gradients.map((value, i) => ({ value, cotangent: tangents[i]! })),
    cotangents,
  );
  pushed.forEach((value, i) => {
    b.output(`v${i}`, value);
  });
  return { ...withBackward, tangent: b.build(), floats: floats.map((i) => `x${i}`) };
}

const only = (tensors: NamedTensors, names: readonly string[]): NamedTensors =>
  Object.fromEntries(names.map((name) => [name, tensors[name]!]));

/**
 * Checks the gradient of one case at a random point: against central differences along every element, and by
 * ⟨v, J·t⟩ = ⟨Jᵀv, t⟩, with J·t from the gradient's gradient, itself checked against a central difference along t.
 * `distort` scales the gradient, to see that the check fails.
 */
export function checkGradient(example: GradientCase, seed: number, distort = 1): void {
  const random = createRandom(seed);
  const graphs = buildCase(example, distort);
  const point: NamedTensors = Object.fromEntries(
    drawOperands(example.operands, random).map((operand, i) => [`x${i}`, operand]),
  );
  const forward = (at: NamedTensors): NamedTensors =>
    Object.fromEntries(
      Object.entries(runReference(graphs.forward, at)).map(([name, value]) => [
        name.replace("y", "v"),
        value,
      ]),
    );
  const outputs = forward(point);
  const cotangent = Object.fromEntries(
    Object.entries(outputs).map(([name, { shape }]) => [name, normals(random, shape)]),
  );
  for (const { dtype } of Object.values(outputs)) assert.ok(dtypes[dtype].isFloat, "a float output");
  const gradient = runReference(graphs.backward, { ...point, ...cotangent });
  const step = 1e-5;

  if (example.straightThrough) {
    const [got, expected] = [gradient["x0"]!.data, cotangent["v0"]!.data] as Float64Array[];
    assertClose(got!, expected!, 0, `seed ${seed}: straight-through gradient against the cotangent`);
  } else {
    for (const name of graphs.floats) {
      const { shape, data } = point[name]!;
      const numeric = Float64Array.from(data as Float64Array, (_, i) => {
        const unit = new Float64Array(data.length);
        unit[i] = 1;
        const direction = { [name]: tensor("float64", shape, unit) };
        const above = dot(cotangent, forward(moved(point, direction, step)));
        return (above - dot(cotangent, forward(moved(point, direction, -step)))) / (2 * step);
      });
      const analytic = gradient[name]!.data as Float64Array;
      assertClose(analytic, numeric, 1e-7, `seed ${seed}: gradient of ${name} against central differences`);
    }
  }

  const tangent = Object.fromEntries(
    graphs.floats.map((name) => [name, normals(random, point[name]!.shape)]),
  );
  const feeds = Object.fromEntries(graphs.floats.map((name) => [name.replace("x", "t"), tangent[name]!]));
  const all = runReference(graphs.tangent, { ...point, ...cotangent, ...feeds });
  const pushed = only(all, Object.keys(cotangent));
  assertClose(
    [dot(cotangent, pushed)],
    [dot(only(gradient, graphs.floats), tangent)],
    1e-10,
    `seed ${seed}: ⟨v, Jt⟩ against ⟨Jᵀv, t⟩`,
  );
  if (example.straightThrough) return;
  for (const [name, value] of Object.entries(pushed)) {
    const above = forward(moved(point, tangent, step))[name]!.data as Float64Array;
    const below = forward(moved(point, tangent, -step))[name]!.data as Float64Array;
    const numeric = above.map((y, i) => (y - below[i]!) / (2 * step));
    assertClose(value.data as Float64Array, numeric, 1e-6, `seed ${seed}: Jt of ${name}`);
  }
}
