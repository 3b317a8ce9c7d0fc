// One random case for every operation: what the contract suite runs on each backend. Long because it is one table.
import fc from "fast-check";
import { createRandom } from "../base/random.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import type { Value } from "../graph/graph.ts";
import type { OpName } from "../graph/ops.ts";
import { type DType, elementCount, type Tensor, tensor } from "../tensor/tensor.ts";

/** How an operand's numbers are drawn: "wide" reaches where exp overflows in float32; a record means indices. */
export type Draw =
  | "normal"
  | "positive"
  | "halves"
  | "wide"
  | "bool"
  | "int8"
  | "uint8"
  | { readonly below: number };

export interface OpOperand {
  readonly shape: readonly number[];
  readonly draw: Draw;
}

export interface OpCase {
  readonly operands: readonly OpOperand[];
  apply(b: GraphBuilder, operands: readonly Value[]): readonly Value[];
  /** Kernels exist for float32 only. */
  readonly float32Only?: boolean;
}

export function dtypeOf(draw: Draw, float: DType): DType {
  if (typeof draw === "object") return "int64";
  return draw === "bool" || draw === "int8" || draw === "uint8" ? draw : float;
}

/** Values for the operands, each exactly representable in float32. */
export function drawOperands({ operands }: OpCase, float: "float32" | "float64", seed: number): Tensor[] {
  const random = createRandom(seed);
  const one: { readonly [D in Exclude<Draw, object>]: () => number } = {
    normal: () => Math.fround(random.normal()),
    positive: () => Math.fround(0.2 + 2 * random.next()),
    halves: () => random.integer(12) / 2 - 3,
    wide: () => Math.fround(40 * random.normal()),
    bool: () => random.integer(2),
    int8: () => random.integer(256) - 128,
    uint8: () => random.integer(256),
  };
  return operands.map(({ shape, draw }) => {
    const length = elementCount(shape);
    const values = <T>(next: () => T): { length: number; next: () => T } => ({ length, next });
    const fill = ({ next }: { next: () => number }): number[] => Array.from({ length }, next);
    if (typeof draw === "object") {
      const indices = BigInt64Array.from(fill(values(() => random.integer(draw.below))), BigInt);
      return tensor("int64", shape, indices);
    }
    const numbers = fill(values(one[draw]));
    if (draw === "bool" || draw === "uint8") return tensor(draw, shape, Uint8Array.from(numbers));
    if (draw === "int8") return tensor("int8", shape, Int8Array.from(numbers));
    return tensor(float, shape, (float === "float32" ? Float32Array : Float64Array).from(numbers));
  });
}

// 1 for broadcasting, odd sizes for the ends of vector loops.
const size = fc.constantFrom(1, 2, 3, 5, 8, 17);
const flag = fc.boolean();
const shapeOf = (minLength: number, maxLength: number): fc.Arbitrary<number[]> =>
  fc.array(size, { minLength, maxLength });

const withAxis = shapeOf(1, 3).chain((shape) =>
  fc.record({ shape: fc.constant(shape), axis: fc.nat(shape.length - 1) }),
);

/** Shapes that broadcast together: some axes 1, some leading axes left out. */
const broadcast = shapeOf(0, 3).chain((full) => {
  const narrow = fc
    .tuple(fc.array(flag, { minLength: full.length, maxLength: full.length }), fc.nat(full.length))
    .map(([ones, cut]) => full.map((dim, i) => (ones[i] ? 1 : dim)).slice(cut));
  return fc.record({ full: fc.constant(full), a: narrow, b: narrow });
});

type Make = (b: GraphBuilder, x: Value) => Value;

function unary(make: Make, draw: Draw = "normal", extra: Partial<OpCase> = {}): fc.Arbitrary<OpCase> {
  return shapeOf(0, 3).map((shape) => ({
    operands: [{ shape, draw }],
    apply: (b, [x]) => [make(b, x!)],
    ...extra,
  }));
}

function binary(
  make: (b: GraphBuilder, x: Value, y: Value) => Value,
  draw: Draw = "normal",
): fc.Arbitrary<OpCase> {
  return fc.tuple(broadcast, fc.nat(2)).map(([{ full, a, b: c }, which]) => ({
    operands: [
      { shape: which === 0 ? full : a, draw },
      { shape: which === 1 ? full : c, draw },
    ],
    apply: (b, [x, y]) => [make(b, x!, y!)],
  }));
}

