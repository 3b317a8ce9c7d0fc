import * as fs from "node:fs";
import * as path from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { LimbeckError } from "../base/errors.ts";
import { readBytes, withFileErrors } from "../base/files.ts";
import { dtypeOfElementType } from "../lower/onnx/element-types.ts";
import {
  type ModelProto,
  ModelProtoSchema,
  type TensorProto,
  type ValueInfoProto,
} from "../lower/onnx/onnx_pb.ts";
import { dtypes, elementCount } from "../tensor/tensor.ts";
import type { ModelConfig } from "./config.ts";
import { joinedWeights } from "./joined-weights.ts";
import { formOf, type WeightChoice } from "./weight-forms.ts";

/** Kernels read whole vectors: no tensor of the data file may start inside of one. */
const alignmentBytes = 64;

/** Where a tensor's bytes lie in the data file. */
interface Range {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

const describe = (dtype: string | null, shape: readonly number[]): string =>
  `${dtype ?? "another type"}[${shape.join(", ")}]`;

function fail(file: string, tensor: string, expected: string, got: string): LimbeckError {
  return new LimbeckError("invalid_artefact", `${file}: "${tensor}": expected ${expected}, got ${got}`, {
    cure: "Export the checkpoint again.",
    fields: { path: file, tensor, expected, got },
  });
}

/** The bytes of a tensor outside of the model: dense, aligned, inside of its file. */
function checkRange(
  file: string,
  proto: TensorProto,
  bytes: number,
  sizeOf: (name: string) => number,
): Range {
  const entries = Object.fromEntries(proto.externalData.map(({ key, value }) => [key, value]));
  const [start, length] = [Number(entries["offset"]), Number(entries["length"])];
  const location = entries["location"] ?? "";
  const data = path.join(path.dirname(file), location);
  if (location !== path.basename(location))
    throw fail(file, proto.name, "a data file beside the model", location);
  if (length !== bytes) throw fail(data, proto.name, `${bytes} bytes without gaps`, `${length}`);
  if (!(start % alignmentBytes === 0))
    throw fail(data, proto.name, `a start at a multiple of ${alignmentBytes} bytes`, `${start}`);
  const size = sizeOf(data);
  if (start + length > size)
    throw fail(data, proto.name, `bytes up to ${start + length}`, `a file of ${size}`);
  return { name: proto.name, start, end: start + length };
}

/** Two tensors share all of their bytes or none. */
function checkOverlaps(file: string, ranges: readonly Range[]): void {
  const sorted = [...ranges].sort((a, b) => a.start - b.start || a.end - b.end);
  for (const [i, range] of sorted.entries()) {
    const before = sorted[i - 1];
    if (!before || before.end <= range.start) continue;
    if (before.start !== range.start || before.end !== range.end)
      throw fail(
        file,
        range.name,
        `bytes of its own from ${range.start}`,
        `some that are also "${before.name}"`,
      );
  }
}

function checkValue(
  file: string,
  values: readonly ValueInfoProto[],
  name: string,
  ...shapes: readonly (readonly (number | string)[])[]
): void {
  const found = values.find((value) => value.name === name)?.type?.value;
  const dims = found?.value?.shape?.dim.map(({ value }) =>
    value.case === "dimValue" ? Number(value.value) : `${value.value}`,
  );
  const dtype = found?.value && dtypeOfElementType(found.value.elemType);
  const fits = dtype === "float32" && shapes.some((shape) => dims?.join() === shape.join());
  if (!fits) {
    const got = dims ? `${dtype}[${dims.join(", ")}]` : "nothing";
    throw fail(file, name, `float32[${shapes[0]?.join(", ")}]`, got);
  }
}

/**
 * Checks how the tensors of an exported model lie, without reading weights: every weight is there in the type and shape
 * of its format; tensors in the data file are dense, start at multiples of 64 bytes and lie inside of it; caches and
 * logits are float32 with their last axis in memory order [D] and [V]. Errors: `file_not_found`, `invalid_artefact` with
 * the tensor.
 */
export function checkLayout(file: string, config: ModelConfig, choice: WeightChoice): void {
  const graph = decodeModel(readBytes(file), file).graph;
  if (!graph) throw fail(file, "graph", "a graph", "none");
  const sizes = new Map<string, number>();
  const sizeOf = (data: string): number => {
    const known = sizes.get(data) ?? withFileErrors("open", data, () => fs.statSync(data).size);
    sizes.set(data, known);
    return known;
  };
  const held = new Map<string, TensorProto>(graph.initializer.map((proto) => [proto.name, proto]));
  const ranges: Range[] = [];
  for (const proto of graph.initializer) {
    const dtype = dtypeOfElementType(proto.dataType);
    const shape = proto.dims.map(Number);
    if (dtype === null) throw fail(file, proto.name, "a type of Limbeck", `type ${proto.dataType}`);
    const bytes = elementCount(shape) * dtypes[dtype].bytes;
    if (proto.externalData.length > 0) ranges.push(checkRange(file, proto, bytes, sizeOf));
    else if (proto.rawData.length !== bytes)
      throw fail(file, proto.name, `${bytes} bytes without gaps`, `${proto.rawData.length}`);
  }
  checkOverlaps(file, ranges);
  for (const { name, shape } of joinedWeights(config)) {
    for (const input of formOf(name, shape, choice).inputs) {
      const found = held.get(input.name);
      const got = found ? describe(dtypeOfElementType(found.dataType), found.dims.map(Number)) : "nothing";
      const expected = describe(input.dtype, input.shape);
      if (got !== expected) throw fail(file, input.name, expected, got);
    }
  }
  const sequence = [config.kvHeads, config.contextLength, config.headDim];
  const cache = ["B", ...sequence];
  const single = [1, ...sequence]; // as artefacts were exported that serve one sequence only
  for (let layer = 0; layer < config.layers; layer++) {
    for (const part of ["key", "value"]) {
      checkValue(file, graph.input, `past_${part}.${layer}`, cache, single);
      checkValue(file, graph.output, `present_${part}.${layer}`, cache, single);
    }
  }
  checkValue(file, graph.output, "logits", ["Q", config.vocabSize]);
}

/** Reads an ONNX model; `file` is for messages. Error: `invalid_artefact`. */
export function decodeModel(bytes: Uint8Array, file: string): ModelProto {
  try {
    return fromBinary(ModelProtoSchema, bytes);
  } catch (cause) {
    throw new LimbeckError(
      "invalid_artefact",
      `${file}: expected an ONNX model, ${(cause as Error).message}`,
      {
        cure: "Export the checkpoint again.",
        fields: { path: file },
        cause,
      },
    );
  }
}
