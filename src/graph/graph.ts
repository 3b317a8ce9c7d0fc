import type { DType } from "../tensor/tensor.ts";
import type { OpAttrs, OpName } from "./ops.ts";

/** A number, or the name of a size that is known when the graph runs: "T", or a product of such sizes, "B·T". */
export type Dim = number | string;
export type Shape = readonly Dim[];

/** The type of a value. */
export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** One output of one node. */
export interface Value extends TensorType {
  readonly id: number;
  readonly node: Node;
  /** Which output of the node. */
  readonly index: number;
}

/** One operation of a graph; `op` tells which attributes it has. */
export type Node = { readonly [O in OpName]: NodeOf<O> }[OpName];

export interface NodeOf<O extends OpName> {
  readonly id: number;
  readonly op: O;
  readonly attrs: OpAttrs[O];
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** Where in the model it was made ("layers.0.attention"), for messages. */
  readonly scope: string;
}

export type InputNode = NodeOf<"input">;

/** A program: nodes in an order in which every operand comes before its use. */
export interface Graph {
  readonly name: string;
  readonly nodes: readonly Node[];
  readonly inputs: readonly Value[];
  readonly outputs: readonly { readonly name: string; readonly value: Value }[];
}

/** The names in a named size: those of the factors of a product. */
export function factorsOf(name: string): readonly string[] {
  return name.split("·");
}

export function inputName(value: Value): string {
  return (value.node as InputNode).attrs.name;
}

/** "float32[8, 128]". */
export function formatType(type: TensorType): string {
  return `${type.dtype}[${type.shape.join(", ")}]`;
}