function along(
  make: (b: GraphBuilder, x: Value, axis: number) => Value,
  draw: Draw = "normal",
): fc.Arbitrary<OpCase> {
  return withAxis.map(({ shape, axis }) => ({
    operands: [{ shape, draw }],
    apply: (b, [x]) => [make(b, x!, axis)],
  }));
}

function reduction(
  make: (b: GraphBuilder, x: Value, axes: readonly number[], keepDims: boolean) => Value,
): fc.Arbitrary<OpCase> {
  const shapeAndAxes = shapeOf(0, 4).chain((shape) =>
    fc.tuple(fc.constant(shape), fc.subarray([...shape.keys()])),
  );
  return fc.tuple(shapeAndAxes, flag).map(([[shape, axes], keepDims]) => ({
    operands: [{ shape, draw: "normal" }],
    apply: (b, [x]) => [make(b, x!, axes, keepDims)],
  }));
}

/** Data, and indices whose shape differs on the axis only. */
const picked = fc.tuple(withAxis, size).map(([{ shape, axis }, count]) => ({
  axis,
  data: { shape, draw: "normal" as const },
  indices: {
    shape: shape.map((dim, i) => (i === axis ? count : dim)),
    draw: { below: shape[axis]! },
  },
}));

const masks = fc.constantFrom<{ causal: boolean; window?: number }>(
  { causal: false },
  { causal: true },
  { causal: true, window: 1 },
  { causal: true, window: 4 },
);

/** A matrix in blocks: values and scales. */
const inBlocks = fc
  .record({
    rows: size,
    width: fc.constantFrom(16, 32, 33, 128, 200),
    block: fc.constantFrom(16, 32, 128),
    bits: fc.constantFrom<4 | 8>(4, 8),
  })
  .map(({ rows, width, block, bits }) => {
    const blocks = Math.ceil(width / block);
    const operands: OpOperand[] = [
      { shape: [rows, blocks, (block * bits) / 8], draw: "uint8" },
      { shape: [rows, blocks], draw: "positive" },
    ];
    return { rows, width, block, bits, operands };
  });

