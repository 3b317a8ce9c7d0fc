import assert from "node:assert/strict";
import * as path from "node:path";
import { test } from "node:test";
import { openOnnx } from "#limbeck/backend/onnx/backend.js";
import type { NamedTensors } from "#limbeck/backend/session.js";
import { sha256, writeFileAtomic } from "#limbeck/base/files.js";
import { createRandom } from "#limbeck/base/random.js";
import { lowerToOnnx } from "#limbeck/lower/onnx/lower.js";
import type { ModelConfig } from "#limbeck/model/config.js";
import { initialiseWeights } from "#limbeck/model/decoder.js";
import { buildInferenceGraph, choiceOf } from "#limbeck/model/inference-graph.js";
import { joinWeights } from "#limbeck/model/joined-weights.js";
import { cachedLogits } from "#limbeck/model/parity.js";
import type { WeightFormat } from "#limbeck/model/weight-formats.js";
import { holdWeights } from "#limbeck/model/weight-forms.js";
import { stepGraph } from "../../bench/reference-step.ts";
import { runPython, temporaryFolder } from "./python.ts";
import { tinySetting } from "./settings.ts";

const folder = temporaryFolder();

interface Inspection {
  readonly equal: boolean;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly opsets: Readonly<Record<string, number>>;
  readonly nodes: number;
  readonly initializers: Readonly<Record<string, { shape: number[]; dtype: string; sha256: string }>>;
}

function inspect(model: string, copy: string): Inspection {
  return JSON.parse(runPython("test/oracle/onnx-model.py", [model, copy])) as Inspection;
}

const config: ModelConfig = { ...tinySetting.config, kvHeads: 2, tieEmbeddings: true, contextLength: 32 };
const weights = initialiseWeights(config, createRandom(6));
const ids = Array.from({ length: 12 }, (_, i) => (i * 29 + 3) % config.vocabSize);

async function logitsOf(file: string): Promise<Float32Array> {
  const session = await openOnnx(file, { threads: 1 });
  try {
    return await cachedLogits(config, session, ids);
  } finally {
    session.close();
  }
}

function bytesOf(tensors: NamedTensors, name: string): Uint8Array {
  const { data } = tensors[name]!;
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

const cases: readonly {
  readonly name: string;
  readonly format: WeightFormat;
  readonly isExternal: boolean;
}[] = [
  { name: "fp32", format: "fp32", isExternal: false },
  { name: "fp16", format: "fp16", isExternal: false },
  { name: "int8", format: "int8", isExternal: false },
  { name: "int8-row with external data", format: "int8-row", isExternal: true },
  { name: "int4 with external data", format: "int4", isExternal: true },
  { name: "fp32 with external data", format: "fp32", isExternal: true },
];

for (const { name, format, isExternal } of cases) {
  test(`an exported model (${name}) passes onnx.checker, holds our weights, and works when onnx writes it again`, async () => {
    const parameters = holdWeights(joinWeights(config, weights), choiceOf({ weights: format }));
    const model = lowerToOnnx(buildInferenceGraph(config, { weights: format, isJoined: true }), {
      parameters,
      ...(isExternal ? { externalData: { file: `${name}.data`, thresholdBytes: 64 } } : {}),
    });
    assert.equal(model.external !== undefined, isExternal);
    const [file, copy] = [path.join(folder, `${name}.onnx`), path.join(folder, `${name} again.onnx`)];
    if (model.external) writeFileAtomic(path.join(folder, model.external.file), model.external.parts);
    writeFileAtomic(file, model.bytes);
    const found = inspect(file, copy);
    assert.ok(found.equal, "the parsed message equals what is parsed from its own bytes");
    assert.ok(found.outputs.includes("logits"));
    for (const parameter of Object.keys(parameters)) {
      const { shape } = parameters[parameter]!;
      const held = found.initializers[parameter];
      assert.ok(held, `initializer ${parameter}`);
      assert.deepEqual(held.shape, shape, parameter);
      assert.equal(held.sha256, sha256(bytesOf(parameters, parameter)), `bytes of ${parameter}`);
    }
    assert.deepEqual(await logitsOf(copy), await logitsOf(file), "logits of onnx's copy");
  });
}

test("a training graph with its backward pass passes onnx.checker", () => {
  const file = path.join(folder, "step.onnx");
  const graph = stepGraph(tinySetting);
  writeFileAtomic(file, lowerToOnnx(graph).bytes);
  const found = inspect(file, path.join(folder, "step again.onnx"));
  assert.ok(found.equal);
  assert.equal(found.outputs.length, graph.outputs.length);
});
