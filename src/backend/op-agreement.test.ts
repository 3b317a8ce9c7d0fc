import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { pullBack } from "../autodiff/gradients.ts";
import { vjpRules } from "../autodiff/rules.ts";
import { createRandom } from "../base/random.ts";
import { GraphBuilder } from "../graph/builder.ts";
import type { Graph } from "../graph/graph.ts";
import type { OpName } from "../graph/ops.ts";
import { dtypes, elementCount, type Tensor, tensor } from "../tensor/tensor.ts";
import { onnxCpuBackend } from "./onnx/backend.ts";
import { drawOperands, dtypeOf, type OpCase, opCases } from "./op-cases.test.support.ts";
import { runReference } from "./reference/session.ts";
import type { NamedTensors } from "./session.ts";

type Float = "float32" | "float64";

/** Relative to the largest expected value of the output: sums cancel. */
const tolerances: { readonly [F in Float]: number } = { float32: 4e-6, float64: 1e-12 };

/** Asserts that two sets of outputs are equal; says where they differ most. */
function assertAgreement(got: NamedTensors, expected: NamedTensors, tolerance: number): void {
  assert.deepEqual(Object.keys(got), Object.keys(expected));
  for (const [name, { data, shape }] of Object.entries(expected)) {
    const other = got[name]!;
    assert.deepEqual(other.shape, shape, `${name}: shape`);
    const magnitude = Array.from(data as Float64Array, (v) => Math.abs(Number(v))).reduce(
      (a, b) => Math.max(a, b),
      1,
    );
    let worst = 0;
    let largest = 0;
    for (let i = 0; i < data.length; i++) {
      const difference = Math.abs(Number(other.data[i]) - Number(data[i])) / magnitude;
      if (!(difference <= largest)) [worst, largest] = [i, difference];
    }
    assert.ok(
      largest <= tolerance,
      `${name}: largest difference ${largest} at ${worst}: got ${other.data[worst]}, expected ${data[worst]}`,
    );
  }
}

async function runOnnx(graph: Graph, feeds: NamedTensors): Promise<NamedTensors> {
  const session = await onnxCpuBackend.compile(graph, { threads: 2 });
  try {
    return await session.run(feeds);
  } finally {
    session.close();
  }
}

/** The case as a graph, backward pass included where there is one, and values for its inputs. */
function buildCase(
  example: OpCase,
  op: OpName,
  float: Float,
  seed: number,
): { graph: Graph; feeds: NamedTensors } {
  const b = new GraphBuilder(op);
  const feeds: Record<string, Tensor> = {};
  const tensors = drawOperands(example, float, seed);
  const operands = example.operands.map(({ shape, draw }, i) => {
    feeds[`x${i}`] = tensors[i]!;
    return b.input(`x${i}`, dtypeOf(draw, float), shape);
  });
  const outputs = example.apply(b, operands);
  for (const [i, output] of outputs.entries()) b.output(`y${i}`, output);
  const wrt = op === "rotary" ? operands.slice(0, 1) : operands.filter(({ dtype }) => dtypes[dtype].isFloat);
  const floats = outputs.filter(({ dtype }) => dtypes[dtype].isFloat);
  if (typeof vjpRules[op] !== "function" || wrt.length === 0 || floats.length === 0)
    return { graph: b.build(), feeds };
  const random = createRandom(seed + 1);
  const seeds = floats.map((value, i) => {
    const shape = value.shape as readonly number[];
    const values = Array.from({ length: elementCount(shape) }, () => Math.fround(random.normal()));
    feeds[`v${i}`] = tensor(float, shape, (float === "float32" ? Float32Array : Float64Array).from(values));
    return { value, cotangent: b.input(`v${i}`, float, shape) };
  });
  for (const [i, gradient] of pullBack(b, seeds, wrt).entries()) b.output(`g${i}`, gradient);
  return { graph: b.build(), feeds };
}

describe("ONNX Runtime agrees with the reference, operation by operation, forward and backward", () => {
  for (const [name, cases] of Object.entries(opCases)) {
    const op = name as OpName;
    it(op, async () => {
      const property = fc.asyncProperty(
        cases,
        fc.constantFrom<Float>("float32", "float64"),
        fc.nat(),
        async (example, float, seed) => {
          if (example.float32Only && float !== "float32") return;
          const { graph, feeds } = buildCase(example, op, float, seed);
          assertAgreement(await runOnnx(graph, feeds), runReference(graph, feeds), tolerances[float]);
        },
      );
      await fc.assert(property, { seed: 20261121, numRuns: 25 });
    });
  }
});
