import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LimbeckError } from "../../base/errors.ts";
import { GraphBuilder } from "../../graph/builder.ts";
import type { Value } from "../../graph/graph.ts";
import type { OpName } from "../../graph/ops.ts";
import { type DType, int64, type Tensor, tensor } from "../../tensor/tensor.ts";
import { runReference } from "./session.ts";

const f = (shape: readonly number[], ...values: number[]): Tensor =>
  tensor("float64", shape, Float64Array.from(values));
const vector = (...values: number[]): Tensor => f([values.length], ...values);
const integers = (...values: number[]): Tensor => int64([values.length], values);
/** [1, 17] of 4 bits in blocks of 16: 1 and −2, zeros, and 7 in the second block. */
const packedRow = tensor(
  "uint8",
  [1, 2, 8],
  Uint8Array.of(0x69, ...new Array<number>(7).fill(0x88), 0x8f, ...new Array<number>(7).fill(0x88)),
);
const integersOf = (shape: readonly number[], ...values: number[]): Tensor => int64(shape, values);
const int32 = (shape: readonly number[], ...values: number[]): Tensor =>
  tensor("int32", shape, Int32Array.from(values));
const matrix = f([2, 3], 1, 2, 3, 4, 5, 6);

/** Operands, the operation, and what it gives by its definition, worked out by hand: first output, then the others. */
interface Example {
  readonly operands: readonly Tensor[];
  apply(b: GraphBuilder, operands: readonly Value[]): Value | readonly Value[];
  readonly expected: readonly (readonly number[])[];
}

function example(
  operands: readonly Tensor[],
  apply: Example["apply"],
  ...expected: readonly (readonly number[])[]
): Example {
  return { operands, apply, expected };
}

function runExample({ operands, apply }: Example): Tensor[] {
  const b = new GraphBuilder("example");
  const values = operands.map(({ dtype, shape }, i) => b.input(`x${i}`, dtype, shape));
  const outputs = [apply(b, values)].flat();
  outputs.forEach((value, i) => {
    b.output(`y${i}`, value);
  });
  const result = runReference(
    b.build(),
    Object.fromEntries(operands.map((operand, i) => [`x${i}`, operand])),
  );
  return outputs.map((_, i) => result[`y${i}`]!);
}

const third = 1 / 3;
const e = Math.E;
const quarterTurn = { cos: f([2, 1], 1, 0), sin: f([2, 1], 0, 1) };

