import type { OpAttrs, OpName } from "../../graph/ops.ts";
import type { DType } from "../../tensor/tensor.ts";
import type { Dense } from "./dense.ts";

/** What a rule may know besides its operands. */
export interface RuleContext {
  /** The types of the node's outputs, with every named size replaced by its number. */
  readonly outputs: readonly { readonly dtype: DType; readonly shape: readonly number[] }[];
  /** The value fed under an input's name. */
  feed(name: string): Dense;
}

/** Computes the outputs of one node. It must not change its operands. */
export type ReferenceRule<O extends OpName> = (
  inputs: readonly Dense[],
  attrs: OpAttrs[O],
  context: RuleContext,
) => readonly Dense[];

/** The rules of some operations: the tables of the files beside this one, joined in rules.ts. */
export type RulesOf<Ops extends OpName> = { readonly [O in Ops]: ReferenceRule<O> };
