import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runReference } from "../backend/reference/session.ts";
import { LimbeckError } from "../base/errors.ts";
import { GraphBuilder } from "../graph/builder.ts";
import type { Value } from "../graph/graph.ts";
import { printGraph } from "../graph/print.ts";
import { verifyGraph } from "../graph/verify.ts";
import { int64, type Tensor, tensor } from "../tensor/tensor.ts";
import { gradients, pullBack } from "./gradients.ts";

const float64 = (shape: readonly number[], values: readonly number[]): Tensor =>
  tensor("float64", shape, Float64Array.from(values));

/** The gradient of Σ weights · f(x) at the numbers `at`. */
function gradientOf(at: readonly number[], f: (b: GraphBuilder, x: Value) => Value): number[] {
  const b = new GraphBuilder("gradient");
  const x = b.input("x", "float64", [at.length]);
  const y = f(b, x);
  const loss = b.reduceSum(b.mul(b.cast(y, "float64"), 3));
  const [gradient] = gradients(b, loss, [x]);
  b.output("gradient", gradient!);
  const { gradient: result } = runReference(b.build(), { x: float64([at.length], at) });
  return Array.from(result!.data, Number);
}

const hasCode = (code: string, message: RegExp) => (error: unknown) =>
  error instanceof LimbeckError && error.code === code && message.test(error.message);

describe("gradients", () => {
  it("adds up what arrives over several uses", () => {
    // 3 · d(x² + 2x)/dx = 6x + 6.
    assert.deepEqual(
      gradientOf([1, -2], (b, x) => b.add(b.mul(x, x), b.mul(x, 2))),
      [12, -6],
    );
  });

  it("is zero through what is constant almost everywhere and through stopGradient", () => {
    const at = [0.3, -1.7];
    assert.deepEqual(
      gradientOf(at, (b, x) => b.round(x)),
      [0, 0],
    );
    assert.deepEqual(
      gradientOf(at, (b, x) => b.sign(x)),
      [0, 0],
    );
    assert.deepEqual(
      gradientOf(at, (b, x) => b.less(x, 0)),
      [0, 0],
    );
    assert.deepEqual(
      gradientOf(at, (b, x) => b.equal(x, 0.3)),
      [0, 0],
    );
    assert.deepEqual(
      gradientOf(at, (b, x) => b.argMax(x, 0)),
      [0, 0],
    );
    assert.deepEqual(
      gradientOf(at, (b, x) => b.stopGradient(x)),
      [0, 0],
    );
    assert.deepEqual(
      gradientOf(at, (b, x) => b.mul(b.stopGradient(x), x)),
      [0.3 * 3, -1.7 * 3],
    );
  });

  it("keeps the conventions at kinks and ties", () => {
    assert.deepEqual(
      gradientOf([0, 1], (b, x) => b.relu(x)),
      [0, 3],
    );
    assert.deepEqual(
      gradientOf([0, -1], (b, x) => b.abs(x)),
      [0, -3],
    );
    assert.deepEqual(
      gradientOf([-1, 1, 2], (b, x) => b.clip(x, -1, 1)),
      [3, 3, 0],
    );
    assert.deepEqual(
      gradientOf([5, 1, 5, 5], (b, x) => b.reduceMax(x)),
      [1, 0, 1, 1],
    );
    // The first operand takes the gradient of a tie.
    assert.deepEqual(
      gradientOf([2, 3], (b, x) => b.maximum(b.mul(x, 2), b.add(x, 2))),
      [6, 6],
    );
    assert.deepEqual(
      gradientOf([2, 3], (b, x) => b.minimum(b.mul(x, 2), b.add(x, 2))),
      [6, 3],
    );
  });

  it("gives zeros of the right type where no path leads", () => {
    const b = new GraphBuilder("unused");
    const x = b.input("x", "float64", [2]);
    const unused = b.parameter("unused", [2, 3]);
    const [gradient] = gradients(b, b.reduceSum(x), [unused]);
    b.output("gradient", gradient!);
    assert.equal(gradient!.dtype, "float32");
    const result = runReference(b.build(), {
      x: float64([2], [1, 2]),
      unused: float64([2, 3], [1, 2, 3, 4, 5, 6]),
    });
    assert.deepEqual([...result["gradient"]!.data], [0, 0, 0, 0, 0, 0]);
  });

  it("stops at intermediate values as well as at inputs, and takes the loss itself", () => {
    const b = new GraphBuilder("intermediate");
    const x = b.input("x", "float64", [2]);
    const hidden = b.mul(x, x);
    const loss = b.reduceSum(b.mul(hidden, 5));
    const found = gradients(b, loss, [hidden, x, loss]);
    found.forEach((value, i) => {
      b.output(`g${i}`, value);
    });
    const { g0, g1, g2 } = runReference(b.build(), { x: float64([2], [1, 3]) });
    assert.deepEqual([[...g0!.data], [...g1!.data], [...g2!.data]], [[5, 5], [10, 30], [1]]);
  });

  it("changes dtypes back across casts", () => {
    const b = new GraphBuilder("casts");
    const x = b.input("x", "float32", [2]);
    const loss = b.reduceSum(b.mul(b.cast(x, "float64"), 2));
    assert.equal(gradients(b, loss, [x])[0]!.dtype, "float32");
  });

  it("names sizes that are known when the graph runs", () => {
    const b = new GraphBuilder("named");
    const x = b.input("x", "float64", ["B", "T", 2]);
    const weight = b.parameter("weight", [2, 3], "float64");
    const norm = b.parameter("norm", [2], "float64");
    const loss = b.reduceSum(b.matmul(b.rmsNorm(x, norm, 1e-3), weight));
    const wrt = [weight, norm, x];
    gradients(b, loss, wrt).forEach((gradient, i) => {
      assert.deepEqual(gradient.shape, wrt[i]!.shape);
      b.output(`g${i}`, gradient);
    });
    const numbers = { weight: float64([2, 3], [1, 2, 3, 4, 5, 6]), norm: float64([2], [1, 2]) };
    const named = runReference(b.build(), { ...numbers, x: float64([1, 2, 2], [1, 2, 3, -1]) });
    const fixed = new GraphBuilder("fixed");
    const y = fixed.input("x", "float64", [1, 2, 2]);
    const w = fixed.parameter("weight", [2, 3], "float64");
    const n = fixed.parameter("norm", [2], "float64");
    gradients(fixed, fixed.reduceSum(fixed.matmul(fixed.rmsNorm(y, n, 1e-3), w)), [w, n, y]).forEach(
      (value, i) => {
        fixed.output(`g${i}`, value);
      },
    );
    const known = runReference(fixed.build(), { ...numbers, x: float64([1, 2, 2], [1, 2, 3, -1]) });
    for (const name of ["g0", "g1", "g2"]) {
      const expected = known[name]!.data as Float64Array;
      (named[name]!.data as Float64Array).forEach((value, i) => {
        assert.ok(
          Math.abs(value - expected[i]!) < 1e-12,
          `${name}[${i}]: got ${value}, expected ${expected[i]}`,
        );
      });
    }
  });

  it("pulls several seeds back at once", () => {
    const b = new GraphBuilder("seeds");
    const x = b.input("x", "float64", [2]);
    const seeds = [
      { value: b.mul(x, 2), cotangent: b.input("v", "float64", [2]) },
      { value: b.reduceSum(x), cotangent: b.scalar(10, "float64") },
    ];
    b.output("gradient", pullBack(b, seeds, [x])[0]!);
    const { gradient } = runReference(b.build(), { x: float64([2], [0, 0]), v: float64([2], [1, 2]) });
    assert.deepEqual([...gradient!.data], [12, 14]);
  });
});

