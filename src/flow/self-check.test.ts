import assert from "node:assert/strict";
import { test } from "node:test";
import { referenceBackend } from "../backend/reference/session.ts";
import type { Backend } from "../backend/session.ts";
import { float32 } from "../tensor/tensor.ts";
import { compareBackends } from "./self-check.ts";

/** The reference backend with the first element of one output changed. */
function broken(output: string, change: (value: number) => number): Backend {
  return {
    name: "reference",
    compile: async (graph) => {
      const session = await referenceBackend.compile(graph);
      return {
        ...session,
        run: async (feeds) => {
          const results = await session.run(feeds);
          const { shape, data } = results[output]!;
          const values = Array.from(data, Number);
          values[0] = change(values[0]!);
          return { ...results, [output]: float32(shape, values) };
        },
      };
    },
  };
}

test("a backend equals itself", async () => {
  assert.equal((await compareBackends(referenceBackend, referenceBackend)).maxAbsError, 0);
});

test("a wrong gradient is found and named", async () => {
  const { maxAbsError, worstOutput } = await compareBackends(
    broken("grad.up", (x) => x + 0.5),
    referenceBackend,
  );
  assert.equal(worstOutput, "grad.up");
  assert.ok(Math.abs(maxAbsError - 0.5) < 1e-6, `difference ${maxAbsError}`);
});

test("a value that is no number is infinitely far", async () => {
  const parity = await compareBackends(
    broken("logits", () => Number.NaN),
    referenceBackend,
  );
  assert.deepEqual(parity, { maxAbsError: Number.POSITIVE_INFINITY, worstOutput: "logits" });
});
