import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { onnxCpuBackend } from "../backend/onnx/backend.ts";
import { buildInferenceGraph } from "../model/inference-graph.ts";
import { generateStep } from "./generate-step.ts";
import { createSampler, resolveSampling } from "./sampling.ts";
import { createStepRunner } from "./step-runner.ts";
import { tinyConfig, tinyWeights } from "./tiny-model.test.support.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Bytes that are still in use after a full collection. */
async function usedBytes(): Promise<{ heap: number; external: number }> {
  collect();
  // What lies outside the heap is let go in a turn of the event loop after the collection.
  await new Promise((resolve) => setTimeout(resolve, 20));
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return { heap: heapUsed, external };
}

test("10,000 tokens leave no memory behind", async () => {
  const config = { ...tinyConfig, contextLength: 256 };
  const session = await onnxCpuBackend.compile(buildInferenceGraph(config, { weights: "fp32" }));
  const runner = createStepRunner(session, config, { blocking: true, weights: tinyWeights(config) });
  const sampler = createSampler(config.vocabSize);
  const sampling = resolveSampling({ temperature: 1, topP: 0.9, repetitionPenalty: 1.1, seed: 1 });
  let made = 0;
  const generate = async (tokens: number): Promise<void> => {
    for (const goal = made + tokens; made < goal; ) {
      await generateStep(runner, sampler, [5, 6, 7], {
        sampling,
        endIds: new Set(),
        onToken: () => {
          made++;
          return true;
        },
      });
    }
  };
  await generate(2000);
  const before = await usedBytes();
  await generate(10_000);
  const after = await usedBytes();
  const perToken = (after.heap - before.heap) / 10_000;
  assert.ok(perToken < 10, `${perToken.toFixed(1)} bytes of heap a token`);
  assert.ok(
    after.external - before.external < 100_000,
    `${after.external - before.external} bytes outside the heap`,
  );
  runner.close();
  session.close();
});
