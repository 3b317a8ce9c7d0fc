import type { Node, NodeOf, Value } from "../../graph/graph.ts";
import type { OpName } from "../../graph/ops.ts";
import type { OnnxEmitter } from "./emitter.ts";

/** One node of our graph on its way into ONNX. */
export interface Lowering<O extends OpName> {
  readonly emit: OnnxEmitter;
  readonly node: NodeOf<O>;
  /** ONNX names of the operands. */
  readonly inputs: readonly string[];
  /** ONNX names that the results must get; empty where nobody reads a result. */
  readonly outputs: readonly string[];
  /** The ONNX name of a value that stands before this node. */
  nameOf(value: Value): string;
  /** Every node of the graph that reads a value. */
  readersOf(value: Value): readonly Node[];
}

/** Writes one operation as ONNX nodes. */
export type OnnxRule<O extends OpName> = (lowering: Lowering<O>) => void;

/** Rules for a part of the operations; the parts make one exhaustive table. */
export type OnnxRules<O extends OpName> = { readonly [K in O]: OnnxRule<K> };
