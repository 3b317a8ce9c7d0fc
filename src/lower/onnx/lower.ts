import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { LimbeckError } from "../../base/errors.ts";
import {
  formatType,
  type Graph,
  inputName,
  type Node,
  type TensorType,
  type Value,
} from "../../graph/graph.ts";
import type { OpName } from "../../graph/ops.ts";
import { elementCount, type Tensor } from "../../tensor/tensor.ts";
import { readersOf } from "./alias.ts";
import { elementTypes } from "./element-types.ts";
import { OnnxEmitter } from "./emitter.ts";
import { type ExternalData, InitialiserWriter, type LazyTensor } from "./initialisers.ts";
import { isTakenWhole } from "./joined-heads.ts";
import { ModelProtoSchema, type ValueInfoProtoSchema } from "./onnx_pb.ts";
import type { Lowering } from "./rule.ts";
import { onnxRules } from "./rules.ts";

/** Versions that every ONNX Runtime ≥ 1.23 reads. */
const irVersion = 11n;
const opsets = [
  { domain: "", version: 23n },
  { domain: "com.microsoft", version: 1n },
];

export interface LowerOptions {
  /**
   * "inputs" (training: all inputs are fed), or the values of the parameters (export), which become part of the model.
   * Values for other inputs (tables of the rotary embedding) may be given too.
   */
  readonly parameters?: "inputs" | Readonly<Record<string, Tensor | LazyTensor>>;
  readonly externalData?: ExternalData;
  /** Kept in the model: who made it from what. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * A model as bytes; `external` is what its data file must hold. Its parts are views of the tensors' own memory, and a
 * lazy tensor is loaded when its part is asked for: whoever drops each part holds one tensor at a time.
 */
export interface OnnxModel {
  readonly bytes: Uint8Array;
  readonly external?: { readonly file: string; readonly parts: Iterable<Uint8Array> };
}

/** An input or output of a model. */
export function valueInfo(
  name: string,
  { dtype, shape }: TensorType,
): MessageInitShape<typeof ValueInfoProtoSchema> {
  const dim = shape.map((d) => ({
    value:
      typeof d === "number"
        ? { case: "dimValue" as const, value: BigInt(d) }
        : { case: "dimParam" as const, value: d },
  }));
  const tensorType = { elemType: elementTypes[dtype], shape: { dim } };
  return { name, type: { value: { case: "tensorType", value: tensorType } } };
}

function checkNames(graph: Graph): void {
  for (const name of [...graph.inputs.map(inputName), ...graph.outputs.map((o) => o.name)]) {
    if (name === "" || name.startsWith("%")) {
      throw new LimbeckError(
        "invalid_graph",
        `ONNX: expected a name that does not start with "%", got "${name}"`,
      );
    }
  }
}

/** The tensors that become part of the model, checked against the graph. */
function fixedInputs(graph: Graph, parameters: LowerOptions["parameters"]): Map<Value, Tensor | LazyTensor> {
  const fixed = new Map<Value, Tensor | LazyTensor>();
  if (parameters === undefined || parameters === "inputs") return fixed;
  const unknown = new Set(Object.keys(parameters));
  for (const input of graph.inputs) {
    const name = inputName(input);
    const value = parameters[name];
    unknown.delete(name);
    if (!value) {
      if (input.node.op === "input" && input.node.attrs.kind === "parameter") {
        throw new LimbeckError(
          "invalid_tensor",
          `ONNX: expected a value for the parameter "${name}", got none`,
          {
            fields: { name },
          },
        );
      }
      continue;
    }
    const fits =
      value.dtype === input.dtype &&
      value.shape.length === input.shape.length &&
      input.shape.every((d, i) => d === value.shape[i]) &&
      (!("data" in value) || value.data.length === elementCount(value.shape));
    if (!fits) {
      throw new LimbeckError(
        "invalid_tensor",
        `ONNX: parameter "${name}": expected ${formatType(input)}, got ${formatType(value)}`,
        { fields: { name } },
      );
    }
    fixed.set(input, value);
  }
  const [extra] = unknown;
  if (extra !== undefined) {
    throw new LimbeckError(
      "invalid_tensor",
      `ONNX: expected values for inputs of the graph, got "${extra}"`,
      {
        fields: { name: extra },
      },
    );
  }
  return fixed;
}

/**
 * ONNX knows each name once, while an input of ours may have an output of its own name (a weight and its new value):
 * that output gets a name of ours. Sessions of compiled graphs go by place, not by name; a file cannot.
 */
function outputNames(graph: Graph, isFile: boolean): string[] {
  const inputs = new Set(graph.inputs.map(inputName));
  return graph.outputs.map(({ name }) => {
    if (!inputs.has(name)) return name;
    if (!isFile) return `%out.${name}`;
    throw new LimbeckError(
      "invalid_graph",
      `ONNX: expected other names for outputs than for inputs, got "${name}" for both`,
      { cure: `Name the output differently, such as "${name}.next".`, fields: { name } },
    );
  });
}

/** ONNX names of all values; the outputs that still need a node of their own, since their value has another name. */
function nameValues(
  graph: Graph,
  outputs: readonly string[],
): { names: Map<Value, string>; copies: { from: Value; name: string }[] } {
  const names = new Map<Value, string>();
  const copies: { from: Value; name: string }[] = [];
  for (const input of graph.inputs) names.set(input, inputName(input));
  for (const [i, { value }] of graph.outputs.entries()) {
    const name = outputs[i]!;
    if (names.has(value) || value.node.op === "constant") copies.push({ from: value, name });
    else names.set(value, name);
  }
  const read = new Set(graph.nodes.flatMap((node) => node.inputs));
  for (const node of graph.nodes) {
    for (const value of node.outputs) {
      if (!names.has(value)) names.set(value, read.has(value) ? `%${value.id}` : "");
    }
  }
  return { names, copies };
}

function lowerNode<O extends Exclude<OpName, "input" | "constant">>(lowering: Lowering<O>): void {
  const rule = onnxRules[lowering.node.op] as (l: Lowering<O>) => void;
  rule(lowering);
}

/**
 * Writes a graph as an ONNX model. Named sizes become named dimensions; values keep the graph's input and output names.
 * Errors: `invalid_graph` (names), `invalid_tensor` (parameters), `unsupported_op` (an operation without a kernel).
 */
export function lowerToOnnx(graph: Graph, options: LowerOptions = {}): OnnxModel {
  checkNames(graph);
  const fixed = fixedInputs(graph, options.parameters);
  const fed = graph.inputs.filter((input) => !fixed.has(input));
  const emit = new OnnxEmitter(
    fed.map((value) => ({ name: inputName(value), value })),
    new Set([...fixed.keys()].map(inputName)),
  );
  const writer = new InitialiserWriter(options.externalData);
  for (const [input, value] of fixed) writer.add(inputName(input), value);

  const isFile = options.parameters !== undefined && options.parameters !== "inputs";
  const results = outputNames(graph, isFile);
  const { names, copies } = nameValues(graph, results);
  const readers = readersOf(graph);
  const readersOfValue = (value: Value): readonly Node[] => readers.get(value) ?? [];
  const isResult = new Set(graph.outputs.map(({ value }) => value));
  const nameOf = (value: Value): string => names.get(value) ?? "";
  for (const node of graph.nodes as readonly Node[]) {
    if (node.op === "input") continue;
    if (node.op === "constant") {
      names.set(node.outputs[0]!, emit.constant(node.attrs.tensor));
      continue;
    }
    if (isTakenWhole(node, readersOfValue) && !isResult.has(node.outputs[0]!)) continue;
    emit.setLabel(`${node.scope ? `${node.scope}/` : ""}${node.op}.${node.id}`);
    lowerNode({
      emit,
      node,
      inputs: node.inputs.map(nameOf),
      outputs: node.outputs.map(nameOf),
      nameOf,
      readersOf: readersOfValue,
    } as Lowering<Exclude<OpName, "input" | "constant">>);
  }
  emit.setLabel("output");
  for (const { from, name } of copies) emit.node("Identity", [nameOf(from)], [name]);
  for (const [name, value] of emit.constants) writer.add(name, value);
  for (const [name, { of, shape }] of emit.views) writer.addView(name, of, shape);

  const model = create(ModelProtoSchema, {
    irVersion,
    producerName: "limbeck",
    opsetImport: opsets,
    metadataProps: Object.entries(options.metadata ?? {}).map(([key, value]) => ({ key, value })),
    graph: {
      name: graph.name,
      node: emit.nodes,
      initializer: writer.protos,
      input: fed.map((value) => valueInfo(inputName(value), value)),
      output: graph.outputs.map(({ value }, i) => valueInfo(results[i]!, value)),
    },
  });
  const bytes = toBinary(ModelProtoSchema, model);
  if (!options.externalData || writer.externalBytes === 0) return { bytes };
  const parts = { [Symbol.iterator]: () => writer.parts() };
  return { bytes, external: { file: options.externalData.file, parts } };
}
