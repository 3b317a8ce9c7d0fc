import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Session } from "../../backend/session.ts";
import { createRandom } from "../../base/random.ts";
import { openArtefactSession, openModel } from "../../model/artefact.ts";
import type { ModelConfig } from "../../model/config.ts";
import type { WeightFormat } from "../../model/weight-formats.ts";
import { createStepRunner, maxVerify, type SessionRunner } from "../step-runner.ts";
import { exportTinyArtefact } from "../tiny-model.test.support.ts";
import { createFakeDrafter, idsOf } from "./drafting.test.support.ts";
import { createPromptLookup } from "./prompt-lookup.ts";
import { createSpeculation } from "./speculation.ts";

const steps = maxVerify - 1;
const sizes = {
  hiddenSize: 64,
  intermediateSize: 96,
  heads: 4,
  kvHeads: 2,
  contextLength: 320,
  vocabSize: 2048,
};
const families: Readonly<Record<string, Partial<ModelConfig>>> = {
  llama: sizes,
  "qwen2 with a window": {
    ...sizes,
    family: "qwen2",
    sliding: { window: 8, isSliding: [false, true], ropeTheta: 10_000 },
  },
  qwen3: { ...sizes, family: "qwen3", tieEmbeddings: false },
};

interface Open {
  readonly plain: Session;
  readonly stepwise: Session;
  readonly config: ModelConfig;
  readonly close: () => void;
}

async function open(format: WeightFormat, family: Partial<ModelConfig>): Promise<Open> {
  const { dir, remove } = await exportTinyArtefact(format, family);
  const { session: plain, config } = await openArtefactSession(dir, { threads: 1 });
  const stepwise = await openModel(dir, { threads: 1, steps });
  return {
    plain,
    stepwise,
    config,
    close: () => {
      stepwise.close();
      plain.close();
      remove();
    },
  };
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);

/** Reads a turn in the runs of plain decoding: together, then one by one; logits [n, V] of its last n − first + 1 tokens. */
async function readPlainly(
  runner: SessionRunner,
  ids: readonly number[],
  first: number,
): Promise<Float32Array[]> {
  const rows: Float32Array[] = [];
  const turn = await runner.verify(ids.slice(0, first));
  rows.push(turn.slice(-runner.shape.vocabSize));
  for (const id of ids.slice(first)) {
    await runner.decode(id);
    rows.push(runner.logits.slice());
  }
  return rows;
}

for (const format of ["fp32", "fp16", "int8", "int8-block", "int4"] as const) {
  for (const [name, family] of Object.entries(families)) {
    test(`${format}, ${name}: tokens that attend one by one get the bits of runs of one`, async () => {
      const { plain, stepwise, config, close } = await open(format, family);
      const { vocabSize, contextLength } = config;
      const single = createStepRunner(plain, config, { blocking: true });
      const drafted = createStepRunner(plain, config, { blocking: true });
      drafted.attendStepwise(stepwise);
      // The stepwise session does what the plain one does, too: it may be the only one.
      const only = createStepRunner(stepwise, config, { blocking: true });
      only.attendStepwise(stepwise);
      try {
        const random = createRandom(2);
        const idsFor = (count: number): number[] =>
          Array.from({ length: count }, () => random.integer(vocabSize));
        for (const before of [1, 7, 130, contextLength - maxVerify]) {
          const prompt = idsFor(before);
          for (const runner of [single, drafted, only]) {
            runner.reset();
            await runner.prefill(prompt);
          }
          for (const [tokens, first] of [
            [2, 1],
            [5, 1],
            [maxVerify, 1],
            [6, 3],
          ] as const) {
            const ids = idsFor(tokens);
            const expected = await readPlainly(single, ids, first);
            for (const [who, runner] of Object.entries({ drafted, only })) {
              const rows = await runner.verify(ids, first);
              for (const [i, row] of expected.entries()) {
                const at = (first - 1 + i) * vocabSize;
                assert.ok(
                  bytesOf(rows.subarray(at, at + vocabSize)).equals(bytesOf(row)),
                  `${who}: ${before} before, token ${i} of ${tokens}`,
                );
              }
              assert.deepEqual(runner.saveKv(0, runner.length), single.saveKv(0, single.length), who);
            }
            for (const runner of [single, drafted, only]) runner.rewind(before);
          }
        }
      } finally {
        for (const runner of [single, drafted, only]) runner.close();
        close();
      }
    });
  }
}

for (const format of ["int8-block", "int4", "fp32"] as const) {
  describe(`${format}: drafts change no id`, () => {
    const count = 500;
    const maxTokens = 16;
    const random = createRandom(4);
    // Half of them repeat themselves, so that there is something to look up.
    const prompts = Array.from({ length: count }, (_, i) => {
      const part = Array.from({ length: 4 + random.integer(12) }, () => random.integer(64));
      return i % 2 === 0 ? part : [...part, ...part];
    });
    const plain: number[][] = [];
    let model: Open;
    let target: SessionRunner;

    before(async () => {
      model = await open(format, { ...sizes, contextLength: 64 });
      target = createStepRunner(model.plain, model.config, { blocking: true });
      target.attendStepwise(model.stepwise);
      for (const prompt of prompts) plain.push(await idsOf(target, prompt, { maxTokens }));
    });

    after(() => {
      target.close();
      model.close();
    });

    test(`prompt lookup, ${count} prompts`, async () => {
      const predictors = [createPromptLookup()];
      const speculation = await createSpeculation({
        runner: target,
        format,
        isStepwise: true,
        predictors,
        shortestRunMs: 0,
      });
      assert.deepEqual(speculation.check, { maxLogitDifference: 0, tolerance: 0, refusal: null });
      let accepted = 0;
      let refused = 0;
      for (const [i, prompt] of prompts.entries()) {
        const { drafter, report } = speculation.begin("prompt_lookup");
        assert.ok(drafter);
        assert.deepEqual(await idsOf(target, prompt, { maxTokens, drafter }), plain[i], `prompt ${i}`);
        const run = report(maxTokens);
        accepted += run.accepted;
        refused += run.proposed - run.accepted;
      }
      assert.ok(accepted > 50 && refused > 100, `accepted ${accepted}, refused ${refused}`);
    });

    test(`drafts of any length and quality, ${count} prompts`, async () => {
      const luck = createRandom(11);
      for (const [i, prompt] of prompts.entries()) {
        const whole = [...prompt, ...plain[i]!];
        const drafter = createFakeDrafter((tokens, most) =>
          whole
            .slice(tokens.length, tokens.length + luck.integer(most + 1))
            .map((id) => (luck.next() < 0.2 ? luck.integer(64) : id)),
        );
        assert.deepEqual(await idsOf(target, prompt, { maxTokens, drafter }), plain[i], `prompt ${i}`);
        assert.deepEqual(drafter.replays, []);
      }
    });
  });
}