describe("the form of gradients", () => {
  it("makes one product of a weight's gradient and never transposes", () => {
    const b = new GraphBuilder("linear");
    const x = b.input("x", "float32", [2, 3, 4]);
    const weight = b.parameter("weight", [4, 5]);
    const loss = b.scope("layer", () => b.reduceSum(b.matmul(x, weight)));
    const [dx, dw] = gradients(b, loss, [x, weight]);
    b.output("dx", dx!);
    b.output("dw", dw!);
    const graph = b.build();
    verifyGraph(graph);
    assert.equal(
      printGraph(graph),
      `graph linear {
  %0 = input {name=x, kind=data} : float32[2, 3, 4]
  %1 = input {name=weight, kind=parameter} : float32[4, 5]
  %2 = constant {1} : float32[]
  %3 = reshape(%2) {shape=[1, 1, 1]} : float32[1, 1, 1]  // grad.layer
  %4 = expand(%3) {shape=[2, 3, 5]} : float32[2, 3, 5]  // grad.layer
  %5 = reshape(%0) {shape=[6, 4]} : float32[6, 4]  // grad.layer
  %6 = reshape(%4) {shape=[6, 5]} : float32[6, 5]  // grad.layer
  %7 = matmul(%6, %1) {transB} : float32[6, 4]  // grad.layer
  %8 = matmul(%5, %6) {transA} : float32[4, 5]  // grad.layer
  %9 = reshape(%7) {shape=[2, 3, 4]} : float32[2, 3, 4]  // grad.layer
  return dx=%9, dw=%8
}
`,
    );
  });

  it("sums only what was broadcast", () => {
    const b = new GraphBuilder("sums");
    const [x, y] = ["x", "y"].map((name) => b.input(name, "float32", [2, 3]));
    const bias = b.parameter("bias", [3]);
    const loss = b.reduceSum(b.add(b.add(x!, y!), bias));
    gradients(b, loss, [x!, y!, bias]).forEach((gradient, i) => {
      b.output(`g${i}`, gradient);
    });
    const sums = b.build().nodes.filter((node) => node.op === "reduceSum");
    assert.deepEqual(
      sums.map((node) => node.attrs),
      [{ axes: [0], keepDims: false }],
    );
  });

  it("reads attention's probabilities again instead of working them out twice", () => {
    const b = new GraphBuilder("attention");
    const [q, k, v] = ["q", "k", "v"].map((name) => b.input(name, "float32", [1, 2, 4, 8]));
    const { out } = b.attention(q!, k!, v!, { scale: 0.5, causal: true });
    gradients(b, b.reduceSum(out), [q!, k!, v!]).forEach((gradient, i) => {
      b.output(`g${i}`, gradient);
    });
    const ops = b.build().nodes.map((node) => node.op);
    const count = (op: string): number => ops.filter((other) => other === op).length;
    assert.deepEqual(
      [count("attention"), count("softmax"), count("matmul"), count("transpose")],
      [1, 0, 4, 0],
    );
  });
});

