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
import type { ModelConfig } from "./config.ts";
import { initialiseWeights } from "./decoder.ts";
import { buildInferenceGraph, choiceOf } from "./inference-graph.ts";
import { joinWeights } from "./joined-weights.ts";
import { checkLayout } from "./layout.ts";
import { smallConfig } from "./small-model.test.support.ts";
import { holdWeights } from "./weight-forms.ts";

const dir = fs.mkdtempSync(path.join(os.tmpdir(), "limbeck-layout-"));
after(() => fs.rmSync(dir, { recursive: true }));
const [file, data] = [path.join(dir, "model.onnx"), path.join(dir, "model.onnx.data")];

const config: ModelConfig = { ...smallConfig, layers: 1 };
const choice = choiceOf({ weights: "int4", block: 32 });

/** Writes a sound model with its weights in a data file, then lets `change` spoil it. */
function write(change: (graph: GraphProto) => void = () => undefined): void {
  const weights = joinWeights(config, initialiseWeights(config, createRandom(1)));
  const parameters = holdWeights(weights, choice);
  const externalData = { file: path.basename(data), thresholdBytes: 256 };
  const onnx = lowerToOnnx(buildInferenceGraph(config, { weights: "int4", block: 32, isJoined: true }), {
    parameters,
    externalData,
  });
  writeFileAtomic(data, onnx.external!.parts);
  const model = fromBinary(ModelProtoSchema, onnx.bytes);
  change(model.graph!);
  writeFileAtomic(file, toBinary(ModelProtoSchema, model));
}

const table = "model.embed_tokens.weight.blocks";
const find = (graph: GraphProto, name: string): TensorProto =>
  graph.initializer.find((proto) => proto.name === name)!;

function setEntry(graph: GraphProto, name: string, key: string, value: string): void {
  find(graph, name).externalData.find((entry) => entry.key === key)!.value = value;
}

test("a written model passes, and two views of one table share their bytes", () => {
  write();
  checkLayout(file, config, choice);
  const { graph } = fromBinary(ModelProtoSchema, fs.readFileSync(file));
  const views = graph!.initializer.filter(({ name }) => name.includes(table));
  const places = views.map(({ externalData }) =>
    externalData.map(({ key, value }) => `${key} ${value}`).join(),
  );
  assert.equal(views.length, 2);
  assert.equal(places[0], places[1]);
  assert.notDeepEqual(views[0]!.dims, views[1]!.dims);
});

const gate = "model.layers.0.mlp.gate_proj.weight.blocks";
const spoiled: readonly [string, (graph: GraphProto) => void, RegExp][] = [
  [
    "a tensor that starts inside of a vector",
    (graph) => setEntry(graph, gate, "offset", "4104"),
    /gate_proj.*multiple of 64 bytes, got 4104/,
  ],
  [
    "a tensor with gaps",
    (graph) => setEntry(graph, gate, "length", "9999"),
    /gate_proj.*bytes without gaps, got 9999/,
  ],
  [
    "a tensor beyond the end of its file",
    (graph) => setEntry(graph, gate, "offset", "1048576"),
    /gate_proj.*a file of/,
  ],
  ["two tensors over each other", (graph) => setEntry(graph, gate, "offset", "64"), /bytes of its own/],
  [
    "a data file elsewhere",
    (graph) => setEntry(graph, gate, "location", "../model.onnx.data"),
    /gate_proj.*a data file beside the model/,
  ],
  [
    "a weight of another type",
    (graph) => {
      find(graph, gate).dataType = 3;
    },
    /gate_proj.*expected uint8\[48, 1, 16\], got int8\[48, 1, 16\]/,
  ],
  [
    "a weight that is not there",
    (graph) => {
      find(graph, gate).name = "other";
    },
    /gate_proj.*expected uint8\[48, 1, 16\], got nothing/,
  ],
  [
    "a cache with its last axis elsewhere",
    (graph) => {
      const value = graph.input.find(({ name }) => name === "past_key.0")!.type!.value.value!;
      value.shape!.dim.reverse();
    },
    /past_key\.0.*expected float32\[B, 1, 32, 16\], got float32\[16, 32, 1, B\]/,
  ],
];

for (const [what, change, message] of spoiled) {
  test(`refused: ${what}`, () => {
    write(change);
    assert.throws(
      () => checkLayout(file, config, choice),
      (error) =>
        error instanceof LimbeckError && error.code === "invalid_artefact" && message.test(error.message),
    );
  });
}

test("refused: another format than the manifest says, a missing data file, and what is no model", () => {
  write();
  const refuses = (action: () => void, code: string): void =>
    assert.throws(action, (error) => error instanceof LimbeckError && error.code === code);
  refuses(() => checkLayout(file, config, choiceOf({ weights: "int8-block" })), "invalid_artefact");
  refuses(() => checkLayout(file, config, choiceOf({ weights: "int4", block: 128 })), "invalid_artefact");
  fs.rmSync(data);
  refuses(() => checkLayout(file, config, choice), "file_not_found");
  fs.writeFileSync(file, "not a model");
  refuses(() => checkLayout(file, config, choice), "invalid_artefact");
});