const examples: { readonly [O in OpName]: Example } = {
  input: example([vector(1, 2)], (_, [x]) => x!, [1, 2]),
  constant: example([], (b) => b.constant(tensor("float16", [3], Uint16Array.of(0x3c00, 0xc100, 0x0001))), [
    1,
    -2.5,
    2 ** -24,
  ]),
  neg: example([vector(1, -2)], (b, [x]) => b.neg(x!), [-1, 2]),
  exp: example([vector(0, 1)], (b, [x]) => b.exp(x!), [1, e]),
  log: example([vector(1, e)], (b, [x]) => b.log(x!), [0, 1]),
  sqrt: example([vector(4, 9)], (b, [x]) => b.sqrt(x!), [2, 3]),
  reciprocal: example([vector(4, -2)], (b, [x]) => b.reciprocal(x!), [0.25, -0.5]),
  sigmoid: example([vector(0, -800, 800, Math.log(3))], (b, [x]) => b.sigmoid(x!), [0.5, 0, 1, 0.75]),
  tanh: example([vector(0, Math.log(3))], (b, [x]) => b.tanh(x!), [0, 0.8]),
  // Values of Abramowitz and Stegun, table 7.1.
  erf: example(
    [vector(0, 0.5, -1, 2, 7)],
    (b, [x]) => b.erf(x!),
    [0, 0.5204998778130465, -0.8427007929497149, 0.9953222650189527, 1],
  ),
  relu: example([vector(-1, 2)], (b, [x]) => b.relu(x!), [0, 2]),
  silu: example([vector(0, Math.log(3))], (b, [x]) => b.silu(x!), [0, 0.75 * Math.log(3)]),
  abs: example([vector(-1, 2)], (b, [x]) => b.abs(x!), [1, 2]),
  sign: example([vector(-3, 0, 2)], (b, [x]) => b.sign(x!), [-1, 0, 1]),
  round: example([vector(0.5, 1.5, 2.5, -0.5, -1.5, 1.2)], (b, [x]) => b.round(x!), [0, 2, 2, -0, -2, 1]),
  clip: example([vector(-2, 0.5, 3)], (b, [x]) => b.clip(x!, -1, 1), [-1, 0.5, 1]),
  cast: example([vector(-1.7, 2.9)], (b, [x]) => b.cast(x!, "int64"), [-1, 2]),
  stopGradient: example([vector(1, 2)], (b, [x]) => b.stopGradient(x!), [1, 2]),
  add: example([f([2, 1], 1, 2), vector(10, 20)], (b, [x, y]) => b.add(x!, y!), [11, 21, 12, 22]),
  sub: example([f([2, 1], 1, 2), vector(10, 20)], (b, [x, y]) => b.sub(x!, y!), [-9, -19, -8, -18]),
  mul: example([matrix, f([], 2)], (b, [x, y]) => b.mul(x!, y!), [2, 4, 6, 8, 10, 12]),
  div: example([integers(7, -7), integers(2, 2)], (b, [x, y]) => b.div(x!, y!), [3, -3]),
  maximum: example([vector(1, 5), vector(3)], (b, [x, y]) => b.maximum(x!, y!), [3, 5]),
  minimum: example([vector(1, 5), vector(3, 2)], (b, [x, y]) => b.minimum(x!, y!), [1, 2]),
  equal: example([vector(1, 2), f([], 2)], (b, [x, y]) => b.equal(x!, y!), [0, 1]),
  less: example([vector(1, 2), f([], 2)], (b, [x, y]) => b.less(x!, y!), [1, 0]),
  where: example(
    [tensor("bool", [2, 1], Uint8Array.of(1, 0)), vector(1, 2), f([], 9)],
    (b, [test, x, y]) => b.where(test!, x!, y!),
    [1, 2, 9, 9],
  ),
  matmul: example(
    [f([1, 3, 2], 1, 4, 2, 5, 3, 6), f([2, 1, 3], 1, 0, 0, 0, 1, 1)],
    (b, [x, y]) => [b.matmul(x!, y!, { transA: true, transB: true, alpha: 10 }), b.matmul(y!, x!)],
    [10, 40, 50, 110],
    [1, 4, 5, 11],
  ),
  transpose: example([matrix], (b, [x]) => b.transpose(x!, [1, 0]), [1, 4, 2, 5, 3, 6]),
  reshape: example([matrix], (b, [x]) => b.reshape(x!, [3, -1]), [1, 2, 3, 4, 5, 6]),
  expand: example([f([2, 1], 1, 2)], (b, [x]) => b.expand(x!, [2, 2, 2]), [1, 1, 2, 2, 1, 1, 2, 2]),
  concat: example([matrix, f([2, 1], 8, 9)], (b, [x, y]) => b.concat([x!, y!], 1), [1, 2, 3, 8, 4, 5, 6, 9]),
  slice: example([matrix], (b, [x]) => b.slice(x!, -1, 1, 3), [2, 3, 5, 6]),
  reduceSum: example([matrix], (b, [x]) => b.reduceSum(x!, [0]), [5, 7, 9]),
  reduceMean: example([matrix], (b, [x]) => b.reduceMean(x!, [-1], true), [2, 5]),
  reduceMax: example([matrix], (b, [x]) => b.reduceMax(x!), [6]),
  cumSum: example(
    [vector(1, 2, 4)],
    (b, [x]) => [
      b.cumSum(x!, 0),
      b.cumSum(x!, 0, { exclusive: true }),
      b.cumSum(x!, 0, { reverse: true }),
      b.cumSum(x!, 0, { exclusive: true, reverse: true }),
    ],
    [1, 3, 7],
    [0, 1, 3],
    [7, 6, 4],
    [6, 4, 0],
  ),
  argMax: example([f([2, 3], 1, 5, 5, -1, -2, -1)], (b, [x]) => b.argMax(x!, 1), [1, 0]),
  softmax: example(
    [f([2, 2], 1000, 1000 + Math.log(3), 0, 0)],
    (b, [x]) => b.softmax(x!),
    [0.25, 0.75, 0.5, 0.5],
  ),
  logSoftmax: example([f([2, 2], 0, 7, Math.log(3), 7)], (b, [x]) => b.logSoftmax(x!, 0), [
    Math.log(0.25),
    Math.log(0.5),
    Math.log(0.75),
    Math.log(0.5),
  ]),
  gather: example([matrix, int64([1, 2], [1, 0])], (b, [x, at]) => b.gather(x!, at!), [4, 5, 6, 1, 2, 3]),
  scatterAdd: example(
    [integers(2, 2), matrix],
    (b, [at, x]) => b.scatterAdd(at!, x!, 3),
    [0, 0, 0, 0, 0, 0, 5, 7, 9],
  ),
  gatherElements: example(
    [matrix, int64([2, 1], [2, 0]), int64([1, 3], [1, 0, 1])],
    (b, [x, columns, rows]) => [b.gatherElements(x!, columns!, 1), b.gatherElements(x!, rows!, 0)],
    [3, 4],
    [4, 2, 6],
  ),
  scatterElementsAdd: example(
    [matrix, int64([2, 2], [2, 2, 0, 1]), f([2, 2], 10, 20, 30, 40)],
    (b, [x, at, updates]) => b.scatterElementsAdd(x!, at!, updates!, 1),
    [1, 2, 33, 34, 45, 6],
  ),
  // mean x² = 12.5 − 0.25 + 0.25.
  rmsNorm: example(
    [vector(3, 4), vector(1, 2)],
    (b, [x, w]) => b.apply("rmsNorm", [x!, w!], { epsilon: 12.5 }),
    [3 / 5, 8 / 5],
    [1 / 5],
  ),
  // At position 0 the pairs (1, 3) and (2, 4) stay; at 1 the first turns by a quarter, the second by a half.
  rotary: example(
    [f([1, 1, 2, 4], 1, 2, 3, 4, 1, 2, 3, 4), f([2, 2], 1, 1, 0, -1), f([2, 2], 0, 0, 1, 0)],
    (b, [x, cos, sin]) => [b.rotary(x!, cos!, sin!), b.rotary(x!, cos!, sin!, true)],
    [1, 2, 3, 4, -3, -2, 1, -4],
    [1, 2, 3, 4, 3, -2, -1, -4],
  ),
  // tanh has no closed form: at ±0 the gate is x/2, and far out it is x or 0.
  geglu: example([vector(0, 100, -100, 1), vector(2, 3, 4, 5)], (b, [x, y]) => b.geglu(x!, y!), [
    0,
    300,
    0,
    2.5 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * 1.044715)),
  ]),
  swiglu: example([vector(Math.log(3)), vector(2)], (b, [x, y]) => b.swiglu(x!, y!), [1.5 * Math.log(3)]),
  // Two heads. The scores of the first are 0, ln 2 and 2.5, or 0; the first query sees the first two of three keys.
  // Those of the second are beyond what exp can hold.
  attention: example(
    [
      f([1, 2, 2, 1], 1, 0, 1000, 1000),
      f([1, 2, 3, 1], 0, 2 * Math.LN2, 5, 4, 8, 8),
      f([1, 2, 3, 1], 3, 6, 9, 1, 2, 4),
    ],
    (b, [q, k, v]) => {
      const { out, probabilities } = b.attention(q!, k!, v!, { scale: 0.5, causal: true });
      const local = b.attention(q!, k!, v!, { scale: 0.5, causal: true, window: 2 });
      return [out, probabilities, local.out, local.probabilities];
    },
    [5, 6, 2, 3],
    [third, 2 * third, 0, third, third, third, 0, 1, 0, 0, 0.5, 0.5],
    [5, 7.5, 2, 3],
    [third, 2 * third, 0, 0, 0.5, 0.5, 0, 1, 0, 0, 0.5, 0.5],
  ),
  crossEntropy: example(
    [f([2, 2], 0, Math.log(3), 500, -500), integers(0, 0)],
    (b, [logits, targets]) => {
      const { nll, probabilities } = b.crossEntropy(logits!, targets!);
      return [nll, probabilities];
    },
    [Math.log(4), 0],
    [0.25, 0.75, 1, 0],
  ),
  // The second row: one class has all the mass, and its neighbour e^−1000 of it.
  pickLogSoftmax: example(
    [f([2, 2], 0, Math.log(3), 500, -500), integersOf([2, 3], 1, 0, 1, 0, 1, 1)],
    (b, [logits, classes]) => {
      const { picked, logProbabilities } = b.pickLogSoftmax(logits!, classes!);
      return [picked, logProbabilities];
    },
    [Math.log(0.75), Math.log(0.25), Math.log(0.75), 0, -1000, -1000],
    [Math.log(0.25), Math.log(0.75), 0, -1000],
  ),
  // Scales 1/7 · 7 = 1 and 14/7 = 2, 4 bits; ties to even: 2.5 → 2, and 5 / 2 = 2.5 → 2.
  fakeQuant: example(
    [f([3, 2], 7, -14, 2.5, 5, -1.4, 0.9)],
    (b, [w]) => b.fakeQuant(w!, 4),
    [7, -14, 2, 4, -1, 0],
  ),
  dequantize: example(
    [tensor("int8", [2, 2], Int8Array.of(1, -2, 3, 4)), vector(0.5, 10)],
    (b, [q, scale]) => b.dequantize(q!, scale!),
    [0.5, -20, 1.5, 40],
  ),
  // Low half first: 9 − 8 = 1 and 6 − 8 = −2, in the second block 15 − 8 = 7; the rest is 8 − 8 = 0.
  matmulQuantised: example(
    [f([1, 17], 10, 1, ...new Array<number>(14).fill(5), 3), packedRow, f([1, 2], 0.5, 2)],
    (b, [x, values, scale]) =>
      b.matmulQuantised(x!, values!, scale!, { bits: 4, block: 16, activations: "float32" }),
    [10 * 0.5 - 2 * 0.5 + 3 * 14],
  ),
  // The row's step is 1: 31.4 becomes 31, half of a step goes to the even one.
  matmulInt8: example(
    [f([1, 3], 127, -6.5, 31.4), tensor("int8", [3, 2], Int8Array.of(1, 2, -3, 4, 5, -128)), f([2], 1, 0.5)],
    (b, [x, values, scale]) => b.matmulInt8(x!, values!, scale!, { transB: false, activations: "int8" }),
    [127 + 3 * 6 + 5 * 31, (2 * 127 - 4 * 6 - 128 * 31) / 2],
  ),
  gatherQuantised: example(
    [
      tensor(
        "uint8",
        [2, 1, 16],
        Uint8Array.from({ length: 32 }, (_, i) => 128 + i),
      ),
      f([2, 1], 1, 0.5),
      integers(1, 0),
    ],
    (b, [values, scale, indices]) =>
      b.gatherQuantised(values!, scale!, indices!, { bits: 8, block: 16, width: 3 }),
    [8, 8.5, 9, 0, 1, 2],
  ),
  // One head; the cache holds one token, a second comes at position 1, where the rotation is a quarter turn.
  cachedAttention: example(
    [
      f([1, 1, 2], 0, -1),
      f([1, 1, 2], 5, 0),
      f([1, 1, 2], 3, 6),
      f([1, 1, 2, 2], Math.LN2 + 5, 0, 8, 8),
      f([1, 1, 2, 2], 6, 0, 9, 9),
      int32([1], 1),
      int32([], 2),
      quarterTurn.cos,
      quarterTurn.sin,
    ],
    (b, [q, k, v, pastKey, pastValue, lastPosition, totalLength, cos, sin]) => {
      const { out, presentKey, presentValue } = b.cachedAttention(
        {
          q: q!,
          k: k!,
          v: v!,
          pastKey: pastKey!,
          pastValue: pastValue!,
          lastPosition: lastPosition!,
          totalLength: totalLength!,
          cos: cos!,
          sin: sin!,
        },
        { heads: 1, kvHeads: 1, scale: 1 },
      );
      return [out, presentKey, presentValue];
    },
    // The turned query is (1, 0), the turned key (0, 5): scores ln 2 + 5 and 0.
    [(6 * 2 * e ** 5 + 3) / (2 * e ** 5 + 1), 6 / (2 * e ** 5 + 1)],
    [Math.LN2 + 5, 0, 0, 5],
    [6, 0, 3, 6],
  ),
};