describe("errors of gradients", () => {
  it("names the operation and the place that have no rule", () => {
    const b = new GraphBuilder("missing");
    const scale = b.parameter("scale", [2]);
    const quantized = b.input("quantized", "int8", [3, 2]);
    const loss = b.scope("layers.1", () => b.reduceSum(b.dequantize(quantized, scale)));
    assert.throws(
      () => gradients(b, loss, [scale]),
      hasCode(
        "vjp_missing",
        /^gradient of dequantize \(layers\.1\): expected a rule, got none for int8\[3, 2\]/,
      ),
    );
    const other = b.parameter("other", [2]);
    const sum = b.add(loss, b.reduceSum(other));
    assert.equal(gradients(b, sum, [other]).length, 1, "a path without gradients needs no rule");
  });

  it("names the operand that has no rule", () => {
    const b = new GraphBuilder("operand");
    const x = b.input("x", "float32", [1, 1, 2, 4]);
    const cos = b.parameter("cos", [2, 2]);
    const sin = b.parameter("sin", [2, 2]);
    const loss = b.reduceSum(b.rotary(x, cos, sin));
    assert.throws(() => gradients(b, loss, [cos]), hasCode("vjp_missing", /operand 1 of rotary/));
    assert.equal(gradients(b, loss, [x]).length, 1);
  });

  it("says so where a named size would have to be known", () => {
    const b = new GraphBuilder("mean");
    const x = b.input("x", "float32", ["T"]);
    assert.throws(() => gradients(b, b.reduceMean(x), [x]), hasCode("vjp_missing", /reduceMean/));
    const table = b.parameter("table", [4, 2]);
    const ids = b.input("ids", "int64", ["T"]);
    assert.throws(
      () => gradients(b, b.reduceSum(b.gather(table, ids)), [table]),
      hasCode("vjp_missing", /gather/),
    );
  });

  it("refuses a loss that is no scalar, integers, and cotangents of another type", () => {
    const b = new GraphBuilder("types");
    const x = b.input("x", "float32", [2]);
    const ids = b.input("ids", "int64", []);
    assert.throws(
      () => gradients(b, x, [x]),
      hasCode("invalid_graph", /expected a float scalar loss, got float32\[2\]/),
    );
    assert.throws(() => gradients(b, ids, [x]), hasCode("invalid_graph", /got int64\[\]/));
    assert.throws(
      () => gradients(b, b.reduceSum(x), [ids]),
      hasCode("invalid_graph", /expected a float value/),
    );
    const seeds = [{ value: x, cotangent: b.reduceSum(x) }];
    assert.throws(
      () => pullBack(b, seeds, [x]),
      hasCode("invalid_graph", /expected a cotangent float32\[2\]/),
    );
  });
});

describe("gather", () => {
  it("adds up the gradients of a row that is read twice", () => {
    const b = new GraphBuilder("rows");
    const table = b.parameter("table", [3, 2], "float64");
    const ids = b.input("ids", "int64", [2, 2]);
    b.output("gradient", gradients(b, b.reduceSum(b.gather(table, ids)), [table])[0]!);
    const { gradient } = runReference(b.build(), {
      table: float64([3, 2], [0, 0, 0, 0, 0, 0]),
      ids: int64([2, 2], [2, 0, 2, 2]),
    });
    assert.deepEqual([...gradient!.data], [1, 1, 0, 0, 3, 3]);
  });
});
