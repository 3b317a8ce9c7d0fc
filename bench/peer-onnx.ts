import * as fs from "node:fs";
import * as path from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { readBytes, writeFileAtomic, writeJsonAtomic } from "#limbeck/base/files.js";
import { elementTypes } from "#limbeck/lower/onnx/element-types.js";
import {
  type AttributeProto,
  AttributeProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  TensorProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from "#limbeck/lower/onnx/onnx_pb.js";
import { type ModelConfig, toHuggingFaceConfig } from "#limbeck/model/config.js";
import type { DType } from "#limbeck/tensor/tensor.js";

const integer = (name: string, value: number): AttributeProto =>
  create(AttributeProtoSchema, { name, type: 2, i: BigInt(value) });

function node(opType: string, input: string[], output: string, attribute: AttributeProto[] = []): NodeProto {
  return create(NodeProtoSchema, { opType, input, output: [output], attribute });
}

function value(name: string, dtype: DType, shape: readonly (number | string)[]): ValueInfoProto {
  const dim = shape.map((d) => ({
    value:
      typeof d === "number"
        ? { case: "dimValue" as const, value: BigInt(d) }
        : { case: "dimParam" as const, value: d },
  }));
  const tensorType = { elemType: elementTypes[dtype], shape: { dim } };
  return create(ValueInfoProtoSchema, { name, type: { value: { case: "tensorType", value: tensorType } } });
}

const constant = (name: string, values: readonly number[], rank: 0 | 1) =>
  create(TensorProtoSchema, {
    name,
    dims: rank === 0 ? [] : [BigInt(values.length)],
    dataType: elementTypes.int64,
    rawData: new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
  });

/** Reads our inputs off theirs: lengths from the mask, logits for the last position only. */
function adapter(): NodeProto[] {
  const toInt32 = [integer("to", elementTypes.int32)];
  return [
    node("Identity", ["input_ids"], "ids"),
    node("ReduceSum", ["attention_mask", "%one"], "%seen", [integer("keepdims", 0)]), // [1]
    node("Sub", ["%seen", "%one"], "%last"),
    node("Cast", ["%last"], "last_position", toInt32),
    node("Shape", ["attention_mask"], "%mask shape"),
    node("Gather", ["%mask shape", "%axis"], "%total"),
    node("Cast", ["%total"], "total_length", toInt32),
    node("Shape", ["input_ids"], "%ids shape"),
    node("Gather", ["%ids shape", "%one"], "%new"), // [1]
    node("Sub", ["%new", "%one"], "select"),
  ];
}

/** Nodes whose results somebody reads. */
function needed(nodes: readonly NodeProto[], results: readonly string[]): NodeProto[] {
  const read = new Set(results);
  const kept = [...nodes].reverse().filter(({ input, output }) => {
    const isRead = output.some((name) => read.has(name));
    if (isRead) for (const name of input) read.add(name);
    return isRead;
  });
  return kept.reverse();
}

/** The products of an int8-row model with one scale for all rows of a run: a node does the rounding too. */
function roundRunsAtOnce(nodes: readonly NodeProto[], results: readonly string[]): NodeProto[] {
  const makerOf = new Map(nodes.flatMap((each) => each.output.map((name) => [name, each] as const)));
  const products = nodes.map((scaled) => {
    const product = scaled.opType === "Mul" ? makerOf.get(scaled.input[0] ?? "") : undefined;
    if (product?.opType !== "MatMulIntegerToFloat") return scaled;
    const [rounded = "", values = "", , scale = ""] = product.input;
    const x = makerOf.get(rounded)?.input[0] ?? "";
    return create(NodeProtoSchema, {
      opType: "DynamicQuantizeMatMul",
      domain: "com.microsoft",
      input: [x, values, scale],
      output: scaled.output,
    });
  });
  return needed(products, results);
}

/**
 * Writes an artefact's own model, weights and kernels as a folder that transformers.js reads: inputs and outputs get its
 * names, caches grow from run to run as it expects. `dtype` is its name for the file.
 */
export function writeTransformersFolder(
  artefact: string,
  folder: string,
  {
    config,
    dtype,
    isDynamic,
  }: {
    readonly config: ModelConfig;
    readonly dtype: "q4" | "q8";
    /** Products round all rows of a run by one scale: of an int8-row artefact. */
    readonly isDynamic: boolean;
  },
): void {
  const model = fromBinary(ModelProtoSchema, readBytes(path.join(artefact, "model.onnx")));
  const graph = model.graph;
  if (!graph) throw new Error(`${artefact}: expected a graph`);
  if (isDynamic) {
    const results = graph.output.map(({ name }) => name);
    graph.node = roundRunsAtOnce(graph.node, results);
  }
  const file = `model${dtype === "q4" ? "_q4" : "_quantized"}.onnx`;
  const data = `${file}_data`;
  for (const tensor of graph.initializer)
    for (const entry of tensor.externalData) if (entry.key === "location") entry.value = data;
  const theirs = (name: string): string => {
    const [, time, part, layer] = /^(past|present)_(key|value)\.(\d+)$/.exec(name) ?? [];
    if (time === undefined) return name === "logits" ? "%logits" : name;
    return time === "past" ? `past_key_values.${layer}.${part}` : `present.${layer}.${part}`;
  };
  for (const { input, output } of graph.node) {
    for (const [i, name] of input.entries()) input[i] = theirs(name);
    for (const [i, name] of output.entries()) output[i] = theirs(name);
  }
  const logits = node("Unsqueeze", ["%logits", "%zero"], "logits"); // [1, 1, V]
  graph.node = [...adapter(), ...graph.node, logits];
  graph.initializer.push(constant("%one", [1], 1), constant("%zero", [0], 1), constant("%axis", [1], 0));
  const cache = (time: "past" | "present"): ValueInfoProto[] =>
    Array.from({ length: config.layers }, (_, layer) =>
      ["key", "value"].map((part) =>
        value(theirs(`${time}_${part}.${layer}`), "float32", [1, config.kvHeads, time, config.headDim]),
      ),
    ).flat();
  graph.input = [
    value("input_ids", "int64", [1, "new"]),
    value("attention_mask", "int64", [1, "all"]),
    ...cache("past"),
  ];
  graph.output = [value("logits", "float32", [1, 1, config.vocabSize]), ...cache("present")];
  fs.mkdirSync(path.join(folder, "onnx"), { recursive: true });
  writeFileAtomic(path.join(folder, "onnx", file), toBinary(ModelProtoSchema, model));
  fs.rmSync(path.join(folder, "onnx", data), { force: true });
  fs.linkSync(path.join(artefact, "model.onnx.data"), path.join(folder, "onnx", data));
  writeJsonAtomic(path.join(folder, "config.json"), { ...toHuggingFaceConfig(config) });
  writeJsonAtomic(path.join(folder, "generation_config.json"), {});
}
