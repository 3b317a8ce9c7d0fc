// What every backend promises, as one suite run on each.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createRandom } from "../base/random.ts";
import { GraphBuilder } from "../graph/builder.ts";
import type { Graph } from "../graph/graph.ts";
import {
  elementCount,
  float32,
  int64,
  type Tensor,
  type TensorData,
  tensor,
  zeros,
} from "../tensor/tensor.ts";
import { onnxCpuBackend } from "./onnx/backend.ts";
import { referenceBackend } from "./reference/session.ts";
import type { Backend, NamedTensors, Session } from "./session.ts";

function random(shape: readonly number[], seed: number): Tensor {
  const source = createRandom(seed);
  const filled = zeros("float32", shape);
  for (let i = 0; i < filled.data.length; i++) filled.data[i] = source.normal();
  return filled;
}

function int32(shape: readonly number[], values: readonly number[]): Tensor {
  return tensor("int32", shape, Int32Array.from(values));
}

function assertClose(got: TensorData, expected: ArrayLike<number>, what: string): void {
  assert.equal(got.length, expected.length, `${what}: length`);
  let worst = 0;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(Number(got[i]) - expected[i]!);
    if (!(difference <= largest)) [worst, largest] = [i, difference];
  }
  assert.ok(
    largest < 1e-5,
    `${what}: largest difference ${largest} at ${worst}: got ${got[worst]}, expected ${expected[worst]}`,
  );
}

async function withSession<T>(
  backend: Backend,
  graph: Graph,
  use: (session: Session) => T | Promise<T>,
): Promise<T> {
  const session = await backend.compile(graph, { threads: 2 });
  try {
    return await use(session);
  } finally {
    session.close();
  }
}

/** x [T, 3] · w [3, 2] + the row of `table` that `ids` [T] names. */
function smallGraph(): Graph {
  const b = new GraphBuilder("small");
  const x = b.input("x", "float32", ["T", 3]);
  const ids = b.input("ids", "int64", ["T"]);
  const w = b.parameter("w", [3, 2]);
  const table = b.parameter("table", [4, 2]);
  b.output("y", b.add(b.matmul(x, w), b.gather(table, ids)));
  b.output("top", b.argMax(x, 1));
  return b.build();
}

const smallFeeds = {
  x: float32([2, 3], [1, 2, 3, 6, 5, 4]),
  ids: int64([2], [3, 0]),
  w: float32([3, 2], [1, 0, 0, 1, 1, 1]),
  table: float32([4, 2], [10, 20, 0, 0, 0, 0, 30, 40]),
};

/** w ← 0.5·w + g, and the sum of the old w. */
function updateGraph(): Graph {
  const b = new GraphBuilder("update");
  const w = b.parameter("w", [64, 8]);
  const gradient = b.input("g", "float32", [64, 8]);
  b.output("w", b.add(b.mul(w, 0.5), gradient));
  return b.build();
}

function attentionGraph(shape: {
  readonly heads: number;
  readonly kvHeads: number;
  readonly width: number;
  readonly capacity: number;
  readonly window: number | undefined;
}): Graph {
  const { heads, kvHeads, width, capacity, window } = shape;
  const b = new GraphBuilder("decode");
  const cache = [1, kvHeads, capacity, width];
  const { out, presentKey, presentValue } = b.cachedAttention(
    {
      q: b.input("q", "float32", [1, "T", heads * width]),
      k: b.input("k", "float32", [1, "T", kvHeads * width]),
      v: b.input("v", "float32", [1, "T", kvHeads * width]),
      pastKey: b.input("past_key", "float32", cache, "state"),
      pastValue: b.input("past_value", "float32", cache, "state"),
      lastPosition: b.input("last", "int32", [1]),
      totalLength: b.input("total", "int32", []),
      cos: b.input("cos", "float32", [capacity, width / 2]),
      sin: b.input("sin", "float32", [capacity, width / 2]),
    },
    { heads, kvHeads, scale: 0.3, ...(window === undefined ? {} : { window }) },
  );
  b.output("out", out);
  b.output("present_key", presentKey);
  b.output("present_value", presentValue);
  return b.build();
}

