import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { float32, int64, tensor } from "../tensor/tensor.ts";
import { GraphBuilder } from "./builder.ts";
import { printGraph } from "./print.ts";

describe("the graph printer", () => {
  it("prints a block of a decoder", () => {
    const b = new GraphBuilder("block");
    const x = b.input("x", "float32", ["T", 8]);
    const cache = b.input("cache", "float32", [2, 8], "state");
    const weight = b.parameter("weight", [128, 8]);
    b.scope("layers.0", () => {
      const y = b.matmul(x, weight, { transB: true, alpha: 0.5 });
      b.output("probabilities", b.softmax(y));
      b.output(
        "cache",
        b.scope("cache", () => b.add(cache, 1)),
      );
    });
    assert.equal(
      printGraph(b.build()),
      `graph block {
  %0 = input {name=x, kind=data} : float32[T, 8]
  %1 = input {name=cache, kind=state} : float32[2, 8]
  %2 = input {name=weight, kind=parameter} : float32[128, 8]
  %3 = matmul(%0, %2) {transB, alpha=0.5} : float32[T, 128]  // layers.0
  %4 = softmax(%3) {axis=1} : float32[T, 128]  // layers.0
  %5 = constant {1} : float32[]  // layers.0.cache
  %6 = add(%1, %5) : float32[2, 8]  // layers.0.cache
  return probabilities=%4, cache=%6
}
`,
    );
  });

  it("prints several outputs, lists, constants of every size, and integers", () => {
    const b = new GraphBuilder("values");
    const logits = b.constant(float32([2, 3], [1, 2, 3, 4, 5, 6.5]));
    const targets = b.constant(int64([2], [0, 2]));
    const { nll, probabilities } = b.crossEntropy(logits, targets);
    b.output("sum", b.reduceSum(nll));
    b.output("turned", b.transpose(probabilities, [1, 0]));
    b.output("half", b.constant(tensor("float16", [1], Uint16Array.of(0x3c00))));
    b.output("four", b.constant(int64([4], [1, 2, 3, 4])));
    assert.equal(
      printGraph(b.build()),
      `graph values {
  %0 = constant {[1, 2, 3, 4, …]} : float32[2, 3]
  %1 = constant {[0, 2]} : int64[2]
  %2, %3 = crossEntropy(%0, %1) : float32[2], float32[2, 3]
  %4 = reduceSum(%2) {axes=[0]} : float32[]
  %5 = transpose(%3) {perm=[1, 0]} : float32[3, 2]
  %6 = constant {bits [15360]} : float16[1]
  %7 = constant {[1, 2, 3, 4]} : int64[4]
  return sum=%4, turned=%5, half=%6, four=%7
}
`,
    );
  });

  it("gives equal text for equal graphs, whatever else the builder held", () => {
    const make = (detour: boolean): string => {
      const b = new GraphBuilder("same");
      const x = b.input("x", "float32", [2]);
      if (detour) b.exp(b.neg(x));
      b.output("y", b.abs(x));
      return printGraph(b.build());
    };
    assert.equal(make(true), make(false));
  });
});