describe("the reference, operation by operation", () => {
  for (const [op, one] of Object.entries(examples)) {
    it(op, () => {
      const results = runExample(one);
      assert.equal(results.length, one.expected.length);
      results.forEach(({ data }, output) => {
        const got = Array.from(data, Number);
        const expected = one.expected[output]!;
        assert.equal(got.length, expected.length, `output ${output}: got ${got.join(", ")}`);
        expected.forEach((value, i) => {
          const difference = Math.abs(got[i]! - value);
          assert.ok(difference < 1e-12, `output ${output}, element ${i}: got ${got[i]}, expected ${value}`);
        });
      });
    });
  }
});

describe("the reference at the edges", () => {
  const run = (operands: readonly Tensor[], apply: Example["apply"]): Tensor[] =>
    runExample({ operands, apply, expected: [] });

  it("gives each dtype its own array", () => {
    const casts: [DType, unknown][] = [
      ["int64", BigInt64Array.of(-1n, 0n, 2n)],
      ["int32", Int32Array.of(-1, 0, 2)],
      ["int8", Int8Array.of(-1, 0, 2)],
      ["bool", Uint8Array.of(1, 0, 1)],
      ["float32", Float64Array.of(-1.5, 0, 2)],
    ];
    for (const [dtype, expected] of casts) {
      const [result] = run([vector(-1.5, 0, 2)], (b, [x]) => b.cast(x!, dtype));
      assert.deepEqual(result!.data, expected, dtype);
    }
  });

  it("reads bfloat16 and the special values of float16", () => {
    const [bfloat] = run([tensor("bfloat16", [2], Uint16Array.of(0x3f80, 0xc020))], (b, [x]) =>
      b.cast(x!, "float64"),
    );
    assert.deepEqual([...bfloat!.data], [1, -2.5]);
    const special = Uint16Array.of(0x7c00, 0xfc00, 0x7e00, 0x8000);
    const [half] = run([tensor("float16", [4], special)], (b, [x]) => b.cast(x!, "float64"));
    assert.deepEqual([...half!.data], [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, -0]);
  });

  for (const window of [undefined, 2])
    it(`shares key/value heads between queries, and starts a cache at position 0 (window ${window})`, () => {
      const local = window === undefined ? {} : { window };
      const [tokens, heads, kvHeads, width, capacity] = [3, 4, 2, 2, 5];
      const numbers = (count: number, seed: number): number[] =>
        Array.from({ length: count }, (_, i) => Math.sin(seed + i));
      const cos = f([capacity, 1], ...numbers(capacity, 50).map(Math.cos));
      const sin = f([capacity, 1], ...numbers(capacity, 50).map(Math.sin));
      const q = f([1, tokens, heads * width], ...numbers(tokens * heads * width, 1));
      const k = f([1, tokens, kvHeads * width], ...numbers(tokens * kvHeads * width, 2));
      const v = f([1, tokens, kvHeads * width], ...numbers(tokens * kvHeads * width, 3));
      const past = f([1, kvHeads, capacity, width], ...numbers(kvHeads * capacity * width, 4));
      const operands = [q, k, v, past, past, int32([1], tokens - 1), int32([], tokens), cos, sin];
      const [cached, plain] = run(
        operands,
        (b, [q1, k1, v1, pastKey, pastValue, last, total, cosines, sines]) => {
          const { out } = b.cachedAttention(
            {
              q: q1!,
              k: k1!,
              v: v1!,
              pastKey: pastKey!,
              pastValue: pastValue!,
              lastPosition: last!,
              totalLength: total!,
              cos: cosines!,
              sin: sines!,
            },
            { heads, kvHeads, scale: 0.6, ...local },
          );
          const split = (x: Value, count: number): Value =>
            b.transpose(b.reshape(x, [1, tokens, count, width]), [0, 2, 1, 3]);
          const turn = (x: Value): Value =>
            b.rotary(x, b.slice(cosines!, 0, 0, tokens), b.slice(sines!, 0, 0, tokens));
          const share = (x: Value): Value => {
            const parts = [0, 0, 1, 1].map((head) => b.slice(x, 1, head, head + 1));
            return b.concat(parts, 1);
          };
          const attended = b.attention(
            turn(split(q1!, heads)),
            share(turn(split(k1!, kvHeads))),
            share(split(v1!, kvHeads)),
            { scale: 0.6, causal: true, ...local },
          );
          return [out, b.reshape(b.transpose(attended.out, [0, 2, 1, 3]), [1, tokens, heads * width])];
        },
      );
      cached!.data.forEach((value, i) => {
        const difference = Math.abs(Number(value) - Number(plain!.data[i]));
        assert.ok(difference < 1e-12, `element ${i}: got ${value}, expected ${plain!.data[i]}`);
      });
    });

  it("refuses positions that the cache does not have", () => {
    const [x, past, table] = [
      f([1, 2, 2], 1, 2, 3, 4),
      f([1, 1, 3, 2], 1, 2, 3, 4, 5, 6),
      f([3, 1], 1, 0, 1),
    ];
    const runAt = (last: number): Tensor[] =>
      run(
        [x, past, table, int32([1], last), int32([], last + 1)],
        (b, [q, pastKey, cos, lastPosition, totalLength]) => {
          const [k, v, pastValue, sin] = [q!, q!, pastKey!, cos!];
          const operands = {
            q: q!,
            k,
            v,
            pastKey: pastKey!,
            pastValue,
            lastPosition: lastPosition!,
            totalLength: totalLength!,
          };
          return b.cachedAttention({ ...operands, cos: cos!, sin }, { heads: 1, kvHeads: 1, scale: 1 }).out;
        },
      );
    for (const last of [1, 2]) assert.equal(runAt(last).length, 1);
    for (const [last, positions] of [
      [0, "-1 to 0"],
      [3, "2 to 3"],
    ] as const) {
      assert.throws(() => runAt(last), new RegExp(`expected positions within 0 and 2, got ${positions}$`));
    }
  });

  it("refuses indices outside of their axis, and integers of what is no number", () => {
    const failed = (message: RegExp) => (error: unknown) =>
      error instanceof LimbeckError && error.code === "backend_failed" && message.test(error.message);
    for (const index of [2, -1]) {
      assert.throws(
        () => run([matrix, integers(index)], (b, [x, at]) => b.gather(x!, at!)),
        failed(new RegExp(`gather: expected indices 0 ≤ i < 2, got ${index}`)),
      );
    }
    assert.throws(
      () => run([vector(Number.NaN)], (b, [x]) => b.cast(x!, "int64")),
      failed(/cast to int64: expected a finite number, got NaN/),
    );
  });
});
