import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after, test } from "node:test";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { LimbeckError } from "../base/errors.ts";
import { writeFileAtomic } from "../base/files.ts";
import { createRandom } from "../base/random.ts";
import { lowerToOnnx } from "../lower/onnx/lower.ts";
import { type GraphProto, ModelProtoSchema, type TensorProto } from "../lower/onnx/onnx_pb.ts";
import { artefactLogits } from "./artefact-logits.ts";
import type { ModelConfig } from "./config.ts";
import { initialiseWeights } from "./decoder.ts";
import { families } from "./families.ts";
import { buildInferenceGraph, choiceOf } from "./inference-graph.ts";
import { joinWeights } from "./joined-weights.ts";
import { assertParity, compareLogits, type Parity, probeTokens } from "./parity.ts";
import { smallConfig } from "./small-model.test.support.ts";
import { trainingLogits } from "./training-logits.ts";
import { type WeightFormat, weightFormats } from "./weight-formats.ts";
import { holdWeights, type WeightChoice } from "./weight-forms.ts";

const dir = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-pieces-"));
after(() => fs.rmSync(dir, { recursive: true }));
const [file, data] = [path.join(dir, "model.onnx"), path.join(dir, "model.onnx.data")];

const llama: ModelConfig = { ...smallConfig, layers: 3, contextLength: 64, tieEmbeddings: false };

function weightsOf(config: ModelConfig) {
  const weights = initialiseWeights(config, createRandom(1));
  // Larger than at the start of training: the logits must be of a size at which errors show.
  for (const weight of Object.values(weights))
    if (weight.shape.length === 2)
      for (let i = 0; i < weight.data.length; i++) weight.data[i] = 12 * Number(weight.data[i]);
  return weights;
}

/** Writes a model with its weights in a data file, lets `spoil` change what was written, and proves it. */
async function prove(
  config: ModelConfig,
  format: WeightFormat,
  largestWholeBytes: number,
  spoil: (graph: GraphProto, bytes: Buffer) => void = () => undefined,
): Promise<Parity> {
  const weights = weightsOf(config);
  const joined = joinWeights(config, weights);
  const lower = (choice: WeightChoice) =>
    lowerToOnnx(buildInferenceGraph(config, { ...choice, weights: format, isJoined: true }), {
      parameters: holdWeights(joined, choice),
      externalData: { file: path.basename(data), thresholdBytes: 64 },
    });
  const choice = choiceOf({ weights: format });
  const onnx = lower(choice);
  const model = fromBinary(ModelProtoSchema, onnx.bytes);
  writeFileAtomic(data, onnx.external!.parts);
  const bytes = fs.readFileSync(data);
  spoil(model.graph!, bytes);
  fs.writeFileSync(data, bytes);
  fs.writeFileSync(file, toBinary(ModelProtoSchema, model));
  const ids = probeTokens(config);
  const read = (name: string) => ({ ...weights[name]!, data: weights[name]!.data.slice() });
  const isExact = format !== "int4" && format !== "int8-block";
  const exactTwin = isExact ? null : () => lower({ ...choice, activations: "float32" }).bytes;
  const parity = compareLogits(
    format,
    config.vocabSize,
    await trainingLogits({ config, read }, ids, choice),
    await artefactLogits({ dir, file, exactTwin, config, largestWholeBytes }, ids),
  );
  assert.deepEqual(
    fs.readdirSync(dir).sort(),
    ["model.onnx", "model.onnx.data"],
    "pieces and twins are gone",
  );
  assertParity(format, parity);
  return parity;
}

const parts = ["embedding", "layers.0", "layers.1", "layers.2", "final"];