export const opCases: {
  readonly [O in Exclude<OpName, "input" | "constant" | "cachedAttention">]: fc.Arbitrary<OpCase>;
} = {
  neg: unary((b, x) => b.neg(x)),
  exp: unary((b, x) => b.exp(x)),
  log: unary((b, x) => b.log(x), "positive"),
  sqrt: unary((b, x) => b.sqrt(x), "positive"),
  reciprocal: unary((b, x) => b.reciprocal(x), "positive"),
  sigmoid: unary((b, x) => b.sigmoid(x), "wide"),
  tanh: unary((b, x) => b.tanh(x)),
  erf: unary((b, x) => b.erf(x), "normal", { float32Only: true }),
  relu: unary((b, x) => b.relu(x)),
  silu: unary((b, x) => b.silu(x), "wide"),
  abs: unary((b, x) => b.abs(x)),
  sign: unary((b, x) => b.sign(x), "halves"),
  round: unary((b, x) => b.round(x), "halves"),
  clip: unary((b, x) => b.clip(x, -0.5, 0.25)),
  cast: fc
    .constantFrom<DType>("float32", "float64", "int32", "int64", "bool", "float16", "int8")
    .chain((to) => unary((b, x) => b.cast(b.cast(x, to), x.dtype), "halves")),
  stopGradient: unary((b, x) => b.stopGradient(x)),
  add: binary((b, x, y) => b.add(x, y)),
  sub: binary((b, x, y) => b.sub(x, y)),
  mul: binary((b, x, y) => b.mul(x, y)),
  div: binary((b, x, y) => b.div(x, y), "positive"),
  maximum: binary((b, x, y) => b.maximum(x, y)),
  minimum: binary((b, x, y) => b.minimum(x, y)),
  equal: binary((b, x, y) => b.equal(x, y), "halves"),
  less: binary((b, x, y) => b.less(x, y), "halves"),
  where: broadcast.map(({ full, a, b: c }) => ({
    operands: [
      { shape: a, draw: "bool" },
      { shape: full, draw: "normal" },
      { shape: c, draw: "normal" },
    ],
    apply: (b, [condition, x, y]) => [b.where(condition!, x!, y!)],
  })),
  matmul: fc
    .record({
      batch: broadcast,
      m: size,
      k: size,
      n: size,
      transA: flag,
      transB: flag,
      alpha: fc.constantFrom(1, 0.5, 1 / 3),
    })
    .map(({ batch, m, k, n, transA, transB, alpha }) => ({
      operands: [
        { shape: [...batch.a, ...(transA ? [k, m] : [m, k])], draw: "normal" },
        { shape: [...batch.b, ...(transB ? [n, k] : [k, n])], draw: "normal" },
      ],
      apply: (b, [x, y]) => [b.matmul(x!, y!, { transA, transB, alpha })],
    })),
  transpose: shapeOf(0, 4)
    .chain((shape) =>
      fc.tuple(fc.constant(shape), fc.shuffledSubarray([...shape.keys()], { minLength: shape.length })),
    )
    .map(([shape, perm]) => ({
      operands: [{ shape, draw: "normal" }],
      apply: (b, [x]) => [b.transpose(x!, perm)],
    })),
  reshape: fc.tuple(size, size, size).map(([i, j, k]) => ({
    operands: [{ shape: [i, j, k], draw: "normal" }],
    apply: (b, [x]) => [b.reshape(x!, [k, i * j]), b.reshape(x!, [1, -1])],
  })),
  expand: broadcast.map(({ full, a }) => ({
    operands: [{ shape: a, draw: "normal" }],
    apply: (b, [x]) => [b.expand(x!, [2, ...full])],
  })),
  concat: fc
    .tuple(withAxis, fc.array(size, { minLength: 1, maxLength: 3 }))
    .map(([{ shape, axis }, sizes]) => ({
      operands: sizes.map((own) => ({ shape: shape.map((d, i) => (i === axis ? own : d)), draw: "normal" })),
      apply: (b, values) => [b.concat(values, axis)],
    })),
  slice: fc.tuple(withAxis, fc.nat(), fc.nat()).map(([{ shape, axis }, from, more]) => {
    const start = from % shape[axis]!;
    const end = start + 1 + (more % (shape[axis]! - start));
    return { operands: [{ shape, draw: "normal" }], apply: (b, [x]) => [b.slice(x!, axis, start, end)] };
  }),
  reduceSum: reduction((b, x, axes, keepDims) => b.reduceSum(x, axes, keepDims)),
  reduceMean: reduction((b, x, axes, keepDims) => b.reduceMean(x, axes, keepDims)),
  reduceMax: reduction((b, x, axes, keepDims) => b.reduceMax(x, axes, keepDims)),
  cumSum: fc
    .record({ exclusive: flag, reverse: flag })
    .chain((options) => along((b, x, axis) => b.cumSum(x, axis, options))),
  argMax: flag.chain((keepDims) => along((b, x, axis) => b.argMax(x, axis, keepDims), "halves")),
  softmax: along((b, x, axis) => b.softmax(x, axis), "wide"),
  logSoftmax: along((b, x, axis) => b.logSoftmax(x, axis), "wide"),
  gather: fc.tuple(shapeOf(1, 3), shapeOf(0, 2)).map(([table, at]) => ({
    operands: [
      { shape: table, draw: "normal" },
      { shape: at, draw: { below: table[0]! } },
    ],
    apply: (b, [x, indices]) => [b.gather(x!, indices!)],
  })),
  scatterAdd: fc.tuple(shapeOf(1, 3), size).map(([updates, rows]) => ({
    operands: [
      { shape: [updates[0]!], draw: { below: rows } },
      { shape: updates, draw: "normal" },
    ],
    apply: (b, [indices, x]) => [b.scatterAdd(indices!, x!, rows)],
  })),
  gatherElements: picked.map(({ data, indices, axis }) => ({
    operands: [data, indices],
    apply: (b, [x, at]) => [b.gatherElements(x!, at!, axis)],
  })),
  scatterElementsAdd: picked.map(({ data, indices, axis }) => ({
    operands: [data, indices, { shape: indices.shape, draw: "normal" }],
    apply: (b, [x, at, updates]) => [b.scatterElementsAdd(x!, at!, updates!, axis)],
  })),
  rmsNorm: fc.tuple(shapeOf(1, 3), fc.constantFrom(1e-5, 1e-2)).map(([shape, epsilon]) => ({
    operands: [
      { shape, draw: "normal" },
      { shape: [shape.at(-1)!], draw: "normal" },
    ],
    apply: (b, [x, weight]) => b.apply("rmsNorm", [x!, weight!], { epsilon }),
  })),
  rotary: fc
    .record({ B: size, H: size, T: size, half: fc.constantFrom(4, 8, 16), inverse: flag })
    .map(({ B, H, T, half, inverse }) => ({
      operands: [
        { shape: [B, H, T, 2 * half], draw: "normal" },
        { shape: [T, half], draw: "normal" },
        { shape: [T, half], draw: "normal" },
      ],
      apply: (b, [x, cos, sin]) => [b.rotary(x!, cos!, sin!, inverse)],
    })),
  swiglu: shapeOf(0, 3).map((shape) => ({
    operands: [
      { shape, draw: "wide" },
      { shape, draw: "normal" },
    ],
    apply: (b, [gate, up]) => [b.swiglu(gate!, up!)],
  })),
  geglu: shapeOf(0, 3).map((shape) => ({
    operands: [
      { shape, draw: "wide" },
      { shape, draw: "normal" },
    ],
    apply: (b, [gate, up]) => [b.geglu(gate!, up!)],
  })),
  attention: fc
    .record({ B: size, H: size, T: size, more: fc.nat(9), D: size, mask: masks })
    .map(({ B, H, T, more, D, mask }) => ({
      operands: [
        { shape: [B, H, T, D], draw: "normal" },
        { shape: [B, H, T + more, D], draw: "normal" },
        { shape: [B, H, T + more, D], draw: "normal" },
      ],
      apply: (b, [q, k, v]) => {
        const { out, probabilities } = b.attention(q!, k!, v!, { scale: 0.7, ...mask });
        return [out, probabilities];
      },
    })),
  crossEntropy: fc.tuple(size, size).map(([rows, classes]) => ({
    operands: [
      { shape: [rows, classes], draw: "wide" },
      { shape: [rows], draw: { below: classes } },
    ],
    apply: (b, [logits, targets]) => {
      const { nll, probabilities } = b.crossEntropy(logits!, targets!);
      return [nll, probabilities];
    },
  })),
  pickLogSoftmax: fc.tuple(size, size, size).map(([rows, classes, picks]) => ({
    operands: [
      { shape: [rows, classes], draw: "wide" },
      { shape: [rows, picks], draw: { below: classes } },
    ],
    apply: (b, [logits, at]) => {
      const { picked: logs, logProbabilities } = b.pickLogSoftmax(logits!, at!);
      return [logs, logProbabilities];
    },
  })),
  fakeQuant: fc.tuple(size, size, fc.constantFrom(4, 8)).map(([rows, columns, bits]) => ({
    operands: [{ shape: [rows, columns], draw: "normal" }],
    apply: (b, [weight]) => [b.fakeQuant(weight!, bits)],
  })),
  dequantize: fc.tuple(size, size).map(([rows, columns]) => ({
    operands: [
      { shape: [rows, columns], draw: "int8" },
      { shape: [columns], draw: "positive" },
    ],
    apply: (b, [quantised, scale]) => [b.dequantize(quantised!, scale!)],
  })),
  // What a kernel may round, "int8" activations, has its own test: quantised-product.test.ts.
  matmulQuantised: fc.tuple(inBlocks, shapeOf(0, 2)).map(([{ width, block, bits, operands }, leading]) => ({
    operands: [{ shape: [...leading, width], draw: "normal" }, ...operands],
    apply: (b, [x, values, scale]) => [
      b.matmulQuantised(x!, values!, scale!, { bits, block, activations: "float32" }),
    ],
    float32Only: true,
  })),
  matmulInt8: fc
    .tuple(
      shapeOf(1, 2),
      size,
      size,
      flag,
      fc.constantFrom("int8", "float32"),
      fc.constantFrom("normal", "halves"),
    )
    .map(([rows, width, columns, transB, activations, draw]) => ({
      operands: [
        { shape: [...rows, width], draw },
        { shape: transB ? [columns, width] : [width, columns], draw: "int8" },
        { shape: [columns], draw: "positive" },
      ],
      apply: (b, [x, values, scale]) => [b.matmulInt8(x!, values!, scale!, { transB, activations })],
      float32Only: true,
    })),
  gatherQuantised: fc.tuple(inBlocks, shapeOf(0, 2)).map(([{ rows, width, block, bits, operands }, at]) => ({
    operands: [...operands, { shape: at, draw: { below: rows } }],
    apply: (b, [values, scale, indices]) => [
      b.gatherQuantised(values!, scale!, indices!, { bits, block, width }),
    ],
    float32Only: true,
  })),
};
