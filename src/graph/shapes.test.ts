import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { LimbeckError } from "../base/errors.ts";
import { type DType, float32 } from "../tensor/tensor.ts";
import { formatType, type Shape, type TensorType } from "./graph.ts";
import type { OpAttrs, OpName } from "./ops.ts";
import { broadcastShapes, inferTypes, shapeRules } from "./shapes.ts";

/** "float32[2, T]" as a type. */
function parseType(text: string): TensorType {
  const [, dtype, dims] = /^(\w+)\[(.*)\]$/.exec(text)!;
  const shape = dims === "" ? [] : dims!.split(", ").map((dim) => (/^\d+$/.test(dim) ? Number(dim) : dim));
  return { dtype: dtype as DType, shape };
}

function infer<O extends OpName>(op: O, attrs: OpAttrs[O], operands: readonly string[]): string[] {
  return inferTypes(op, operands.map(parseType), attrs, "place").map(formatType);
}

/** Attributes, operands and what the rule answers: types, or what the error says was expected. */
type Good<O extends OpName> = readonly [
  attrs: OpAttrs[O],
  operands: readonly string[],
  outputs: readonly string[],
];
type Bad<O extends OpName> = readonly [attrs: OpAttrs[O], operands: readonly string[], expected: string];

interface Examples<O extends OpName> {
  readonly good: readonly Good<O>[];
  readonly bad: readonly Bad<O>[];
}

const unary = {
  good: [[{}, ["float32[2, T]"], ["float32[2, T]"]]],
  bad: [
    [{}, ["int64[2]"], "one float operand"],
    [{}, [], "at least 1 operands"],
    [{}, ["float32[2]", "float32[2]"], "one float operand"],
  ],
} as const;

const binaryBad = [
  [{}, ["float32[2, 3]", "float32[2, 4]"], "two operands that broadcast"],
  [{}, ["float32[T]", "float32[S]"], "two operands that broadcast"],
  [{}, ["float32[2]", "float64[2]"], "operands of one dtype"],
  [{}, ["float32[2]"], "two operands that broadcast"],
] as const;

const binary = {
  good: [
    [{}, ["float32[2, 1]", "float32[3]"], ["float32[2, 3]"]],
    [{}, ["int64[T]", "int64[1]"], ["int64[T]"]],
    [{}, ["float32[]", "float32[B, T]"], ["float32[B, T]"]],
  ],
  bad: binaryBad,
} as const;

const comparison = { good: [[{}, ["float32[2, 1]", "float32[3]"], ["bool[2, 3]"]]], bad: binaryBad } as const;

const reduce = {
  good: [
    [{ axes: [0, 2], keepDims: false }, ["float32[2, T, 4]"], ["float32[T]"]],
    [{ axes: [1], keepDims: true }, ["float32[2, T, 4]"], ["float32[2, 1, 4]"]],
  ],
  bad: [[{ axes: [3], keepDims: false }, ["float32[2, T, 4]"], "an axis below 3"]],
} as const;

const along = {
  good: [[{ axis: 1 }, ["float32[2, T]"], ["float32[2, T]"]]],
  bad: [
    [{ axis: 2 }, ["float32[2, T]"], "an axis below 2"],
    [{ axis: 0 }, ["int64[2]"], "one float operand"],
  ],
} as const;

const causal = { scale: 1, causal: true };
const heads = { heads: 4, kvHeads: 2, scale: 1 };
const cacheOperands = [
  "float32[1, T, 32]",
  "float32[1, T, 16]",
  "float32[1, T, 16]",
  "float32[1, 2, S, 8]",
  "float32[1, 2, S, 8]",
  "int32[1]",
  "int32[]",
  "float32[S, 4]",
  "float32[S, 4]",
];
const cacheWith = (index: number, type: string): string[] =>
  cacheOperands.map((t, i) => (i === index ? type : t));

