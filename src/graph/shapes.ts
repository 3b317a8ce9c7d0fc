// Shape rules: long because the table answers for every operation in one place.
import { LimbeckError } from "../base/errors.ts";
import { dtypes } from "../tensor/tensor.ts";
import { type Dim, factorsOf, formatType, type Shape, type TensorType } from "./graph.ts";
import type { AxisAttrs, BlockAttrs, None, OpAttrs, OpName, ReduceAttrs } from "./ops.ts";

type RuleFor<Attrs> = (
  inputs: readonly TensorType[],
  attrs: Attrs,
  fail: (expected: string) => never,
) => readonly TensorType[];

type Fail = (expected: string) => never;

function operand(inputs: readonly TensorType[], index: number, fail: Fail): TensorType {
  return inputs[index] ?? fail(`at least ${index + 1} operands`);
}

function sameDType(inputs: readonly TensorType[], fail: Fail): TensorType {
  const first = operand(inputs, 0, fail);
  for (const other of inputs) if (other.dtype !== first.dtype) fail("operands of one dtype");
  return first;
}

/** numpy broadcasting; a named size equals only itself (or broadcasts from 1). */
export function broadcastShapes(a: Shape, b: Shape): Shape | null {
  const rank = Math.max(a.length, b.length);
  const out: Dim[] = [];
  for (let i = 0; i < rank; i++) {
    const x = a[i - rank + a.length] ?? 1;
    const y = b[i - rank + b.length] ?? 1;
    if (x !== y && x !== 1 && y !== 1) return null;
    out.push(x === 1 ? y : x);
  }
  return out;
}

const unary: RuleFor<None> = (inputs, _attrs, fail) => {
  const x = operand(inputs, 0, fail);
  if (inputs.length !== 1 || !dtypes[x.dtype].isFloat) fail("one float operand");
  return [x];
};

const binary: RuleFor<None> = (inputs, _attrs, fail) => {
  const { dtype } = sameDType(inputs, fail);
  const [a, b] = inputs;
  const shape = a && b && inputs.length === 2 ? broadcastShapes(a.shape, b.shape) : null;
  return [{ dtype, shape: shape ?? fail("two operands that broadcast") }];
};

const comparison: RuleFor<None> = (inputs, attrs, fail) => [
  { dtype: "bool", shape: binary(inputs, attrs, fail)[0]!.shape },
];

const axisOf = (x: TensorType, axis: number, fail: Fail): Dim =>
  x.shape[axis] ?? fail(`an axis below ${x.shape.length}`);

const reduce: RuleFor<ReduceAttrs> = (inputs, { axes, keepDims }, fail) => {
  const x = operand(inputs, 0, fail);
  for (const axis of axes) axisOf(x, axis, fail);
  const shape = x.shape.flatMap((dim, i) => (axes.includes(i) ? (keepDims ? [1] : []) : [dim]));
  return [{ dtype: x.dtype, shape }];
};

const along: RuleFor<AxisAttrs> = (inputs, { axis }, fail) => {
  const [x] = unary(inputs, {}, fail);
  axisOf(x!, axis, fail);
  return [x!];
};

function count(shape: Shape): { numbers: number; names: string } {
  return {
    numbers: shape.reduce<number>((n, d) => (typeof d === "number" ? n * d : n), 1),
    names: shape
      .flatMap((d) => (typeof d === "string" ? factorsOf(d) : []))
      .sort()
      .join(","),
  };
}

const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((d, i) => d === b[i]);

const gated: RuleFor<None> = (inputs, _attrs, fail) => {
  const gate = sameDType(inputs, fail);
  if (!sameShape(gate.shape, operand(inputs, 1, fail).shape)) fail("gate and up of one shape");
  return [gate];
};

function checkWindow(window: number | undefined, fail: Fail): void {
  if (window !== undefined && !(Number.isInteger(window) && window >= 1)) fail("a window of 1 or more");
}

const indices = (type: TensorType, fail: Fail): TensorType =>
  type.dtype === "int64" ? type : fail("int64 indices");

/** Checks a matrix [R, width] in blocks; returns R. */
function rowsInBlocks(
  values: TensorType,
  scale: TensorType,
  width: Dim | undefined,
  { bits, block }: BlockAttrs,
  fail: Fail,
): Dim {
  const [rows] = values.shape;
  const isBlock = block >= 16 && Number.isInteger(Math.log2(block)) && (bits === 4 || bits === 8);
  if (!isBlock || typeof width !== "number")
    fail("4 or 8 bits, blocks of a power of two ≥ 16, a known width");
  const blocks = Math.ceil((width as number) / block);
  const fits =
    values.dtype === "uint8" &&
    sameShape(values.shape, [rows ?? 0, blocks, (block * bits) / 8]) &&
    sameShape(scale.shape, [rows ?? 0, blocks]);
  if (!fits) fail(`values uint8 [R, ${blocks}, ${(block * bits) / 8}] and scale [R, ${blocks}]`);
  return rows!;
}

