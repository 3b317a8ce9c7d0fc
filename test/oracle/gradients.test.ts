import assert from "node:assert/strict";
import * as path from "node:path";
import { test } from "node:test";
import { readSafetensors } from "#limbeck/tensor/safetensors.js";
import { openTrainingStep, type StepSetting } from "../../bench/reference-step.ts";
import { writeTorchJob } from "../../bench/torch-peer.ts";
import { assertClose, runPython, temporaryFolder } from "./python.ts";
import { tinySetting } from "./settings.ts";

const folder = temporaryFolder();

const settings: Readonly<Record<string, StepSetting>> = {
  "the reference step, tiny": tinySetting,
  "shared key and value heads, tied embeddings": {
    ...tinySetting,
    config: { ...tinySetting.config, kvHeads: 2, tieEmbeddings: true },
    seed: 2,
  },
  // From 128 tokens on attention may be cut into blocks.
  "long rows": {
    ...tinySetting,
    config: { ...tinySetting.config, contextLength: 160 },
    tokens: 160,
    rows: 2,
  },
};

for (const [name, setting] of Object.entries(settings)) {
  test(`gradients equal torch autograd's: ${name}`, async () => {
    const job = writeTorchJob(folder, setting, 1);
    const out = path.join(folder, "gradients.safetensors");
    runPython("bench/torch-step.py", ["gradients", job, out]);
    const { loss, ...expected } = readSafetensors(out).tensors;
    const training = await openTrainingStep(setting, 1);
    const ours = await training.step();
    assertClose([ours.loss], loss!.data as Float32Array, 1e-5, "loss");
    assert.deepEqual(Object.keys(training.gradients).sort(), Object.keys(expected).sort());
    let squares = 0;
    for (const [parameter, { shape, data }] of Object.entries(expected)) {
      const gradient = training.gradients[parameter]!;
      assert.deepEqual(gradient.shape, shape, parameter);
      const values = data as Float32Array;
      const largest = values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      assert.ok(largest > 1e-4, `${parameter}: expected a gradient to compare, largest ${largest}`);
      // Relative to the largest entry: stricter than 1e-4 absolute, since every gradient here is below 1.
      assert.ok(largest < 1, `${parameter}: largest ${largest}`);
      assertClose(gradient.data as Float32Array, values, 1e-4 * largest, parameter);
      squares += values.reduce((sum, x) => sum + x * x, 0);
    }
    assertClose([ours.gradientNorm / Math.sqrt(squares)], [1], 1e-5, "norm against torch's");
    training.close();
  });
}
