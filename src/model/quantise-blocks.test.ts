import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { onnxCpuBackend } from "../backend/onnx/backend.ts";
import { createRandom } from "../base/random.ts";
import { GraphBuilder } from "../graph/builder.ts";
import { float32 } from "../tensor/tensor.ts";
import { quantiseInt8, restoreInt8 } from "./quantise.ts";
import { projectionLayout, quantiseBlocks, restoreBlocks, tableLayout } from "./quantise-blocks.ts";

const matrices = fc
  .record({
    rows: fc.integer({ min: 1, max: 70 }), // more than one tile
    width: fc.constantFrom(1, 16, 31, 32, 40, 128, 130),
    block: fc.constantFrom(16, 32, 128),
    bits: fc.constantFrom<4 | 8>(4, 8),
    seed: fc.nat(),
    spread: fc.constantFrom(0, 1e-3, 1, 300),
  })
  .map(({ rows, width, block, bits, seed, spread }) => {
    const random = createRandom(seed);
    const data = Float32Array.from({ length: rows * width }, () => spread * random.normal());
    return { rows, width, attrs: { bits, block }, data };
  });

test("each element is within half a step, the largest of a block is exact, and only its opposite may be a step off", () => {
  fc.assert(
    fc.property(matrices, ({ rows, width, attrs, data }) => {
      const layout = tableLayout([rows, width]);
      const blocks = quantiseBlocks(data, layout, attrs);
      const restored = restoreBlocks(blocks, layout, attrs).data as Float32Array;
      const perRow = Math.ceil(width / attrs.block);
      for (let row = 0; row < rows; row++) {
        for (let b = 0; b < perRow; b++) {
          const step = Math.abs(blocks.scale.data[row * perRow + b] as number);
          const from = row * width + b * attrs.block;
          const own = data.subarray(from, Math.min(from + attrs.block, (row + 1) * width));
          const peak = own.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
          assert.ok(Math.abs(step * 2 ** (attrs.bits - 1) - peak) <= 1e-6 * peak, "step");
          own.forEach((value, i) => {
            const error = Math.abs(restored[from + i]! - value);
            const isClipped = Math.abs(value) > peak - step / 2 && error > 0;
            const bound = isClipped ? step : step / 2;
            assert.ok(error <= bound * (1 + 1e-5), `${value} became ${restored[from + i]}, step ${step}`);
            if (value === own.find((other) => Math.abs(other) === peak))
              assert.ok(error <= 1e-6 * peak, `the largest, ${value}, became ${restored[from + i]}`);
          });
        }
      }
    }),
    { seed: 11, numRuns: 60 },
  );
});

test("what was restored is held without loss", () => {
  fc.assert(
    fc.property(matrices, ({ rows, width, attrs, data }) => {
      const layout = tableLayout([rows, width]);
      const once = restoreBlocks(quantiseBlocks(data, layout, attrs), layout, attrs);
      const twice = restoreBlocks(quantiseBlocks(once.data as Float32Array, layout, attrs), layout, attrs);
      assert.deepEqual(twice, once);
    }),
    { seed: 12, numRuns: 40 },
  );
});

test("a projection [I, O] is cut as the table of its columns", () => {
  fc.assert(
    fc.property(matrices, ({ rows, width, attrs, data }) => {
      const turned = new Float32Array(data.length);
      for (let r = 0; r < rows; r++)
        for (let i = 0; i < width; i++) turned[i * rows + r] = data[r * width + i]!;
      const table = quantiseBlocks(data, tableLayout([rows, width]), attrs);
      const layout = projectionLayout([width, rows]);
      const projection = quantiseBlocks(turned, layout, attrs);
      assert.deepEqual(projection, table);
      const restored = restoreBlocks(projection, layout, attrs);
      assert.deepEqual(restored.shape, [width, rows]);
      const expected = restoreBlocks(table, tableLayout([rows, width]), attrs).data;
      for (let r = 0; r < rows; r++)
        for (let i = 0; i < width; i++)
          assert.equal(restored.data[i * rows + r], expected[r * width + i], `[${r}, ${i}]`);
    }),
    { seed: 13, numRuns: 40 },
  );
});

test("what int8 stands for is exactly what training's fake quantisation computes", async () => {
  const random = createRandom(4);
  const weight = float32(
    [40, 24],
    Array.from({ length: 960 }, () => random.normal()),
  );
  const b = new GraphBuilder("fake");
  b.output("y", b.fakeQuant(b.input("w", "float32", [40, 24]), 8));
  const session = await onnxCpuBackend.compile(b.build(), { threads: 1 });
  const { y } = await session.run({ w: weight });
  session.close();
  // An integer zero has no sign.
  const expected = Array.from(y!.data as Float32Array, (value) => value + 0);
  assert.deepEqual([...restoreInt8(quantiseInt8(weight)).data], expected);
});
