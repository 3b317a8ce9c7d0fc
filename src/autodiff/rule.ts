import type { GraphBuilder } from "../graph/builder.ts";
import type { NodeOf, Value } from "../graph/graph.ts";
import type { OpAttrs, OpName } from "../graph/ops.ts";

/** One node of the forward pass and the cotangents of its outputs. */
export interface VjpContext<O extends OpName> {
  /** Where the rule appends its nodes. */
  readonly b: GraphBuilder;
  readonly node: NodeOf<O>;
  readonly attrs: OpAttrs[O];
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** One per output, of its shape; null where no gradient arrives. At least one is a value. */
  readonly cotangents: readonly (Value | null)[];
  /** The first output's cotangent, for the rules of operations with one output. */
  readonly g: Value;
}

/**
 * What reaches one operand: a cotangent of its shape; "zero" where the derivative is zero by its nature or the
 * operand is not a float; "missing" where there is a derivative that no rule computes.
 */
export type OperandGradient = Value | "zero" | "missing";

/** The vector-Jacobian product of one operation: one answer per operand, in order. */
export type VjpRule<O extends OpName> = (context: VjpContext<O>) => readonly OperandGradient[];

/** A rule; or "zero": no gradient passes; or "missing": an error where a gradient would have to pass. */
export type VjpEntry<O extends OpName> = VjpRule<O> | "zero" | "missing";

/** The entries of some operations: the tables of the files beside this one, joined in rules.ts. */
export type VjpEntriesOf<Ops extends OpName> = { readonly [O in Ops]: VjpEntry<O> };
