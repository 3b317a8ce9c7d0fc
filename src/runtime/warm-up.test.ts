import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { onnxCpuBackend } from "../backend/onnx/backend.ts";
import { type ErrorCode, LimbeckError } from "../base/errors.ts";
import { buildInferenceGraph } from "../model/inference-graph.ts";
import { loadTokenizer } from "../tokenizer/tokenizer.ts";
import type { ToolDefinition } from "../tools/types.ts";
import { openEngine } from "./engine.ts";
import type { Engine } from "./engine-contract.ts";
import type { GrammarCompiler } from "./grammar/compiler.ts";
import { createSampler } from "./sampling.ts";
import { createStepRunner, type StepRunner } from "./step-runner.ts";
import { exportTinyArtefact, type TinyArtefact, tinyConfig, tinyWeights } from "./tiny-model.test.support.ts";
import { warmUpModel, warmUpText } from "./warm-up.ts";

let artefact: TinyArtefact;
before(async () => {
  artefact = await exportTinyArtefact();
});
after(() => artefact.remove());

const tools: ToolDefinition[] = [
  {
    type: "function",
    function: { name: "set_timer", parameters: { properties: { minutes: { type: "integer" } } } },
  },
];

test("an engine answers the same with and without the warm-up, which counts as no prompt", async () => {
  const answers = async (warmUp: boolean) => {
    const engine: Engine = await openEngine(artefact.dir, { warmUp, promptCache: { ramBytes: 1e7 } });
    try {
      const before = await engine.promptCacheStats();
      const options = { maxTokens: 16, temperature: 1, seed: 3, toolChoice: "required" } as const;
      const { tokens, cachedTokens } = await engine.chat(
        [{ role: "user", content: "Hello" }],
        tools,
        options,
      );
      return { ids: tokens.map(({ id }) => id), cachedTokens, prompts: before?.prompts };
    } finally {
      await engine.close();
    }
  };
  const warm = await answers(true);
  assert.deepEqual(warm, await answers(false));
  assert.deepEqual([warm.prompts, warm.cachedTokens], [0, 0]);
});

test("the model reads several tokens in one run and one in the next, and nothing is left of them", async () => {
  const session = await onnxCpuBackend.compile(buildInferenceGraph(tinyConfig, { weights: "fp32" }));
  const inner = createStepRunner(session, tinyConfig, { blocking: true, weights: tinyWeights() });
  const runs: number[] = [];
  const runner: StepRunner = Object.create(inner, {
    prefill: {
      value: (ids: readonly number[]) => {
        runs.push(ids.length);
        return inner.prefill(ids);
      },
    },
    decode: {
      value: (id: number) => {
        runs.push(1);
        return inner.decode(id);
      },
    },
  });
  const { vocabSize } = tinyConfig;
  // Every token would end an answer.
  const endIds = new Set(Array.from({ length: vocabSize }, (_, id) => id));
  await warmUpModel({
    runner,
    sampler: createSampler(vocabSize),
    tokenizer: loadTokenizer(artefact.dir),
    endIds,
  });
  assert.deepEqual(runs, [4, 1]);
  assert.deepEqual([inner.length, inner.prefillSessionMs, inner.decodeSessionMs], [0, 0, 0]);
  inner.close();
  session.close();
});

test("what a model cannot do is left to the request that asks for it; bugs of ours are not", async () => {
  const tokenizer = loadTokenizer(artefact.dir);
  const failing = (code: ErrorCode): GrammarCompiler => ({
    forChat: () => Promise.reject(new LimbeckError(code, "no")),
    close: () => undefined,
  });
  await warmUpText(tokenizer, failing("missing_dependency"));
  await assert.rejects(warmUpText(tokenizer, failing("internal")), /no/);
  const refusing = (code: ErrorCode) => ({
    ...tokenizer,
    encodeChat: () => {
      throw new LimbeckError(code, "no tools");
    },
  });
  await warmUpText(refusing("invalid_request"), failing("invalid_request"));
  await assert.rejects(warmUpText(refusing("internal"), failing("invalid_request")), /no tools/);
});
