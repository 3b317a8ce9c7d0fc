import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createRandom } from "../base/random.ts";
import { GraphBuilder } from "../graph/builder.ts";
import { lowerToOnnx } from "../lower/onnx/lower.ts";
import { float32, type Tensor, tensor } from "../tensor/tensor.ts";
import { openOnnx } from "./onnx/backend.ts";
import { exactInt8 } from "./onnx/int8-overflow.ts";
import { runReference } from "./reference/session.ts";

// op-agreement.test.ts feeds the weights; here they are in the file and packed, as in an artefact. Sizes are those at
// which kernels use their whole tiles, several threads, and ends of vectors.

const [rows, width, columns] = [70, 300, 517];
type Activations = "int8" | "float32";

function graphOf(transB: boolean, activations: Activations, leading: readonly string[] = ["M"]) {
  const b = new GraphBuilder("rows");
  const x = b.input("x", "float32", [...leading, width]);
  const values = b.parameter("values", transB ? [columns, width] : [width, columns], "int8");
  const scale = b.parameter("scale", [columns]);
  b.output("y", b.matmulInt8(x, values, scale, { transB, activations }));
  return b.build();
}

/** Rows of very different sizes, one of zeros, one with a value beside which all others vanish. */
function drawRows(): Float32Array {
  const random = createRandom(4);
  const x = Float32Array.from({ length: rows * width }, () => random.normal());
  for (let row = 0; row < rows; row++) {
    const size = row === 5 ? 0 : 10 ** ((row % 9) - 4);
    for (let i = 0; i < width; i++) x[row * width + i]! *= size;
  }
  x[7 * width + 3] = 1e6;
  return x;
}

function drawWeights(transB: boolean): Record<string, Tensor> {
  const random = createRandom(5);
  const values = Int8Array.from({ length: width * columns }, () => random.integer(255) - 127);
  return {
    values: tensor("int8", transB ? [columns, width] : [width, columns], values),
    scale: float32(
      [columns],
      Array.from({ length: columns }, () => 0.001 + random.next()),
    ),
  };
}

for (const transB of [false, true]) {
  describe(transB ? "x times the transpose of a table" : "x times a projection", () => {
    const parameters = drawWeights(transB);
    const x = drawRows();
    const open = (activations: Activations, threads = 2, leading?: readonly string[]) =>
      openOnnx(lowerToOnnx(graphOf(transB, activations, leading), { parameters }).bytes, { threads });
    const part = (first: number, count: number): Tensor =>
      tensor("float32", [count, width], x.slice(first * width, (first + count) * width));

    test("a row has the same bits alone, in company, and with any number of threads", async () => {
      const session = await open("int8");
      const single = await open("int8", 1);
      const all = (await session.run({ x: part(0, rows) }))["y"]!.data as Float32Array;
      const check = async (from: typeof session, first: number, count: number): Promise<void> => {
        const got = (await from.run({ x: part(first, count) }))["y"]!.data as Float32Array;
        const expected = all.slice(first * columns, (first + count) * columns);
        assert.equal(got.length, expected.length);
        const differs = got.findIndex((value, i) => !Object.is(value, expected[i]));
        assert.equal(differs, -1, `rows ${first} +${count}: element ${differs}`);
      };
      for (let row = 0; row < rows; row++) await check(session, row, 1);
      for (const count of [2, 3, 4, 5, 6, 7, 8, 12, 16, 33]) await check(session, 9, count);
      await check(single, 0, rows);
      await check(single, 11, 1);
      session.close();
      single.close();
    });

    for (const activations of ["int8", "float32"] as const) {
      test(`${activations} activations: rows of sequences side by side have the bits of flat rows`, async () => {
        const [flat, apart] = [await open(activations), await open(activations, 2, ["B", "T"])];
        const expected = (await flat.run({ x: part(0, rows) }))["y"]!;
        for (const [B, T] of [
          [1, 70],
          [7, 10],
          [70, 1],
        ] as const) {
          const y = (await apart.run({ x: { ...part(0, rows), shape: [B, T, width] } }))["y"]!;
          assert.deepEqual(y.shape, [B, T, columns]);
          assert.deepEqual(y.data, expected.data, `${B} sequences of ${T}`);
        }
        flat.close();
        apart.close();
      });
    }

    test("no rows give none: prefill runs that need no logits have such a head", async () => {
      const session = await open("int8");
      assert.deepEqual((await session.run({ x: part(0, 0) }))["y"]!.shape, [0, columns]);
      session.close();
    });

    for (const activations of ["int8", "float32"] as const) {
      test(`${activations} activations: the packed product is the reference's`, async () => {
        const session = await open(activations);
        const got = (await session.run({ x: part(0, 12) }))["y"]!.data;
        session.close();
        const feeds = { x: part(0, 12), ...parameters };
        const expected = runReference(graphOf(transB, activations), feeds)["y"]!.data;
        for (let row = 0; row < 12; row++) {
          const at = (i: number): number => Number(expected[row * columns + i]);
          let size = 0;
          for (let i = 0; i < columns; i++) size = Math.max(size, Math.abs(at(i)));
          for (let i = 0; i < columns; i++) {
            const difference = Math.abs(Number(got[row * columns + i]) - at(i));
            assert.ok(difference <= 2e-6 * size, `row ${row}, column ${i}: off by ${difference} of ${size}`);
          }
        }
      });
    }
  });
}

