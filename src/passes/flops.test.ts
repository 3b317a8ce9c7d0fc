import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { gradients } from "../autodiff/gradients.ts";
import { GraphBuilder } from "../graph/builder.ts";
import { countFlops } from "./flops.ts";

describe("the count of operations", () => {
  it("is 2·M·N·K for a product, whatever is transposed, times its batch", () => {
    for (const [transA, transB] of [
      [false, false],
      [true, false],
      [false, true],
      [true, true],
    ] as const) {
      const b = new GraphBuilder("product");
      const x = b.input("x", "float32", [7, ...(transA ? [5, 3] : [3, 5])]);
      const y = b.input("y", "float32", transB ? [4, 5] : [5, 4]);
      b.output("z", b.matmul(x, y, { transA, transB }));
      assert.deepEqual(countFlops(b.build()), { matmul: 7 * 2 * 3 * 4 * 5, total: 7 * 2 * 3 * 4 * 5 });
    }
  });

  it("of a training step is three times the forward products", () => {
    const b = new GraphBuilder("step");
    const x = b.parameter("x", [8, 16]);
    const weight = b.parameter("weight", [16, 4]);
    const loss = b.reduceSum(b.matmul(x, weight));
    gradients(b, loss, [x, weight]).forEach((gradient, i) => {
      b.output(`g${i}`, gradient);
    });
    b.output("loss", loss);
    const forward = 2 * 8 * 16 * 4;
    assert.deepEqual(countFlops(b.build()), { matmul: 3 * forward, total: 3 * forward + 8 * 4 });
  });

  it("counts the two products inside attention", () => {
    const [B, H, T, S, D] = [2, 3, 4, 5, 8];
    const b = new GraphBuilder("attention");
    const q = b.input("q", "float32", [B, H, T, D]);
    const k = b.input("k", "float32", [B, H, S, D]);
    b.output("out", b.attention(q, k, k, { scale: 1, causal: true }).out);
    const flops = countFlops(b.build());
    assert.equal(flops.matmul, 2 * (2 * B * H * T * S * D));
    assert.equal(flops.total - flops.matmul, 5 * B * H * T * S);
  });

  it("counts attention over a cache by the cache's capacity", () => {
    const [B, T, H, K, D, S] = [1, 3, 4, 2, 8, 16];
    const b = new GraphBuilder("cache");
    const kv = b.input("kv", "float32", [B, T, K * D]);
    const past = b.input("past", "float32", [B, K, S, D], "state");
    const table = b.input("table", "float32", [S, D / 2]);
    const { out } = b.cachedAttention(
      {
        q: b.input("q", "float32", [B, T, H * D]),
        k: kv,
        v: kv,
        pastKey: past,
        pastValue: past,
        lastPosition: b.input("last", "int32", [B]),
        totalLength: b.input("total", "int32", []),
        cos: table,
        sin: table,
      },
      { heads: H, kvHeads: K, scale: 1 },
    );
    b.output("out", out);
    const flops = countFlops(b.build());
    assert.equal(flops.matmul, 2 * (2 * B * H * T * S * D));
    assert.equal(flops.total - flops.matmul, 5 * B * H * T * S);
  });

  it("is one for each element and operation outside of products", () => {
    const b = new GraphBuilder("elements");
    const x = b.input("x", "float32", [4, 3]);
    const row = b.input("row", "float32", [3]);
    const unary = [
      b.neg,
      b.exp,
      b.log,
      b.sqrt,
      b.reciprocal,
      b.sigmoid,
      b.tanh,
      b.erf,
      b.relu,
      b.abs,
      b.sign,
      b.round,
    ];
    const binary = [b.add, b.sub, b.mul, b.div, b.maximum, b.minimum];
    const values = [
      ...unary.map((make) => make.call(b, x)),
      ...binary.map((make) => make.call(b, x, row)),
      ...[b.cumSum(x, 1), b.equal(x, row), b.less(x, row), b.reduceSum(x), b.reduceMean(x), b.reduceMax(x)],
      b.argMax(x, 0),
    ];
    values.forEach((value, i) => {
      b.output(`y${i}`, value);
    });
    // Layout moves elements and computes nothing.
    b.output("layout", b.transpose(b.reshape(b.concat([x, b.slice(x, 0, 0, 1)], 0), [15, 1]), [1, 0]));
    assert.deepEqual(countFlops(b.build()), { matmul: 0, total: 12 * values.length });
  });

  it("asks for named sizes", () => {
    const b = new GraphBuilder("named");
    const x = b.input("x", "float32", ["T", 4]);
    b.output("y", b.matmul(x, b.parameter("weight", [4, 2])));
    const graph = b.build();
    assert.equal(countFlops(graph, { T: 10 }).matmul, 2 * 10 * 4 * 2);
    assert.throws(() => countFlops(graph), /expected a size for "T", got none/);
  });
});
