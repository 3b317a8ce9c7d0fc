import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LimbeckError } from "../../base/errors.ts";
import { GraphBuilder } from "../../graph/builder.ts";
import type { Graph } from "../../graph/graph.ts";
import { float32, int64, tensor, zeros } from "../../tensor/tensor.ts";
import type { NamedTensors, Session } from "../session.ts";
import { referenceBackend } from "./session.ts";

/** total' = total + x · weight, with a named number of rows. */
function runningTotal(): Graph {
  const b = new GraphBuilder("running-total");
  const x = b.input("x", "float32", ["T", 2]);
  const y = b.input("y", "float32", ["T", 2]);
  const weight = b.parameter("weight", [2]);
  const total = b.input("total", "float32", [2], "state");
  b.output("total", b.add(total, b.reduceSum(b.mul(b.add(x, y), weight), [0])));
  b.output("rows", b.argMax(x, 0));
  return b.build();
}

const feeds: NamedTensors = {
  x: float32([3, 2], [1, 0, 2, 0, 3, 1]),
  y: float32([3, 2], [0, 1, 0, 1, 0, 1]),
  weight: float32([2], [10, 100]),
  total: float32([2], [0.5, 0.5]),
};

const open = (): Promise<Session> => referenceBackend.compile(runningTotal());

const invalid = (message: RegExp) => (error: unknown) =>
  error instanceof LimbeckError && error.code === "invalid_tensor" && message.test(error.message);

describe("a reference session", () => {
  it("says what it expects and gives", async () => {
    const session = await open();
    assert.equal(session.backend, "reference");
    assert.deepEqual(session.inputs[0], { name: "x", dtype: "float32", shape: ["T", 2] });
    assert.deepEqual(session.outputs, [
      { name: "total", dtype: "float64", shape: [2] },
      { name: "rows", dtype: "int64", shape: [2] },
    ]);
  });

  it("binds named sizes and gives float64", async () => {
    const session = await open();
    const { total, rows } = await session.run(feeds);
    assert.deepEqual(total, tensor("float64", [2], Float64Array.of(60.5, 400.5)));
    assert.deepEqual(rows, tensor("int64", [2], BigInt64Array.of(2n, 2n)));
    const other = await session.run({ ...feeds, x: float32([1, 2], [1, 1]), y: float32([1, 2], [0, 0]) });
    assert.deepEqual([...other["total"]!.data], [10.5, 100.5]);
  });

  it("keeps float64 feeds exact and results apart from feeds", async () => {
    const b = new GraphBuilder("same");
    b.output("y", b.input("x", "float32", [1]));
    const session = await referenceBackend.compile(b.build());
    const x = tensor("float64", [1], Float64Array.of(0.1));
    const { y } = await session.run({ x });
    x.data[0] = 5;
    assert.equal(y!.data[0], 0.1);
  });

  it("updates bound state in place, and only when it runs", async () => {
    const session = await open();
    const total = zeros("float32", [2]);
    const rows = zeros("int64", [2]);
    const binding = session.bind({ ...feeds, total }, { total, rows });
    assert.deepEqual([...total.data], [0, 0]);
    binding.runSync();
    await binding.run();
    assert.deepEqual([...total.data], [120, 800]);
    binding.close();
    assert.throws(() => binding.runSync(), /expected an open binding/);
  });

  it("refuses feeds that are missing, unknown, of another type or shape", async () => {
    const session = await open();
    const { x, ...without } = feeds;
    const cases: [NamedTensors, RegExp][] = [
      [without, /input "x": expected float32\[T, 2\], got nothing/],
      [{ ...feeds, z: x! }, /input "z": expected one of x, y, weight, total, got another name/],
      [{ ...feeds, weight: int64([2], [1, 2]) }, /input "weight": expected float32\[2\].*, got int64\[2\]/],
      [
        { ...feeds, weight: float32([3], [1, 2, 3]) },
        /input "weight": expected float32\[2\].*, got float32\[3\]/,
      ],
      [{ ...feeds, weight: float32([2, 1], [1, 2]) }, /got float32\[2, 1\]/],
      [
        { ...feeds, y: float32([1, 2], [1, 2]) },
        /input "y": expected float32\[T, 2\] with T = 3, got float32\[1, 2\]/,
      ],
    ];
    for (const [bad, message] of cases) await assert.rejects(session.run(bad), invalid(message));
    assert.throws(() => session.bind(without, {}), invalid(/input "x"/));
  });

  it("refuses integers that a float64 cannot hold", async () => {
    const b = new GraphBuilder("big");
    b.output("y", b.input("x", "int64", [1]));
    const session = await referenceBackend.compile(b.build());
    const x = tensor("int64", [1], BigInt64Array.of(2n ** 60n));
    await assert.rejects(session.run({ x }), invalid(/expected integers within ±2\^53/));
  });

  it("refuses outputs that are missing or of another type", async () => {
    const session = await open();
    const total = zeros("float32", [2]);
    assert.throws(
      () => session.bind(feeds, { total }),
      invalid(/output "rows": expected a tensor, got nothing/),
    );
    assert.throws(() => session.bind(feeds, { total, rows: total, more: total }), invalid(/output "more"/));
    for (const dtype of ["int32", "float32"] as const) {
      const wrong = session.bind(feeds, { total, rows: zeros(dtype, [2]) });
      assert.throws(
        () => wrong.runSync(),
        invalid(new RegExp(`output "rows": expected int64.2., got ${dtype}.2.`)),
      );
    }
    const short = session.bind(feeds, { total: zeros("float32", [1]), rows: zeros("int64", [2]) });
    assert.throws(() => short.runSync(), invalid(/output "total": expected float64\[2\], got float32\[1\]/));
  });

  it("fails after it was closed", async () => {
    const session = await open();
    session.close();
    await assert.rejects(session.run(feeds), /expected an open session, got a closed one/);
    assert.throws(() => session.bind(feeds, {}), /expected an open session/);
  });
});
