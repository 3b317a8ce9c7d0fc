import * as fs from "node:fs";
import * as path from "node:path";
import { test } from "node:test";
import { onnxCpuBackend } from "#limbeck/backend/onnx/backend.js";
import type { NamedTensors } from "#limbeck/backend/session.js";
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
import { cachedLogits } from "#limbeck/model/parity.js";
import { int64, type Tensor } from "#limbeck/tensor/tensor.js";
import { assertClose, runPython, temporaryFolder } from "./python.ts";

const script = "test/oracle/llama.py";
const dir = temporaryFolder();

const readLogits = (file: string): Float32Array => {
  const bytes = fs.readFileSync(file);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
};

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

/** Logits of every position of the model as it is exported: `prefill` tokens at once, then one token a run. */
async function exportedLogits(
  config: ModelConfig,
  weights: NamedTensors,
  ids: number[],
  prefill: number,
): Promise<Float32Array> {
  const session = await onnxCpuBackend.compile(buildInferenceGraph(config, { weights: "fp32" }));
  return cachedLogits(config, session, ids, { prefill, weights }).finally(() => session.close());
}

for (const seed of [1, 2]) {
  test(`logits of a random Llama equal transformers' (seed ${seed})`, async () => {
    const checkpoint = path.join(dir, `llama-${seed}`);
    runPython(script, ["make", checkpoint, String(seed)]);
    const expected = readLogits(path.join(checkpoint, "logits.bin"));
    const ids = JSON.parse(fs.readFileSync(path.join(checkpoint, "ids.json"), "utf8")) as number[];
    const { config, weights } = loadCheckpoint(checkpoint);
    const whole = await trainingLogits(config, weights, ids);
    assertClose(whole.data as Float32Array, expected, 1e-4, "training graph");
    assertClose(
      await exportedLogits(config, weights, ids, 17),
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
  runPython(script, ["logits", ours, path.join(dir, "ids.json"), path.join(dir, "out.bin")]);
  const logits = await trainingLogits(config, { ...weights }, ids);
  assertClose(logits.data as Float32Array, readLogits(path.join(dir, "out.bin")), 1e-4, "our checkpoint");
});
