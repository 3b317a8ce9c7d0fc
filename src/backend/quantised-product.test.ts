import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../base/random.ts";
import { GraphBuilder } from "../graph/builder.ts";
import type { Graph } from "../graph/graph.ts";
import { lowerToOnnx } from "../lower/onnx/lower.ts";
import { float32, int64, type Tensor, tensor } from "../tensor/tensor.ts";
import { openOnnx } from "./onnx/backend.ts";
import { runReference } from "./reference/session.ts";

// Kernels pack weights, and round activations, only where the weights are part of the model: op-agreement.test.ts feeds
// them. Here they are in the file, as in an artefact.

const [rows, width, columns] = [3, 200, 17];
type Bits = 4 | 8;

/** x [3, 200] times a matrix [17, 200] in blocks, and the matrix itself by looking up its rows. */
function graphOf(bits: Bits, block: number, activations: "float32" | "int8"): Graph {
  const blocks = Math.ceil(width / block);
  const b = new GraphBuilder("quantised");
  const x = b.input("x", "float32", [rows, width]);
  const values = b.parameter("values", [columns, blocks, (block * bits) / 8], "uint8");
  const scale = b.parameter("scale", [columns, blocks]);
  b.output("y", b.matmulQuantised(x, values, scale, { bits, block, activations }));
  const everyRow = int64(
    [columns],
    Array.from({ length: columns }, (_, i) => i),
  );
  b.output("matrix", b.gatherQuantised(values, scale, b.constant(everyRow), { bits, block, width }));
  return b.build();
}

function operandsOf(bits: Bits, block: number): { x: Tensor; parameters: Record<string, Tensor> } {
  const random = createRandom(bits * block);
  const blocks = Math.ceil(width / block);
  const many = (count: number, next: () => number): number[] => Array.from({ length: count }, next);
  const bytes = [columns, blocks, (block * bits) / 8] as const;
  const packed = many(bytes[0] * bytes[1] * bytes[2], () => random.integer(256));
  return {
    x: float32(
      [rows, width],
      many(rows * width, () => random.normal()),
    ),
    parameters: {
      values: tensor("uint8", bytes, Uint8Array.from(packed)),
      scale: float32(
        [columns, blocks],
        many(columns * blocks, () => 0.1 + random.next()),
      ),
    },
  };
}

/** The kernel's and the reference's product [3, 17], and the matrix [17, 200] that both hold. */
async function products(bits: Bits, block: number, activations: "float32" | "int8") {
  const graph = graphOf(bits, block, activations);
  const { x, parameters } = operandsOf(bits, block);
  const expected = runReference(graph, { x, ...parameters });
  const session = await openOnnx(lowerToOnnx(graph, { parameters }).bytes, { threads: 2 });
  const got = await session.run({ x });
  session.close();
  const numbers = (value: Tensor | undefined): number[] => Array.from(value!.data, Number);
  const matrix = numbers(expected["matrix"]);
  numbers(got["matrix"]).forEach((value, i) => {
    assert.equal(value, Math.fround(matrix[i]!), `matrix, element ${i}`);
  });
  return { x: numbers(x), got: numbers(got["y"]), expected: numbers(expected["y"]), matrix };
}

for (const bits of [4, 8] as const) {
  for (const block of [16, 32, 128]) {
    test(`${bits} bits, block ${block}: packed weights with float activations give the exact product`, async () => {
      const { got, expected } = await products(bits, block, "float32");
      const size = Math.max(...expected.map(Math.abs));
      got.forEach((value, i) => {
        assert.ok(Math.abs(value - expected[i]!) <= 4e-6 * size, `${value} at ${i}, expected ${expected[i]}`);
      });
    });

    test(`${bits} bits, block ${block}: int8 activations err, by no more than rounding them can`, async () => {
      const { x, got, expected, matrix } = await products(bits, block, "int8");
      const size = Math.sqrt(expected.reduce((sum, y) => sum + y * y, 0) / expected.length);
      let largest = 0;
      got.forEach((value, i) => {
        const row = x.slice(Math.floor(i / columns) * width, (Math.floor(i / columns) + 1) * width);
        const weight = matrix.slice((i % columns) * width, ((i % columns) + 1) * width);
        const peak = Math.max(...row.map(Math.abs));
        // Half of a step of 2 · peak / 255, and as much again for kernels that quantise whole rows with an offset.
        const bound = (weight.reduce((sum, w) => sum + Math.abs(w), 0) * peak) / 127;
        const difference = Math.abs(value - expected[i]!);
        largest = Math.max(largest, difference);
        assert.ok(difference <= bound, `${difference} at ${i}, bound ${bound}`);
      });
      // A machine whose kernels round nothing is better than asked for, but none that Limbeck ships for is known.
      assert.ok(largest > 1e-4 * size, `largest difference ${largest} of ${size}: were activations rounded?`);
    });
  }
}