for (const backend of [referenceBackend, onnxCpuBackend]) {
  describe(`contract of a backend: ${backend.name}`, () => {
    it("tells what it expects and gives", () =>
      withSession(backend, smallGraph(), ({ inputs, outputs, backend: name }) => {
        assert.equal(name, backend.name);
        assert.deepEqual(
          inputs.map((spec) => `${spec.name}: ${spec.dtype}[${spec.shape}]`),
          ["x: float32[T,3]", "ids: int64[T]", "w: float32[3,2]", "table: float32[4,2]"],
        );
        assert.deepEqual(
          outputs.map((spec) => [spec.name, spec.shape]),
          [
            ["y", ["T", 2]],
            ["top", ["T"]],
          ],
        );
      }));

    it("runs with the sizes of the feeds, and again with other sizes", () =>
      withSession(backend, smallGraph(), async (session) => {
        const first = await session.run(smallFeeds);
        assert.deepEqual(first["y"]!.shape, [2, 2]);
        assertClose(first["y"]!.data, [34, 45, 20, 29], "y");
        assert.deepEqual([...first["top"]!.data], [2n, 0n]);
        const second = await session.run({
          ...smallFeeds,
          x: float32([1, 3], [0, 1, 0]),
          ids: int64([1], [1]),
        });
        assertClose(second["y"]!.data, [0, 1], "y");
      }));

    const badFeeds: readonly [string, NamedTensors, RegExp][] = [
      ["a missing one", { x: smallFeeds.x, ids: smallFeeds.ids, w: smallFeeds.w }, /table/],
      ["an unknown one", { ...smallFeeds, extra: smallFeeds.w }, /extra/],
      [
        "a wrong size",
        { ...smallFeeds, w: float32([2, 3], [1, 0, 0, 1, 1, 1]) },
        /"w".*float32\[3, 2\].*float32\[2, 3\]/,
      ],
      ["a wrong rank", { ...smallFeeds, ids: int64([2, 1], [3, 0]) }, /"ids"/],
      ["a wrong dtype", { ...smallFeeds, ids: int32([2], [3, 0]) }, /"ids".*int64.*int32/],
      ["two values of a named size", { ...smallFeeds, ids: int64([3], [1, 2, 3]) }, /"ids".*T = 2/],
    ];
    for (const [what, feeds, message] of badFeeds) {
      it(`refuses feeds with ${what}`, () =>
        withSession(backend, smallGraph(), async (session) => {
          await assert.rejects(() => session.run(feeds), { code: "invalid_tensor", message });
          assert.throws(() => session.bind(feeds, {}), { code: "invalid_tensor", message });
        }));
    }

    it("refuses outputs that are missing or unknown", () =>
      withSession(backend, updateGraph(), (session) => {
        const feeds = { w: zeros("float32", [64, 8]), g: zeros("float32", [64, 8]) };
        assert.throws(() => session.bind(feeds, {}), { code: "invalid_tensor", message: /"w"/ });
        const outputs = { w: zeros("float32", [64, 8]), z: zeros("float32", [1]) };
        assert.throws(() => session.bind(feeds, outputs), { code: "invalid_tensor", message: /"z"/ });
      }));

    it("updates state in place, run after run, in the very memory that was bound", () =>
      withSession(backend, updateGraph(), async (session) => {
        const w = random([64, 8], 1);
        const gradient = random([64, 8], 2);
        const start = Float32Array.from(w.data as Float32Array);
        const { data } = w;
        const binding = session.bind({ w, g: gradient }, { w });
        await binding.run();
        binding.runSync();
        const expected = start.map((v, i) => 0.25 * v + 1.5 * (gradient.data as Float32Array)[i]!);
        assertClose(data, expected, "w");
        // What the memory holds may change between runs.
        (gradient.data as Float32Array).fill(0);
        await binding.run();
        assertClose(
          data,
          expected.map((v) => v / 2),
          "w",
        );
        binding.close();
      }));

    it("binds memory of any size and place", () =>
      withSession(backend, smallGraph(), async (session) => {
        const arena = new Float32Array(64);
        const at = (shape: readonly number[], start: number): Tensor =>
          tensor("float32", shape, arena.subarray(start, start + elementCount(shape)));
        const x = at([2, 3], 3);
        const y = at([2, 2], 40);
        arena.set(smallFeeds.x.data as Float32Array, 3);
        const top = int64([2], [0, 0]);
        const binding = session.bind({ ...smallFeeds, x }, { y, top });
        for (const run of [() => binding.run(), () => binding.runSync()]) {
          arena.fill(0, 40, 44);
          await run();
          assertClose(y.data, [34, 45, 20, 29], "y");
          assert.deepEqual([...top.data], [2n, 0n]);
        }
        binding.close();
      }));

    const windows = [undefined, 1, 3, 7, 100];
    const partitions = [
      [1, 1, 1, 1, 1, 1, 1],
      [3, 1, 2, 1],
    ];
    for (const { window, parts } of windows.flatMap((window) =>
      partitions.map((parts) => ({ window, parts })),
    )) {
      it(`attends over a cache that it updates in place: at once as in parts ${parts}, window ${window}`, async () => {
        const shape = { heads: 4, kvHeads: 2, width: 16, capacity: 24 };
        const { heads, kvHeads, width, capacity } = shape;
        const tokens = 7;
        const full: NamedTensors = {
          q: random([1, tokens, heads * width], 1),
          k: random([1, tokens, kvHeads * width], 2),
          v: random([1, tokens, kvHeads * width], 3),
          past_key: zeros("float32", [1, kvHeads, capacity, width]),
          past_value: zeros("float32", [1, kvHeads, capacity, width]),
          last: int32([1], [tokens - 1]),
          total: int32([], [tokens]),
          cos: random([capacity, width / 2], 4),
          sin: random([capacity, width / 2], 5),
        };
        const graph = attentionGraph({ ...shape, window });
        const expected = await withSession(referenceBackend, graph, (session) => session.run(full));
        await withSession(backend, graph, async (session) => {
          const want = expected["out"]!.data as Float64Array;
          assertClose((await session.run(full))["out"]!.data, want, "prompt");
          const cache = {
            past_key: zeros("float32", [1, kvHeads, capacity, width]),
            past_value: zeros("float32", [1, kvHeads, capacity, width]),
          };
          const rows = (name: string, from: number, to: number): Tensor => {
            const columns = full[name]!.shape[2]!;
            const values = (full[name]!.data as Float32Array).subarray(from * columns, to * columns);
            return float32([1, to - from, columns], values);
          };
          let done = 0;
          for (const count of parts) {
            const end = done + count;
            const feeds = {
              ...full,
              ...cache,
              q: rows("q", done, end),
              k: rows("k", done, end),
              v: rows("v", done, end),
              last: int32([1], [end - 1]),
              total: int32([], [end]),
            };
            const out = zeros("float32", [1, count, heads * width]);
            const presents = { present_key: cache.past_key, present_value: cache.past_value };
            const binding = session.bind(feeds, { out, ...presents });
            await binding.run();
            binding.close();
            const part = want.subarray(done * heads * width, end * heads * width);
            assertClose(out.data, part, `tokens ${done} to ${end}`);
            done = end;
          }
          for (const [name, present] of [
            ["present_key", cache.past_key],
            ["present_value", cache.past_value],
          ] as const) {
            for (let head = 0; head < kvHeads; head++) {
              const [from, to] = [head * capacity * width, (head * capacity + tokens) * width];
              assertClose(
                present.data.subarray(from, to) as Float32Array,
                (expected[name]!.data as Float64Array).subarray(from, to),
                name,
              );
            }
          }
        });
      });
    }

    it("gives the same bits in every run and in every session", async () => {
      const b = new GraphBuilder("step");
      const ids = b.input("ids", "int64", [96]);
      const table = b.parameter("table", [50, 64]);
      const x = b.gather(table, ids);
      const { nll } = b.crossEntropy(b.matmul(x, table, { transB: true }), ids);
      b.output("loss", b.reduceMean(nll));
      b.output("sum", b.scatterAdd(ids, b.softmax(x), 50));
      const feeds = {
        ids: int64(
          [96],
          Array.from({ length: 96 }, (_, i) => (i * 7) % 5),
        ),
        table: random([50, 64], 9),
      };
      const bits = async (session: Session): Promise<string> => {
        const { loss, sum } = await session.run(feeds);
        return [loss!, sum!]
          .map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("hex"))
          .join();
      };
      const seen = new Set<string>();
      for (let i = 0; i < 3; i++) {
        await withSession(backend, b.build(), async (session) => {
          seen.add(await bits(session));
          seen.add(await bits(session));
        });
      }
      assert.equal(seen.size, 1);
    });

    it("refuses work after it was closed; closing twice is fine", async () => {
      const session = await backend.compile(updateGraph());
      const feeds = { w: zeros("float32", [64, 8]), g: zeros("float32", [64, 8]) };
      const closedBinding = session.bind(feeds, { w: feeds.w });
      closedBinding.close();
      closedBinding.close();
      await assert.rejects(() => closedBinding.run(), { code: "backend_failed", message: /closed/ });
      assert.throws(() => closedBinding.runSync(), { code: "backend_failed" });
      const openBinding = session.bind(feeds, { w: feeds.w });
      session.close();
      session.close();
      await assert.rejects(() => openBinding.run(), { code: "backend_failed", message: /closed/ });
      await assert.rejects(() => session.run(feeds), { code: "backend_failed", message: /closed/ });
      assert.throws(() => session.bind(feeds, { w: feeds.w }), { code: "backend_failed", message: /closed/ });
    });
  });
}
