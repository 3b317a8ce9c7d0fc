import assert from "node:assert/strict";
import { test } from "node:test";
import { referenceBackend } from "../backend/reference/session.ts";
import type { Backend, NamedTensors, Session } from "../backend/session.ts";
import { LimbeckError } from "../base/errors.ts";
import type { Graph } from "../graph/graph.ts";
import { matmulFlops, measureMatmulCeiling } from "./matmul-ceiling.ts";

const sizes = [
  { m: 4, k: 8, n: 16, count: 3 },
  { m: 2, k: 2, n: 2 },
];

test("operations are counted as 2·m·k·n for each product", () => {
  assert.equal(matmulFlops(sizes), 3 * 2 * 4 * 8 * 16 + 16);
});

test("the rate is the operations over the median of the timed runs", async () => {
  // Two warm-ups of 100 ms, then runs of 10, 2 and 4 ms.
  const spans = [100, 100, 10, 2, 4];
  let now = 0;
  let reads = 0;
  const ceiling = await measureMatmulCeiling(referenceBackend, sizes, {
    repeats: 3,
    clock: () => {
      if (reads % 2 === 1) now += spans[(reads - 1) / 2] as number;
      reads++;
      return now;
    },
  });
  assert.deepEqual(ceiling.raw_ms, [10, 2, 4]);
  assert.equal(ceiling.ms, 4);
  assert.equal(ceiling.gflops, matmulFlops(sizes) / 4e6);
});

test("every product is in the graph, with operands of its own, and all is closed", async () => {
  let graph: Graph | undefined;
  let outputs: NamedTensors = {};
  const closed: string[] = [];
  const watching: Backend = {
    name: "reference",
    compile: async (given) => {
      graph = given;
      const session = await referenceBackend.compile(given);
      return {
        ...session,
        bind: (ins, outs) => {
          outputs = outs;
          const binding = session.bind(ins, outs);
          return {
            run: () => binding.run(),
            runSync: () => binding.runSync(),
            close: () => closed.push("binding"),
          };
        },
        close: () => closed.push("session"),
      } satisfies Session;
    },
  };
  await measureMatmulCeiling(watching, sizes, { repeats: 1, warmUps: 0 });
  const products = graph?.nodes.filter(({ op }) => op === "matmul") ?? [];
  assert.equal(products.length, 4);
  assert.equal(new Set(products.flatMap(({ inputs }) => inputs)).size, 8);
  assert.ok(Object.values(outputs).every(({ data }) => data.some((value) => value !== 0)));
  assert.deepEqual(closed, ["binding", "session"]);
});

test("nothing to multiply is an error", async () => {
  await assert.rejects(
    measureMatmulCeiling(referenceBackend, []),
    (error) => error instanceof LimbeckError && error.code === "invalid_config",
  );
});