test("the slower kernels that x86-64 without VNNI is given add exactly, where pairs of products pass 16 bits", async () => {
  for (const transB of [false, true]) {
    const [inner, outer, count] = [300, 17, 9];
    const b = new GraphBuilder("full");
    const x = b.input("x", "float32", [count, inner]);
    const values = b.parameter("values", transB ? [outer, inner] : [inner, outer], "int8");
    b.output("y", b.matmulInt8(x, values, b.parameter("scale", [outer]), { transB, activations: "int8" }));
    const parameters = {
      values: tensor("int8", transB ? [outer, inner] : [inner, outer], new Int8Array(5100).fill(127)),
      scale: float32([outer], new Array<number>(outer).fill(1)),
    };
    const { bytes } = lowerToOnnx(b.build(), { parameters });
    for (const config of [{}, exactInt8]) {
      const session = await openOnnx(bytes, { config });
      const y = (await session.run({ x: tensor("float32", [count, inner], new Float32Array(2700).fill(1)) }))[
        "y"
      ]!;
      session.close();
      for (const value of y.data)
        assert.ok(Math.abs(Number(value) - 300 * 127) < 0.01, `${value}, ${JSON.stringify(config)}`);
    }
  }
});

test("what rounding rows costs is a step of each, and float32 activations round a thousandth of that", async () => {
  const parameters = drawWeights(false);
  const x = tensor("float32", [rows, width], drawRows());
  const exact = runReference(graphOf(false, "float32"), { x, ...parameters })["y"]!.data;
  const errorOf = async (activations: Activations): Promise<number> => {
    const session = await openOnnx(lowerToOnnx(graphOf(false, activations), { parameters }).bytes);
    const got = (await session.run({ x }))["y"]!.data;
    session.close();
    // The first row: of ordinary numbers.
    let squares = 0;
    for (let i = 0; i < columns; i++) squares += (Number(got[i]) - Number(exact[i])) ** 2;
    return Math.sqrt(squares / columns);
  };
  let size = 0;
  for (let i = 0; i < columns; i++) size += Number(exact[i]) ** 2 / columns;
  const [rounded, fine] = [await errorOf("int8"), await errorOf("float32")];
  // A step is peak / 127 ≈ 3 / 127 of a deviation, an error 1/√12 of it: 0.007.
  assert.ok(
    rounded > 2e-3 * Math.sqrt(size) && rounded < 2e-2 * Math.sqrt(size),
    `${rounded / Math.sqrt(size)}`,
  );
  assert.ok(fine < 1e-3 * rounded, `${fine} against ${rounded}`);
});