for (const format of weightFormats) {
  test(`${format}: in pieces a model gives the logits that it gives as a whole`, async () => {
    const whole = await prove(llama, format, 1e9);
    const pieces = await prove(llama, format, 0);
    assert.equal(whole.method, "whole_file");
    assert.equal(whole.pieces, null);
    assert.equal(pieces.method, "pieces");
    assert.deepEqual(
      pieces.pieces!.map(({ name }) => name),
      parts,
    );
    assert.equal(pieces.logit_rms, whole.logit_rms);
    // The kernels are the same; what is fused across the borders of pieces may round otherwise.
    assert.ok(Math.abs(pieces.max_abs_logit_error - whole.max_abs_logit_error) <= whole.limit / 50);
    assert.ok(pieces.pieces!.slice(1).every(({ rms, max_abs_error }) => rms > 0.1 && max_abs_error > 0));
  });
}

for (const family of Object.keys(families) as (keyof typeof families)[]) {
  test(`${family}: a model of this family can be cut`, async () => {
    const sliding = { ropeTheta: 10_000, window: 4, isSliding: [true, false, true] };
    const config = {
      ...llama,
      family,
      tieEmbeddings: true,
      ...(family === "gemma3" ? { sliding } : {}),
    };
    assert.equal((await prove(config, "fp32", 0)).pieces!.length, parts.length);
  });
}

const find = (graph: GraphProto, name: string): TensorProto =>
  graph.initializer.find((proto) => proto.name === name)!;

function offsetOf(graph: GraphProto, name: string): number {
  return Number(find(graph, name).externalData.find(({ key }) => key === "offset")!.value);
}

function swapPlaces(graph: GraphProto, a: string, b: string): void {
  const [first, second] = [find(graph, a), find(graph, b)];
  [first.externalData, second.externalData] = [second.externalData, first.externalData];
}

const down = (layer: number): string => `model.layers.${layer}.mlp.down_proj.weight`;
const broken: readonly [string, WeightFormat, string, (graph: GraphProto, bytes: Buffer) => void][] = [
  [
    "a byte of a weight",
    "fp32",
    "layers.1",
    (graph, bytes) => {
      bytes[offsetOf(graph, down(1)) + 4 * 100 + 3]! ^= 0x03;
    },
  ],
  [
    "a byte of a weight in a format of blocks",
    "int4",
    "layers.2",
    (graph, bytes) => {
      bytes[offsetOf(graph, `${down(2)}.blocks`) + 7]! ^= 0x70;
    },
  ],
  ["two layers in each other's place", "fp32", "layers.0", (graph) => swapPlaces(graph, down(0), down(1))],
  [
    "a scale",
    "int8",
    "layers.1",
    (graph, bytes) => {
      const at = offsetOf(graph, `${down(1)}.scale`) + 8;
      bytes.writeFloatLE(bytes.readFloatLE(at) * 1.1, at);
    },
  ],
  [
    "a byte of the table",
    "fp16",
    "embedding",
    (graph, bytes) => {
      bytes[offsetOf(graph, "model.embed_tokens.weight") + 2 * 32 * probeTokens(llama)[5]! + 1]! ^= 0x04;
    },
  ],
  [
    "a byte of the head",
    "int8-block",
    "final",
    (graph, bytes) => {
      bytes[offsetOf(graph, "lm_head.weight.blocks") + 3]! ^= 0x40;
    },
  ],
  [
    "an operand",
    "fp32",
    "layers.2",
    (graph) => {
      const product = graph.node.find(({ input }) => input.includes("model.layers.2.mlp.up_proj.weight"))!;
      const at = product.input.indexOf("model.layers.2.mlp.up_proj.weight");
      product.input[at] = "model.layers.2.mlp.gate_proj.weight";
    },
  ],
];

for (const [what, format, part, spoil] of broken) {
  test(`refused, naming ${part}: ${what} is wrong in the written file`, async () => {
    await assert.rejects(
      prove(llama, format, 0, spoil),
      (error) =>
        error instanceof LimbeckError &&
        error.code === "invalid_artefact" &&
        error.message.startsWith(`export ${format}: ${part}: expected values within`),
    );
  });
}