const examples: { readonly [O in OpName]: Examples<O> } = {
  input: { good: [], bad: [] },
  constant: { good: [[{ tensor: float32([2], [1, 2]) }, [], ["float32[2]"]]], bad: [] },
  neg: unary,
  exp: unary,
  log: unary,
  sqrt: unary,
  reciprocal: unary,
  sigmoid: unary,
  tanh: unary,
  erf: unary,
  relu: unary,
  silu: unary,
  abs: unary,
  sign: unary,
  round: unary,
  stopGradient: unary,
  clip: {
    good: [[{ min: -1, max: 1 }, ["float32[2]"], ["float32[2]"]]],
    bad: [[{ min: 1, max: -1 }, ["float32[2]"], "min ≤ max"]],
  },
  cast: {
    good: [[{ to: "int64" }, ["float32[2, T]"], ["int64[2, T]"]]],
    bad: [[{ to: "bool" }, [], "at least 1 operands"]],
  },
  add: binary,
  sub: binary,
  mul: binary,
  div: binary,
  maximum: binary,
  minimum: binary,
  equal: comparison,
  less: comparison,
  where: {
    good: [[{}, ["bool[2, 1]", "float32[]", "float32[3]"], ["float32[2, 3]"]]],
    bad: [
      [{}, ["float32[2]", "float32[2]", "float32[2]"], "a bool condition"],
      [{}, ["bool[2]", "float32[3]", "float32[3]"], "operands that broadcast"],
      [{}, ["bool[2]", "float32[2]"], "two operands that broadcast"],
    ],
  },
  matmul: {
    good: [
      [
        { transA: false, transB: false, alpha: 1 },
        ["float32[B, T, 4]", "float32[4, 5]"],
        ["float32[B, T, 5]"],
      ],
      [
        { transA: true, transB: true, alpha: 1 },
        ["float32[2, 1, 4, 3]", "float32[7, 5, 4]"],
        ["float32[2, 7, 3, 5]"],
      ],
    ],
    bad: [
      [
        { transA: false, transB: true, alpha: 1 },
        ["float32[3, 4]", "float32[4, 5]"],
        "equal inner sizes, have 4 and 5",
      ],
      [{ transA: false, transB: false, alpha: 1 }, ["float32[4]", "float32[4, 5]"], "operands of rank ≥ 2"],
      [
        { transA: false, transB: false, alpha: 1 },
        ["float32[2, 3, 4]", "float32[3, 4, 5]"],
        "batch axes that broadcast",
      ],
      [
        { transA: false, transB: false, alpha: 1 },
        ["float32[3, 4]", "float64[4, 5]"],
        "operands of one dtype",
      ],
    ],
  },
  transpose: {
    good: [[{ perm: [2, 0, 1] }, ["float32[2, T, 4]"], ["float32[4, 2, T]"]]],
    bad: [
      [{ perm: [0, 0] }, ["float32[2, 3]"], "a permutation of 2 axes"],
      [{ perm: [0] }, ["float32[2, 3]"], "a permutation of 2 axes"],
    ],
  },
  reshape: {
    good: [[{ shape: ["T", 6] }, ["float32[2, T, 3]"], ["float32[T, 6]"]]],
    bad: [
      [{ shape: [5] }, ["float32[2, 3]"], "a shape of as many elements"],
      [{ shape: [-2, -3] }, ["float32[2, 3]"], "a shape of as many elements"],
      [{ shape: [2.5, 2] }, ["float32[5]"], "a shape of as many elements"],
      [{ shape: ["S", 3] }, ["float32[T, 3]"], "a shape of as many elements"],
    ],
  },
  expand: {
    good: [[{ shape: ["B", 2, 3] }, ["float32[2, 1]"], ["float32[B, 2, 3]"]]],
    bad: [[{ shape: [2, 1] }, ["float32[2, 3]"], "a shape that the operand broadcasts to"]],
  },
  concat: {
    good: [[{ axis: 1 }, ["float32[T, 1]", "float32[T, 4]"], ["float32[T, 5]"]]],
    bad: [
      [{ axis: 0 }, ["float32[2, 1]", "float32[2, 4]"], "operands that differ on the axis only"],
      [{ axis: 0 }, ["float32[T]", "float32[T]"], "operands that differ on the axis only"],
      [{ axis: 2 }, ["float32[2, 1]"], "an axis below 2"],
      [{ axis: 0 }, [], "at least 1 operands"],
    ],
  },
  slice: {
    good: [[{ axis: 1, start: 1, end: 3 }, ["float32[T, 3]"], ["float32[T, 2]"]]],
    bad: [
      [{ axis: 1, start: 1, end: 4 }, ["float32[T, 3]"], "0 ≤ start < end ≤ 3"],
      [{ axis: 1, start: 1, end: 1 }, ["float32[T, 3]"], "0 ≤ start < end ≤ 3"],
      [{ axis: 0, start: 0, end: 1 }, ["float32[T, 3]"], "0 ≤ start < end ≤ T"],
    ],
  },
  reduceSum: reduce,
  reduceMean: reduce,
  reduceMax: reduce,
  cumSum: {
    good: [[{ axis: 0, exclusive: true, reverse: false }, ["float32[T]"], ["float32[T]"]]],
    bad: [[{ axis: 1, exclusive: true, reverse: false }, ["float32[T]"], "an axis below 1"]],
  },
  argMax: {
    good: [[{ axis: 1, keepDims: false }, ["float32[T, 5]"], ["int64[T]"]]],
    bad: [[{ axis: 2, keepDims: false }, ["float32[T, 5]"], "an axis below 2"]],
  },
  softmax: along,
  logSoftmax: along,
  gather: {
    good: [[{ distinct: false }, ["float32[9, 4]", "int64[B, T]"], ["float32[B, T, 4]"]]],
    bad: [
      [{ distinct: false }, ["float32[9, 4]", "int32[B]"], "int64 indices"],
      [{ distinct: false }, ["float32[]", "int64[B]"], "a table of rank ≥ 1"],
    ],
  },
  scatterAdd: {
    good: [[{ rows: 9, distinct: false }, ["int64[6]", "float32[6, 4]"], ["float32[9, 4]"]]],
    bad: [
      [{ rows: 9, distinct: false }, ["int64[5]", "float32[6, 4]"], "indices [M] and updates [M, ...]"],
      [{ rows: 9, distinct: false }, ["float32[6]", "float32[6, 4]"], "int64 indices"],
    ],
  },
  gatherElements: {
    good: [[{ axis: 1 }, ["float32[T, 9]", "int64[T, 2]"], ["float32[T, 2]"]]],
    bad: [
      [{ axis: 0 }, ["float32[3, 9]", "int64[3, 2]"], "indices that differ from the data on the axis only"],
      [{ axis: 2 }, ["float32[3, 9]", "int64[3, 9]"], "an axis below 2"],
    ],
  },
  scatterElementsAdd: {
    good: [[{ axis: 1 }, ["float32[T, 9]", "int64[T, 2]", "float32[T, 2]"], ["float32[T, 9]"]]],
    bad: [
      [
        { axis: 1 },
        ["float32[3, 9]", "int64[3, 2]", "float32[3, 3]"],
        "indices and updates of one shape that differ from the data on the axis only",
      ],
      [
        { axis: 1 },
        ["float32[3, 9]", "int64[3, 2]", "float64[3, 2]"],
        "indices and updates of one shape that differ from the data on the axis only",
      ],
    ],
  },
  rmsNorm: {
    good: [[{ epsilon: 1e-5 }, ["float32[B, T, 4]", "float32[4]"], ["float32[B, T, 4]", "float32[B, T, 1]"]]],
    bad: [[{ epsilon: 1e-5 }, ["float32[B, T, 4]", "float32[3]"], "x [..., C] and weight [C]"]],
  },
  rotary: {
    good: [
      [
        { inverse: false },
        ["float32[B, 2, T, 8]", "float32[T, 4]", "float32[T, 4]"],
        ["float32[B, 2, T, 8]"],
      ],
    ],
    bad: [
      [
        { inverse: false },
        ["float32[B, 2, T, 7]", "float32[T, 4]", "float32[T, 4]"],
        "x [B, H, T, D] with even D",
      ],
      [
        { inverse: false },
        ["float32[B, 2, T, 8]", "float32[T, 8]", "float32[T, 4]"],
        "x [B, H, T, D], cos and sin [T, D/2]",
      ],
    ],
  },
  swiglu: {
    good: [[{}, ["float32[T, 4]", "float32[T, 4]"], ["float32[T, 4]"]]],
    bad: [[{}, ["float32[T, 4]", "float32[4]"], "gate and up of one shape"]],
  },
  geglu: {
    good: [[{}, ["float32[T, 4]", "float32[T, 4]"], ["float32[T, 4]"]]],
    bad: [[{}, ["float32[T, 4]", "float32[4]"], "gate and up of one shape"]],
  },
  attention: {
    good: [
      [
        causal,
        ["float32[B, 2, T, 8]", "float32[B, 2, S, 8]", "float32[B, 2, S, 8]"],
        ["float32[B, 2, T, 8]", "float32[B, 2, T, S]"],
      ],
    ],
    bad: [
      [
        causal,
        ["float32[B, 2, T, 8]", "float32[B, 1, S, 8]", "float32[B, 1, S, 8]"],
        "q [B, H, T, D], k and v [B, H, S, D]",
      ],
      [
        causal,
        ["float32[1, 2, 4, 8]", "float32[1, 2, 3, 8]", "float32[1, 2, 3, 8]"],
        "no more queries than keys",
      ],
      [
        { ...causal, window: 0 },
        ["float32[B, 2, T, 8]", "float32[B, 2, S, 8]", "float32[B, 2, S, 8]"],
        "a window of 1 or more",
      ],
      [
        { scale: 1, causal: false, window: 3 },
        ["float32[B, 2, T, 8]", "float32[B, 2, S, 8]", "float32[B, 2, S, 8]"],
        "a window with causal only",
      ],
    ],
  },
  crossEntropy: {
    good: [[{}, ["float32[M, 9]", "int64[M]"], ["float32[M]", "float32[M, 9]"]]],
    bad: [
      [{}, ["float32[M, 9]", "int64[N]"], "logits [M, V] and targets [M]"],
      [{}, ["float32[M, 9]", "float32[M]"], "int64 indices"],
    ],
  },
  pickLogSoftmax: {
    good: [[{}, ["float32[M, 9]", "int64[M, 3]"], ["float32[M, 3]", "float32[M, 9]"]]],
    bad: [
      [{}, ["float32[M, 9]", "int64[N, 3]"], "logits [M, V] and classes [M, K]"],
      [{}, ["float32[M, 9]", "int64[M]"], "logits [M, V] and classes [M, K]"],
      [{}, ["float32[M, 9]", "float32[M, 3]"], "int64 indices"],
    ],
  },
  fakeQuant: {
    good: [[{ bits: 8 }, ["float32[4, 5]"], ["float32[4, 5]"]]],
    bad: [
      [{ bits: 8 }, ["float32[5]"], "a weight [I, O] and 2 to 8 bits"],
      [{ bits: 9 }, ["float32[4, 5]"], "a weight [I, O] and 2 to 8 bits"],
    ],
  },
  dequantize: {
    good: [[{}, ["int8[4, 5]", "float32[5]"], ["float32[4, 5]"]]],
    bad: [
      [{}, ["int8[4, 5]", "float32[4]"], "int8 [I, O] and scale [O]"],
      [{}, ["float32[4, 5]", "float32[5]"], "int8 [I, O] and scale [O]"],
    ],
  },
  matmulQuantised: {
    good: [
      [
        { bits: 4, block: 32, activations: "int8" },
        ["float32[B, T, 40]", "uint8[7, 2, 16]", "float32[7, 2]"],
        ["float32[B, T, 7]"],
      ],
      [
        { bits: 8, block: 16, activations: "float32" },
        ["float32[64]", "uint8[7, 4, 16]", "float32[7, 4]"],
        ["float32[7]"],
      ],
    ],
    bad: [
      [
        { bits: 4, block: 24, activations: "int8" },
        ["float32[3, 48]", "uint8[7, 2, 12]", "float32[7, 2]"],
        "4 or 8 bits, blocks of a power of two ≥ 16, a known width",
      ],
      [
        { bits: 4, block: 32, activations: "int8" },
        ["float32[3, 65]", "uint8[7, 2, 16]", "float32[7, 2]"],
        "values uint8 [R, 3, 16] and scale [R, 3]",
      ],
      [
        { bits: 8, block: 32, activations: "int8" },
        ["float32[3, 64]", "int8[7, 2, 32]", "float32[7, 2]"],
        "values uint8 [R, 2, 32] and scale [R, 2]",
      ],
      [
        { bits: 8, block: 32, activations: "int8" },
        ["float64[3, 64]", "uint8[7, 2, 32]", "float32[7, 2]"],
        "x and scale of one float dtype",
      ],
    ],
  },
  matmulInt8: {
    good: [
      [
        { transB: false, activations: "int8" },
        ["float32[T, 40]", "int8[40, 7]", "float32[7]"],
        ["float32[T, 7]"],
      ],
      [
        { transB: false, activations: "int8" },
        ["float32[B, T, 40]", "int8[40, 7]", "float32[7]"],
        ["float32[B, T, 7]"],
      ],
      [
        { transB: true, activations: "float32" },
        ["float32[3, 40]", "int8[7, 40]", "float32[7]"],
        ["float32[3, 7]"],
      ],
    ],
    bad: [
      [
        { transB: true, activations: "int8" },
        ["float32[3, 40]", "int8[40, 7]", "float32[7]"],
        "x [..., I], values int8 [O, I] and scale [O]",
      ],
      [
        { transB: false, activations: "int8" },
        ["float32[3, 40]", "uint8[40, 7]", "float32[7]"],
        "x [..., I], values int8 [I, O] and scale [O]",
      ],
      [
        { transB: false, activations: "int8" },
        ["float32[3, 70000]", "int8[70000, 7]", "float32[7]"],
        "an I of at most 65793: sums are 32-bit integers",
      ],
      [
        { transB: false, activations: "int8" },
        ["float64[3, 40]", "int8[40, 7]", "float32[7]"],
        "x and scale of one float dtype",
      ],
    ],
  },
  gatherQuantised: {
    good: [
      [
        { bits: 4, block: 32, width: 40 },
        ["uint8[7, 2, 16]", "float32[7, 2]", "int64[1, T]"],
        ["float32[1, T, 40]"],
      ],
    ],
    bad: [
      [
        { bits: 4, block: 32, width: 40 },
        ["uint8[7, 2, 16]", "float32[7, 3]", "int64[1, T]"],
        "values uint8 [R, 2, 16] and scale [R, 2]",
      ],
      [
        { bits: 4, block: 32, width: 40 },
        ["uint8[7, 2, 16]", "float32[7, 2]", "int32[1, T]"],
        "int64 indices",
      ],
    ],
  },
  cachedAttention: {
    good: [[heads, cacheOperands, ["float32[1, T, 32]", "float32[1, 2, S, 8]", "float32[1, 2, S, 8]"]]],
    bad: [
      [heads, cacheOperands.slice(0, 8), "nine operands"],
      [{ ...heads, window: 1.5 }, cacheOperands, "a window of 1 or more"],
      [heads, cacheWith(0, "float32[1, T, 30]"), "q [B, T, H·D] and past [B, K, S, D]"],
      [heads, cacheWith(2, "float32[1, T, 32]"), "k and v [B, T, K·D]"],
      [heads, cacheWith(4, "float32[1, 2, 9, 8]"), "pastValue of pastKey's shape"],
      [heads, cacheWith(7, "float32[S, 8]"), "cos and sin [S, D/2]"],
    ],
  },
};

