import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { invariant } from "../../base/errors.ts";
import type { TensorType } from "../../graph/graph.ts";
import { valueInfo } from "./lower.ts";
import {
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  type ValueInfoProtoSchema,
} from "./onnx_pb.ts";

/** A stretch of a model's nodes as a model of its own. */
export interface ModelPiece {
  /** The scope that it starts at; empty for the first. */
  readonly name: string;
  /** An ONNX model; its initialisers lie where those of the whole model do. */
  readonly bytes: Uint8Array;
  /** The value that it takes over from the piece before; null for the first. */
  readonly input: string | null;
  /** The value that it hands over to the next piece; null for the last. */
  readonly output: string | null;
}

/** Where a model is cut: where this scope begins, and the type of the value that is handed over there. */
export interface Cut {
  readonly scope: string;
  readonly type: TensorType;
}

/** Whether a node was written in a scope or in one inside of it: names start with the scope and a slash. */
function isIn(scope: string, { name }: NodeProto): boolean {
  const own = name.split("/", 1)[0] ?? "";
  return own === scope || own.startsWith(`${scope}.`);
}

/** The nodes that make `outputs` from what is given, in their order. */
function nodesBehind(
  nodes: readonly NodeProto[],
  outputs: readonly string[],
  given: ReadonlySet<string>,
): NodeProto[] {
  const wanted = new Set(outputs);
  const found: NodeProto[] = [];
  // Nodes stand before their readers.
  for (const node of [...nodes].reverse()) {
    if (!node.output.some((name) => name !== "" && wanted.has(name))) continue;
    found.push(node);
    for (const name of node.input) if (!given.has(name)) wanted.add(name);
  }
  return found.reverse();
}

/**
 * Cuts a model where each scope begins. The value that is made last before a cut is handed over; what else a piece
 * reads of earlier nodes it computes again. So the pieces run one after the other are the model, and each node of it is
 * in one of them at least: `internal` where that is not so.
 */
export function splitModel(model: ModelProto, cuts: readonly Cut[]): ModelPiece[] {
  const { graph } = model;
  invariant(graph, "split: a model without a graph");
  const nodes = graph.node;
  const starts = cuts.map(({ scope }) => nodes.findIndex((node) => isIn(scope, node)));
  for (const [i, start] of starts.entries())
    invariant(
      start > (starts[i - 1] ?? 0),
      `split: the scope "${cuts[i]?.scope}" is not there or begins before another`,
    );
  const cutNames = starts.map((start) => nodes[start - 1]!.output[0]!);
  const resultNames = new Set(graph.output.map(({ name }) => name));
  const given = new Set([...graph.input, ...graph.initializer].map(({ name }) => name));
  const covered = new Set<NodeProto>();
  const pieces = [0, ...starts].map((start, i): ModelPiece => {
    const own = nodes.slice(start, starts[i] ?? nodes.length).flatMap((node) => node.output);
    const [input, output] = [cutNames[i - 1] ?? null, cutNames[i] ?? null];
    const outputs = [...(output === null ? [] : [output]), ...own.filter((name) => resultNames.has(name))];
    const behind = nodesBehind(nodes, outputs, new Set([...given, ...(input === null ? [] : [input])]));
    for (const node of behind) covered.add(node);
    const read = new Set(behind.flatMap((node) => node.input));
    const [before, after] = [cuts[i - 1], cuts[i]];
    const crossing = (name: string | null, at?: Cut): MessageInitShape<typeof ValueInfoProtoSchema>[] =>
      name === null || at === undefined ? [] : [valueInfo(name, at.type)];
    const piece = create(GraphProtoSchema, {
      name: `${graph.name}.${before?.scope ?? "start"}`,
      node: behind,
      initializer: graph.initializer.filter(({ name }) => read.has(name)),
      input: [...crossing(input, before), ...graph.input.filter(({ name }) => read.has(name))],
      output: [...crossing(output, after), ...graph.output.filter(({ name }) => outputs.includes(name))],
    });
    const bytes = toBinary(ModelProtoSchema, create(ModelProtoSchema, { ...model, graph: piece }));
    return { name: before?.scope ?? "", bytes, input, output };
  });
  const left = nodes.find((node) => !covered.has(node));
  invariant(!left, `split: the node "${left?.name}" is in no piece`);
  return pieces;
}
