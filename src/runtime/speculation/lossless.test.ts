import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { onnxCpuBackend } from "../../backend/onnx/backend.ts";
import type { Session } from "../../backend/session.ts";
import { createRandom } from "../../base/random.ts";
import { buildInferenceGraph } from "../../model/inference-graph.ts";
import { createStepRunner, type StepRunner } from "../step-runner.ts";
import { tinyConfig, tinyWeights } from "../tiny-model.test.support.ts";
import type { SpeculationMode } from "../types.ts";
import { createDraftModel } from "./draft-model.ts";
import { createFakeDrafter, idsOf } from "./drafting.test.support.ts";
import { createPromptLookup } from "./prompt-lookup.ts";
import { createSpeculation, type Speculation } from "./speculation.ts";

const config = { ...tinyConfig, contextLength: 64 };
const count = 600;
const maxTokens = 16;
const prompts = promptsOf(count);
const plain: number[][] = [];

let session: Session;
let target: StepRunner;
let draft: StepRunner;
let speculation: Speculation;

before(async () => {
  const weights = tinyWeights(config);
  session = await onnxCpuBackend.compile(buildInferenceGraph(config, { weights: "fp32" }));
  target = createStepRunner(session, config, { blocking: true, weights });
  // A draft that agrees now and then: the target's own weights, one matrix of them disturbed.
  const disturbed = { ...weights, "model.layers.1.mlp.up_proj.weight": disturb(weights) };
  draft = createStepRunner(session, config, { blocking: true, weights: disturbed });
  speculation = await createSpeculation({
    runner: target,
    format: "fp32",
    predictors: [createPromptLookup(), createDraftModel(draft, config.vocabSize)],
    shortestRunMs: 0,
  });
  for (const prompt of prompts) plain.push(await idsOf(target, prompt, { maxTokens }));
});

after(() => {
  draft.close();
  target.close();
  session.close();
});

function disturb(weights: ReturnType<typeof tinyWeights>) {
  const random = createRandom(8);
  const { dtype, shape, data } = weights["model.layers.1.mlp.up_proj.weight"]!;
  return { dtype, shape, data: Float32Array.from(data as Float32Array, (w) => w + 0.1 * random.normal()) };
}

/** Half of them repeat themselves, so that there is something to look up. */
function promptsOf(count: number): number[][] {
  const random = createRandom(4);
  return Array.from({ length: count }, (_, i) => {
    const part = Array.from({ length: 4 + random.integer(12) }, () => random.integer(config.vocabSize));
    return i % 2 === 0 ? part : [...part, ...part];
  });
}

test("the logits of tokens read together differ from those read one by one by rounding only", () => {
  const { refusal, maxLogitDifference, tolerance } = speculation.check;
  assert.equal(refusal, null);
  assert.ok(maxLogitDifference! < 1e-4, `off by ${maxLogitDifference}`);
  assert.ok(tolerance >= maxLogitDifference!);
});

for (const mode of ["prompt_lookup", "draft_model"] satisfies SpeculationMode[]) {
  test(`${mode}: greedy ids of ${count} prompts equal plain decoding's`, async () => {
    let accepted = 0;
    let refused = 0;
    for (const [i, prompt] of prompts.entries()) {
      const { drafter, report } = speculation.begin(mode);
      assert.ok(drafter);
      assert.deepEqual(await idsOf(target, prompt, { maxTokens, drafter }), plain[i], `prompt ${i}`);
      const run = report(maxTokens);
      accepted += run.accepted;
      refused += run.proposed - run.accepted;
    }
    assert.ok(accepted > 100 && refused > 100, `accepted ${accepted}, refused ${refused}`);
  });
}

test("drafts of any length and quality: greedy ids equal plain decoding's", async () => {
  const random = createRandom(11);
  for (const [i, prompt] of prompts.entries()) {
    const whole = [...prompt, ...plain[i]!];
    const drafter = createFakeDrafter(
      (tokens, most) =>
        whole
          .slice(tokens.length, tokens.length + random.integer(most + 1))
          .map((id) => (random.next() < 0.2 ? random.integer(config.vocabSize) : id)),
      { tolerance: speculation.check.tolerance },
    );
    assert.deepEqual(await idsOf(target, prompt, { maxTokens, drafter }), plain[i], `prompt ${i}`);
  }
});

test("the same seed draws the same ids with and without drafts", async () => {
  let accepted = 0;
  for (const [i, prompt] of prompts.slice(0, 60).entries()) {
    const sampling = { temperature: 0.4, topK: 20, topP: 0.95, minP: 0.01, repetitionPenalty: 1.05, seed: i };
    const drawn = await idsOf(target, prompt, { maxTokens, sampling });
    const { drafter, report } = speculation.begin("draft_model");
    assert.ok(drafter);
    assert.deepEqual(await idsOf(target, prompt, { maxTokens, sampling, drafter }), drawn, `seed ${i}`);
    accepted += report(maxTokens).accepted;
  }
  assert.ok(accepted > 20, `accepted ${accepted}`);
});