/** Products of at most 255 · 128 whose sum fits in 31 bits. */
const mostInt8Terms = Math.floor((2 ** 31 - 1) / (255 * 128));

/** Output types of every operation from its operands' types; `fail` raises an error that names what was expected. */
export const shapeRules: { readonly [O in OpName]: RuleFor<OpAttrs[O]> } = {
  input: () => [],
  constant: (_inputs, { tensor }) => [{ dtype: tensor.dtype, shape: tensor.shape }],
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
  clip: (inputs, { min, max }, fail) => (min <= max ? unary(inputs, {}, fail) : fail("min ≤ max")),
  cast: (inputs, { to }, fail) => [{ dtype: to, shape: operand(inputs, 0, fail).shape }],
  add: binary,
  sub: binary,
  mul: binary,
  div: binary,
  maximum: binary,
  minimum: binary,
  equal: comparison,
  less: comparison,
  where: (inputs, _attrs, fail) => {
    const condition = operand(inputs, 0, fail);
    if (condition.dtype !== "bool") fail("a bool condition");
    const value = binary(inputs.slice(1), {}, fail)[0]!;
    const shape = broadcastShapes(condition.shape, value.shape) ?? fail("operands that broadcast");
    return [{ dtype: value.dtype, shape }];
  },
  matmul: (inputs, { transA, transB }, fail) => {
    const { dtype } = sameDType(inputs, fail);
    const a = operand(inputs, 0, fail).shape;
    const b = operand(inputs, 1, fail).shape;
    if (a.length < 2 || b.length < 2) fail("operands of rank ≥ 2");
    const [m, ka] = transA ? [a.at(-1)!, a.at(-2)!] : [a.at(-2)!, a.at(-1)!];
    const [kb, n] = transB ? [b.at(-1)!, b.at(-2)!] : [b.at(-2)!, b.at(-1)!];
    if (ka !== kb) fail(`equal inner sizes, have ${ka} and ${kb}`);
    const batch = broadcastShapes(a.slice(0, -2), b.slice(0, -2)) ?? fail("batch axes that broadcast");
    return [{ dtype, shape: [...batch, m, n] }];
  },
  transpose: (inputs, { perm }, fail) => {
    const x = operand(inputs, 0, fail);
    const sorted = [...perm].sort((i, j) => i - j);
    if (perm.length !== x.shape.length || sorted.some((p, i) => p !== i))
      fail(`a permutation of ${x.shape.length} axes`);
    return [{ dtype: x.dtype, shape: perm.map((p) => x.shape[p]!) }];
  },
  reshape: (inputs, { shape }, fail) => {
    const x = operand(inputs, 0, fail);
    const before = count(x.shape);
    const after = count(shape);
    const isSize = shape.every((dim) => typeof dim === "string" || (Number.isInteger(dim) && dim >= 0));
    if (!isSize || before.numbers !== after.numbers || before.names !== after.names)
      fail("a shape of as many elements");
    return [{ dtype: x.dtype, shape }];
  },
  expand: (inputs, { shape }, fail) => {
    const x = operand(inputs, 0, fail);
    const out = broadcastShapes(x.shape, shape);
    if (!out || !sameShape(out, shape)) fail("a shape that the operand broadcasts to");
    return [{ dtype: x.dtype, shape }];
  },
  concat: (inputs, { axis }, fail) => {
    const first = sameDType(inputs, fail);
    axisOf(first, axis, fail);
    const total = inputs.reduce((sum, x) => {
      const same =
        x.shape.length === first.shape.length && x.shape.every((d, i) => i === axis || d === first.shape[i]);
      const size = x.shape[axis];
      return same && typeof size === "number" ? sum + size : fail("operands that differ on the axis only");
    }, 0);
    return [{ dtype: first.dtype, shape: first.shape.map((d, i) => (i === axis ? total : d)) }];
  },
  slice: (inputs, { axis, start, end }, fail) => {
    const x = operand(inputs, 0, fail);
    const size = axisOf(x, axis, fail);
    if (typeof size !== "number" || start < 0 || start >= end || end > size)
      fail(`0 ≤ start < end ≤ ${size}`);
    return [{ dtype: x.dtype, shape: x.shape.map((d, i) => (i === axis ? end - start : d)) }];
  },
  reduceSum: reduce,
  reduceMean: reduce,
  reduceMax: reduce,
  cumSum: (inputs, { axis }, fail) => along(inputs, { axis }, fail),
  argMax: (inputs, { axis, keepDims }, fail) => [
    { dtype: "int64", shape: reduce(inputs, { axes: [axis], keepDims }, fail)[0]!.shape },
  ],
  softmax: along,
  logSoftmax: along,
  gather: (inputs, _attrs, fail) => {
    const table = operand(inputs, 0, fail);
    if (table.shape.length < 1) fail("a table of rank ≥ 1");
    return [
      {
        dtype: table.dtype,
        shape: [...indices(operand(inputs, 1, fail), fail).shape, ...table.shape.slice(1)],
      },
    ];
  },
  scatterAdd: (inputs, { rows }, fail) => {
    const at = indices(operand(inputs, 0, fail), fail);
    const updates = operand(inputs, 1, fail);
    if (at.shape.length !== 1 || at.shape[0] !== updates.shape[0]) fail("indices [M] and updates [M, ...]");
    return [{ dtype: updates.dtype, shape: [rows, ...updates.shape.slice(1)] }];
  },
  gatherElements: (inputs, { axis }, fail) => {
    const data = operand(inputs, 0, fail);
    const at = indices(operand(inputs, 1, fail), fail);
    const fits =
      at.shape.length === data.shape.length && at.shape.every((d, i) => i === axis || d === data.shape[i]);
    axisOf(data, axis, fail);
    if (!fits) fail("indices that differ from the data on the axis only");
    return [{ dtype: data.dtype, shape: at.shape }];
  },
  scatterElementsAdd: (inputs, { axis }, fail) => {
    const data = operand(inputs, 0, fail);
    const at = indices(operand(inputs, 1, fail), fail);
    const updates = operand(inputs, 2, fail);
    const fits =
      at.shape.length === data.shape.length && at.shape.every((d, i) => i === axis || d === data.shape[i]);
    axisOf(data, axis, fail);
    if (!fits || !sameShape(at.shape, updates.shape) || updates.dtype !== data.dtype) {
      fail("indices and updates of one shape that differ from the data on the axis only");
    }
    return [data];
  },
  rmsNorm: (inputs, _attrs, fail) => {
    const x = sameDType(inputs, fail);
    const weight = operand(inputs, 1, fail);
    if (weight.shape.length !== 1 || weight.shape[0] !== x.shape.at(-1)) fail("x [..., C] and weight [C]");
    return [x, { dtype: x.dtype, shape: [...x.shape.slice(0, -1), 1] }];
  },
  rotary: (inputs, _attrs, fail) => {
    const x = sameDType(inputs, fail);
    const [, , t, d] = x.shape;
    const half = typeof d === "number" && d % 2 === 0 ? d / 2 : fail("x [B, H, T, D] with even D");
    for (const table of [operand(inputs, 1, fail), operand(inputs, 2, fail)]) {
      if (x.shape.length !== 4 || !sameShape(table.shape, [t!, half]))
        fail("x [B, H, T, D], cos and sin [T, D/2]");
    }
    return [x];
  },
  swiglu: gated,
  geglu: gated,
  attention: (inputs, { causal, window }, fail) => {
    const q = sameDType(inputs, fail);
    if (window !== undefined && !causal) fail("a window with causal only");
    checkWindow(window, fail);
    const k = operand(inputs, 1, fail);
    const v = operand(inputs, 2, fail);
    const [b, h, t, d] = q.shape;
    const s = k.shape[2];
    if (causal && typeof t === "number" && typeof s === "number" && t > s) fail("no more queries than keys");
    if (
      q.shape.length !== 4 ||
      s === undefined ||
      !sameShape(k.shape, [b!, h!, s, d!]) ||
      !sameShape(v.shape, k.shape)
    ) {
      fail("q [B, H, T, D], k and v [B, H, S, D]");
    }
    return [q, { dtype: q.dtype, shape: [b!, h!, t!, s!] }];
  },
  crossEntropy: (inputs, _attrs, fail) => {
    const logits = operand(inputs, 0, fail);
    const targets = indices(operand(inputs, 1, fail), fail);
    if (logits.shape.length !== 2 || !sameShape(targets.shape, [logits.shape[0]!]))
      fail("logits [M, V] and targets [M]");
    return [{ dtype: logits.dtype, shape: targets.shape }, logits];
  },
  pickLogSoftmax: (inputs, _attrs, fail) => {
    const logits = operand(inputs, 0, fail);
    const classes = indices(operand(inputs, 1, fail), fail);
    if (logits.shape.length !== 2 || classes.shape.length !== 2 || classes.shape[0] !== logits.shape[0])
      fail("logits [M, V] and classes [M, K]");
    return [{ dtype: logits.dtype, shape: classes.shape }, logits];
  },
  fakeQuant: (inputs, { bits }, fail) => {
    const [w] = unary(inputs, {}, fail);
    if (w!.shape.length !== 2 || bits < 2 || bits > 8) fail("a weight [I, O] and 2 to 8 bits");
    return [w!];
  },
  dequantize: (inputs, _attrs, fail) => {
    const q = operand(inputs, 0, fail);
    const scale = operand(inputs, 1, fail);
    if (q.dtype !== "int8" || q.shape.length !== 2 || !sameShape(scale.shape, [q.shape[1]!])) {
      fail("int8 [I, O] and scale [O]");
    }
    return [{ dtype: scale.dtype, shape: q.shape }];
  },
  matmulQuantised: (inputs, attrs, fail) => {
    const x = operand(inputs, 0, fail);
    const scale = operand(inputs, 2, fail);
    const outputs = rowsInBlocks(operand(inputs, 1, fail), scale, x.shape.at(-1), attrs, fail);
    if (x.dtype !== scale.dtype || !dtypes[x.dtype].isFloat) fail("x and scale of one float dtype");
    return [{ dtype: x.dtype, shape: [...x.shape.slice(0, -1), outputs] }];
  },
  matmulInt8: (inputs, { transB }, fail) => {
    const x = operand(inputs, 0, fail);
    const values = operand(inputs, 1, fail);
    const scale = operand(inputs, 2, fail);
    const [inner, outer] = transB ? [...values.shape].reverse() : values.shape;
    const fits =
      values.dtype === "int8" &&
      values.shape.length === 2 &&
      x.shape.length >= 2 &&
      x.shape.at(-1) === inner &&
      sameShape(scale.shape, [outer!]);
    if (!fits) fail(`x [..., I], values int8 ${transB ? "[O, I]" : "[I, O]"} and scale [O]`);
    if (!(Number(inner) <= mostInt8Terms)) fail(`an I of at most ${mostInt8Terms}: sums are 32-bit integers`);
    if (x.dtype !== scale.dtype || !dtypes[x.dtype].isFloat) fail("x and scale of one float dtype");
    return [{ dtype: x.dtype, shape: [...x.shape.slice(0, -1), outer!] }];
  },
  gatherQuantised: (inputs, attrs, fail) => {
    const scale = operand(inputs, 1, fail);
    rowsInBlocks(operand(inputs, 0, fail), scale, attrs.width, attrs, fail);
    const at = indices(operand(inputs, 2, fail), fail);
    return [{ dtype: scale.dtype, shape: [...at.shape, attrs.width] }];
  },
  cachedAttention: (inputs, { heads, kvHeads, window }, fail) => {
    checkWindow(window, fail);
    const q = operand(inputs, 0, fail);
    const past = operand(inputs, 3, fail);
    const [b, t, width] = q.shape;
    const [, kv, s, d] = past.shape;
    if (inputs.length !== 9) fail("nine operands");
    if (
      q.shape.length !== 3 ||
      past.shape.length !== 4 ||
      typeof d !== "number" ||
      kv !== kvHeads ||
      width !== heads * d
    ) {
      fail("q [B, T, H·D] and past [B, K, S, D]");
    }
    const flat = [b!, t!, kvHeads * (d as number)];
    if (!sameShape(inputs[1]!.shape, flat) || !sameShape(inputs[2]!.shape, flat)) fail("k and v [B, T, K·D]");
    if (!sameShape(inputs[4]!.shape, past.shape)) fail("pastValue of pastKey's shape");
    const table: Shape = [s!, (d as number) / 2];
    if (!sameShape(inputs[7]!.shape, table) || !sameShape(inputs[8]!.shape, table))
      fail("cos and sin [S, D/2]");
    return [q, past, past];
  },
};

/** Output types of `op`. Error: `invalid_graph` with the operation, its place and its operands' types. */
export function inferTypes<O extends OpName>(
  op: O,
  inputs: readonly TensorType[],
  attrs: OpAttrs[O],
  scope: string,
): readonly TensorType[] {
  const fail = (expected: string): never => {
    throw new LimbeckError(
      "invalid_graph",
      `${op}${scope ? ` (${scope})` : ""}: expected ${expected}, got ${inputs.map(formatType).join(", ") || "no operands"}`,
      { cure: "Check the shapes where this operation is made.", fields: { op, scope } },
    );
  };
  return (shapeRules[op] as RuleFor<OpAttrs[O]>)(inputs, attrs, fail);
}
