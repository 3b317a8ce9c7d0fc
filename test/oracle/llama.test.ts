import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after, test } from "node:test";
import { onnxCpuBackend } from "#limbeck/backend/onnx/backend.js";
import { createRandom } from "#limbeck/base/random.js";
import { GraphBuilder } from "#limbeck/graph/builder.js";
import { loadCheckpoint, saveCheckpoint } from "#limbeck/model/checkpoint.js";
import type { ModelConfig } from "#limbeck/model/config.js";
import {
  buildTrunk,
  declareParameters,
  initialiseWeights,
  projectLogits,
  trainingAttention,
} from "#limbeck/model/decoder.js";
import { buildInferenceGraph } from "#limbeck/model/inference-graph.js";
import { int64, type Tensor, tensor, zeros } from "#limbeck/tensor/tensor.js";

const root = path.resolve(import.meta.dirname, "../../../..");
const python = path.join(root, ".venv-oracle/bin/python");
const script = path.join(root, "test/oracle/llama.py");
const dir = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-oracle-"));
after(() => fs.rmSync(dir, { recursive: true }));

const readLogits = (file: string): Float32Array => {
  const bytes = fs.readFileSync(file);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
};

function assertClose(got: ArrayLike<number>, expected: ArrayLike<number>, limit: number, what: string): void {
  assert.equal(got.length, expected.length, what);
  let worst = 0;
  let at = 0;
  for (let i = 0; i < got.length; i++) {
    const difference = Math.abs(got[i]! - expected[i]!);
    if (!(difference <= worst)) [worst, at] = [difference, i];
  }
  assert.ok(worst <= limit, `${what}: largest difference ${worst} at ${at}, limit ${limit}`);
}

async function trainingLogits(
  config: ModelConfig,
  weights: Record<string, Tensor>,
  ids: number[],
): Promise<Tensor> {
  const g = new GraphBuilder("oracle");
  const input = g.input("ids", "int64", [1, ids.length]);
  const parameters = declareParameters(g, config);
  const hidden = buildTrunk(g, config, parameters, input, trainingAttention(g, config, 1, ids.length));
  g.output("logits", projectLogits(g, config, parameters, hidden));
  const session = await onnxCpuBackend.compile(g.build());
  const { logits } = await session.run({ ...weights, ids: int64([1, ids.length], ids) });
  session.close();
  return logits!;
}

/** Logits of every position: a prompt of `prefill` tokens at once, then one token a run, the cache in place. */
async function cachedLogits(
  config: ModelConfig,
  weights: Record<string, Tensor>,
  ids: number[],
  prefill: number,
): Promise<Float32Array> {
  const session = await onnxCpuBackend.compile(buildInferenceGraph(config, { weights: "fp32" }));
  const state: Record<string, Tensor> = {};
  const present: Record<string, Tensor> = {};
  for (let i = 0; i < config.layers; i++) {
    for (const kind of ["key", "value"]) {
      const cache = zeros("float32", [1, config.kvHeads, config.contextLength, config.headDim]);
      state[`past_${kind}.${i}`] = cache;
      present[`present_${kind}.${i}`] = cache;
    }
  }
  const all = new Float32Array(ids.length * config.vocabSize);
  for (let done = 0; done < ids.length; ) {
    const count = done === 0 ? prefill : 1;
    const logits = zeros("float32", [count, config.vocabSize]);
    const binding = session.bind(
      {
        ...weights,
        ...state,
        ids: int64([1, count], ids.slice(done, done + count)),
        select: int64(
          [count],
          Array.from({ length: count }, (_, i) => i),
        ),
        last_position: tensor("int32", [1], Int32Array.of(done + count - 1)),
        total_length: tensor("int32", [], Int32Array.of(done + count)),
      },
      { ...present, logits },
    );
    await binding.run();
    binding.close();
    all.set(logits.data as Float32Array, done * config.vocabSize);
    done += count;
  }
  session.close();
  return all;
}

for (const seed of [1, 2]) {
  test(`logits of a random Llama equal transformers' (seed ${seed})`, async () => {
    const checkpoint = path.join(dir, `llama-${seed}`);
    execFileSync(python, [script, "make", checkpoint, String(seed)], { stdio: "inherit" });
    const expected = readLogits(path.join(checkpoint, "logits.bin"));
    const ids = JSON.parse(fs.readFileSync(path.join(checkpoint, "ids.json"), "utf8")) as number[];
    const { config, weights } = loadCheckpoint(checkpoint);
    const whole = await trainingLogits(config, weights, ids);
    assertClose(whole.data as Float32Array, expected, 1e-4, "training graph");
    assertClose(
      await cachedLogits(config, weights, ids, 17),
      expected,
      1e-4,
      "prefill and decode with a cache",
    );
  });
}

test("transformers reads a checkpoint of ours and gives our logits", async () => {
  const config: ModelConfig = {
    family: "llama",
    vocabSize: 64,
    hiddenSize: 32,
    intermediateSize: 48,
    layers: 2,
    heads: 2,
    kvHeads: 2,
    headDim: 16,
    contextLength: 64,
    ropeTheta: 5000,
    rmsNormEpsilon: 1e-6,
    tieEmbeddings: true,
    bosId: null,
    eosId: 1,
    padId: 0,
  };
  const weights = initialiseWeights(config, createRandom(9));
  const ours = path.join(dir, "ours");
  saveCheckpoint(ours, { config, weights });
  const ids = Array.from({ length: 20 }, (_, i) => (i * 37 + 5) % 64);
  fs.writeFileSync(path.join(dir, "ids.json"), JSON.stringify(ids));
  execFileSync(python, [script, "logits", ours, path.join(dir, "ids.json"), path.join(dir, "out.bin")]);
  const logits = await trainingLogits(config, { ...weights }, ids);
  assertClose(logits.data as Float32Array, readLogits(path.join(dir, "out.bin")), 1e-4, "our checkpoint");
});
