import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { GraphBuilder } from "../../graph/builder.ts";
import type { Value } from "../../graph/graph.ts";
import { assertInPlaceSafe } from "./alias.ts";

/** Builds a graph over the weight `w` [4, 4], the data `x` [4, 4], and checks `next` over `w`. */
function check(make: (b: GraphBuilder, w: Value, x: Value) => void): void {
  const b = new GraphBuilder("update");
  make(b, b.parameter("w", [4, 4]), b.input("x", "float32", [4, 4]));
  assertInPlaceSafe(b.build(), [{ input: "w", output: "next" }]);
}

describe("in-place updates", () => {
  it("an elementwise update of what it replaces is safe", () => {
    check((b, w, x) => b.output("next", b.sub(w, b.mul(x, 0.1))));
  });

  it("readers that the update depends on are safe", () => {
    check((b, w, x) => {
      const gradient = b.matmul(x, b.matmul(x, w, { transB: true }));
      b.output("next", b.sub(w, gradient));
    });
  });

  it("a reader beside the update is refused, with both names", () => {
    assert.throws(
      () =>
        check((b, w, x) => {
          b.output("next", b.sub(w, x));
          b.scope("layers.3", () => b.output("y", b.matmul(x, w)));
        }),
      {
        code: "invalid_graph",
        message: /"next" over input "w".*before sub \d+, got matmul \d+ \(layers\.3\)/,
      },
    );
  });

  it("a dependency on that reader makes it safe", () => {
    check((b, w, x) => {
      const y = b.matmul(x, w);
      b.output("y", y);
      b.output("next", b.sub(w, b.add(x, b.mul(b.reduceSum(y), 0))));
    });
  });

  for (const [what, view] of [
    ["reshape", (b: GraphBuilder, w: Value) => b.reshape(w, [16, 1])],
    ["transpose", (b: GraphBuilder, w: Value) => b.transpose(w, [1, 0])],
    ["constant factor", (b: GraphBuilder, w: Value) => b.mul(w, 2)],
  ] as const) {
    it(`a reader of a view (${what}) counts as a reader, even where the view itself comes before`, () => {
      assert.throws(
        () =>
          check((b, w, x) => {
            const seen = view(b, w);
            b.output("next", b.sub(w, b.add(x, b.reduceSum(seen))));
            b.output("y", b.exp(seen));
          }),
        { code: "invalid_graph", message: /got exp/ },
      );
    });
  }

  it("an operation that reads elsewhere than it writes cannot update its own operand", () => {
    for (const make of [
      (b: GraphBuilder, w: Value, x: Value) => b.matmul(w, x),
      (b: GraphBuilder, w: Value) => b.transpose(w, [1, 0]),
      (b: GraphBuilder, w: Value) => b.softmax(w),
    ]) {
      assert.throws(() => check((b, w, x) => b.output("next", make(b, w, x))), { code: "invalid_graph" });
    }
  });

  it("a scatter may write over its data, not over its updates", () => {
    const scatter = (b: GraphBuilder, data: Value, updates: Value): Value =>
      b.scatterElementsAdd(data, b.input("at", "int64", [4, 4]), updates, 0);
    check((b, w, x) => b.output("next", scatter(b, w, x)));
    assert.throws(() => check((b, w, x) => b.output("next", scatter(b, x, w))), { code: "invalid_graph" });
  });

  it("types must be equal", () => {
    assert.throws(() => check((b, w) => b.output("next", b.reshape(w, [16]))), {
      code: "invalid_graph",
      message: /float32\[4, 4\].*float32\[16\]/,
    });
  });
});