describe("shape rules", () => {
  for (const op of Object.keys(shapeRules) as OpName[]) {
    // The table's rows are checked above, op by op; here they are read as rows of any op.
    const { good, bad } = examples[op] as unknown as Examples<OpName>;
    it(`of ${op}`, () => {
      for (const [attrs, operands, outputs] of good) assert.deepEqual(infer(op, attrs, operands), outputs);
      for (const [attrs, operands, expected] of bad) {
        assert.throws(
          () => infer(op, attrs, operands),
          (error: unknown) => {
            assert.ok(error instanceof LimbeckError);
            assert.equal(error.code, "invalid_graph");
            assert.deepEqual(error.fields, { op, scope: "place" });
            const got = operands.join(", ") || "no operands";
            assert.equal(error.message, `${op} (place): expected ${expected}, got ${got}`);
            return true;
          },
        );
      }
    });
  }
});

describe("broadcasting", () => {
  const shape = fc.array(fc.constantFrom<number | string>(1, 2, 3, "T"), { maxLength: 3 });

  it("is symmetric, keeps a shape with itself, and gives a shape that both fit", () => {
    fc.assert(
      fc.property(shape, shape, (a: Shape, b: Shape) => {
        const both = broadcastShapes(a, b);
        assert.deepEqual(both, broadcastShapes(b, a));
        assert.deepEqual(broadcastShapes(a, a), a);
        if (both) for (const one of [a, b]) assert.deepEqual(broadcastShapes(one, both), both);
      }),
      { seed: 5 },
    );
  });

  it("does not guess that a named size is 1 or equals another", () => {
    assert.equal(broadcastShapes(["T"], [2]), null);
    assert.equal(broadcastShapes(["T"], ["S"]), null);
    assert.deepEqual(broadcastShapes(["T", 1], [1, "S"]), ["T", "S"]);
  });
});
