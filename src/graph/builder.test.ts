import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LimbeckError } from "../base/errors.ts";
import { GraphBuilder } from "./builder.ts";
import { inputName, type Value } from "./graph.ts";

const invalid = (message: RegExp) => (error: unknown) =>
  error instanceof LimbeckError && error.code === "invalid_graph" && message.test(error.message);

describe("the graph builder", () => {
  it("makes equal scalars once, and keeps dtypes and the sign of zero apart", () => {
    const b = new GraphBuilder("scalars");
    assert.equal(b.scalar(2), b.scalar(2));
    assert.notEqual(b.scalar(2), b.scalar(2, "float64"));
    assert.notEqual(b.scalar(0), b.scalar(-0));
    assert.throws(() => b.scalar(1, "float16"), invalid(/got float16/));
  });

  it("turns numbers into constants of the other operand's dtype", () => {
    const b = new GraphBuilder("numbers");
    const x = b.input("x", "float64", [2]);
    assert.equal(b.add(x, 1).dtype, "float64");
    assert.equal(b.sub(1, x).node.inputs[0]!.dtype, "float64");
    assert.equal(b.where(b.less(x, 0), 0, x).dtype, "float64");
    assert.throws(() => b.add(1, 2), invalid(/at least one operand that is not a number/));
  });

  it("resolves negative axes and the size −1", () => {
    const b = new GraphBuilder("axes");
    const x = b.input("x", "float32", ["T", 4, 6]);
    assert.deepEqual(b.reduceSum(x, [-1]).shape, ["T", 4]);
    assert.deepEqual(b.reduceMax(x).shape, []);
    assert.deepEqual(b.softmax(x).node.attrs, { axis: 2 });
    assert.deepEqual(b.slice(x, -2, 0, 3).shape, ["T", 3, 6]);
    assert.deepEqual(b.reshape(x, ["T", -1, 8]).shape, ["T", 3, 8]);
    assert.throws(() => b.reshape(x, ["T", -1, 5]), invalid(/reshape/));
  });

  it("has plain defaults", () => {
    const b = new GraphBuilder("defaults");
    const x = b.input("x", "float32", [2, 2]);
    const attrsOf = (value: Value): unknown => value.node.attrs;
    assert.deepEqual(attrsOf(b.matmul(x, x)), { transA: false, transB: false, alpha: 1 });
    assert.deepEqual(attrsOf(b.reduceSum(x)), { axes: [0, 1], keepDims: false });
    assert.deepEqual(attrsOf(b.reduceMean(x, [-1, 0])), { axes: [0, 1], keepDims: false });
    assert.deepEqual(attrsOf(b.reduceMax(x, [0])), { axes: [0], keepDims: false });
    assert.deepEqual(attrsOf(b.cumSum(x, -1)), { axis: 1, exclusive: false, reverse: false });
    assert.deepEqual(attrsOf(b.argMax(x, -1)), { axis: 1, keepDims: false });
    assert.deepEqual(attrsOf(b.logSoftmax(x)), { axis: 1 });
    assert.deepEqual(attrsOf(b.concat([x], -2)), { axis: 0 });
    const heads = b.input("heads", "float32", [1, 1, 2, 4]);
    assert.deepEqual(attrsOf(b.rotary(heads, x, x)), { inverse: false });
  });

  it("leaves a cast out where nothing changes", () => {
    const b = new GraphBuilder("casts");
    const x = b.input("x", "float32", [2]);
    assert.equal(b.cast(x, "float32"), x);
    assert.equal(b.cast(x, "float64").dtype, "float64");
  });

  it("names the place of an error, also after an inner scope failed", () => {
    const b = new GraphBuilder("scopes");
    const x = b.input("x", "float32", [2, 3]);
    const y = b.input("y", "float32", [4, 5]);
    const fail = (): unknown => b.scope("layers.0", () => b.scope("mlp", () => b.matmul(x, y)));
    assert.throws(fail, invalid(/^matmul \(layers\.0\.mlp\): .* got float32\[2, 3\], float32\[4, 5\]$/));
    assert.equal(b.neg(x).node.scope, "");
  });

  it("makes one reshape of several in a row", () => {
    const b = new GraphBuilder("reshapes");
    const x = b.input("x", "float32", [4, 6]);
    const last = b.reshape(b.reshape(b.reshape(x, [24]), [2, 12]), [3, -1]);
    assert.deepEqual(last.shape, [3, 8]);
    assert.equal(last.node.inputs[0], x);
  });

  it("refuses names that are used twice", () => {
    const b = new GraphBuilder("names");
    const x = b.input("x", "float32", [1]);
    b.output("y", x);
    assert.throws(() => b.parameter("x", [1]), invalid(/input "x": the name is used twice/));
    assert.throws(() => b.output("y", x), invalid(/output "y": the name is used twice/));
  });

  it("builds only what outputs need, keeps every input, and can go on", () => {
    const b = new GraphBuilder("pruning");
    const x = b.input("x", "float32", [2]);
    b.input("unused", "float32", [2]);
    b.exp(x);
    const y = b.neg(x);
    b.output("y", y);
    const first = b.build();
    assert.deepEqual(
      first.nodes.map((node) => node.op),
      ["input", "input", "neg"],
    );
    b.output("z", b.abs(y));
    assert.deepEqual(
      b.build().nodes.map((node) => node.op),
      ["input", "input", "neg", "abs"],
    );
    assert.equal(first.outputs.length, 1, "a built graph does not change");
    assert.deepEqual(first.inputs.map(inputName), ["x", "unused"]);
  });
});
