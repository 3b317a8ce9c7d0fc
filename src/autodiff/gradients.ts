import { invariant, LimbeckError } from "../base/errors.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import { formatType, type Node, type NodeOf, type Value } from "../graph/graph.ts";
import type { OpName } from "../graph/ops.ts";
import { dtypes } from "../tensor/tensor.ts";
import type { OperandGradient, VjpRule } from "./rule.ts";
import { vjpRules } from "./rules.ts";
import { equalShapes, zerosLike } from "./shaping.ts";

/** A value and what is to be pulled back from it: a cotangent of its type. */
export interface Seed {
  readonly value: Value;
  readonly cotangent: Value;
}

const isFloat = (value: Value): boolean => dtypes[value.dtype].isFloat;

function missingRule(node: Node, operand: number | null): LimbeckError {
  const place = node.scope ? ` (${node.scope})` : "";
  const what = operand === null ? "" : `operand ${operand} of `;
  return new LimbeckError(
    "vjp_missing",
    `gradient of ${what}${node.op}${place}: expected a rule, got none for ${node.inputs.map(formatType).join(", ")}`,
    {
      cure: "Keep trained values off this path, or cut it with stopGradient.",
      fields: { op: node.op, scope: node.scope, operand },
    },
  );
}

/** Nodes behind `from`, in the order in which they were made. */
function ancestors(from: readonly Value[]): Node[] {
  const found = new Set<Node>();
  const pending = from.map((value) => value.node);
  for (let node = pending.pop(); node; node = pending.pop()) {
    if (found.has(node)) continue;
    found.add(node);
    for (const input of node.inputs) pending.push(input.node);
  }
  return [...found].sort((a, b) => a.id - b.id);
}

/** The values among `nodes` through which a change of `wrt` can reach a result. */
function valuesThatDepend(nodes: readonly Node[], wrt: readonly Value[]): Set<Value> {
  const depends = new Set<Value>(wrt);
  for (const node of nodes) {
    if (vjpRules[node.op] === "zero" || !node.inputs.some((input) => depends.has(input))) continue;
    for (const output of node.outputs) if (isFloat(output)) depends.add(output);
  }
  return depends;
}

/** What one node hands to each operand. */
function pullThrough(
  b: GraphBuilder,
  node: Node,
  cotangents: readonly (Value | null)[],
): readonly OperandGradient[] {
  const entry = vjpRules[node.op];
  if (entry === "zero") return node.inputs.map(() => "zero");
  if (entry === "missing") throw missingRule(node, null);
  const { attrs, inputs, outputs } = node;
  const context = { b, node, attrs, inputs, outputs, cotangents, g: cotangents[0]! };
  // The table is keyed by op, so that rule and node belong together; TypeScript cannot see it through a union.
  const rule = entry as unknown as VjpRule<OpName>;
  return rule(context as unknown as Parameters<VjpRule<OpName>>[0] & { node: NodeOf<OpName> });
}

/**
 * Appends to `b` the nodes that pull the seeds' cotangents back to every value of `wrt`, and returns one cotangent for
 * each, of its type: Σ over the seeds of (∂ value / ∂ wrt)ᵀ · cotangent. Where no path leads, it is zeros.
 * `wrt` may hold inputs and intermediate values. Nodes that no gradient needs are left out by `b.build()`.
 * Errors: `vjp_missing` (an operation on a path has no rule), `invalid_graph` (a seed or `wrt` of the wrong type).
 */
export function pullBack(b: GraphBuilder, seeds: readonly Seed[], wrt: readonly Value[]): Value[] {
  for (const value of wrt) {
    if (!isFloat(value)) {
      throw new LimbeckError("invalid_graph", `gradient: expected a float value, got ${formatType(value)}`);
    }
  }
  const nodes = ancestors(seeds.map((seed) => seed.value));
  const depends = valuesThatDepend(nodes, wrt);
  const cotangents = new Map<Value, Value>();
  const accumulate = (value: Value, cotangent: Value): void => {
    const sum = cotangents.get(value);
    cotangents.set(value, sum ? b.add(sum, cotangent) : cotangent);
  };
  for (const { value, cotangent } of seeds) {
    if (value.dtype !== cotangent.dtype || !equalShapes(value.shape, cotangent.shape)) {
      throw new LimbeckError(
        "invalid_graph",
        `gradient: expected a cotangent ${formatType(value)}, got ${formatType(cotangent)}`,
      );
    }
    if (depends.has(value)) accumulate(value, cotangent);
  }
  for (const node of nodes.reverse()) {
    const arriving = node.outputs.map((output) => cotangents.get(output) ?? null);
    if (!arriving.some(Boolean) || !node.inputs.some((input) => depends.has(input))) continue;
    b.scope(node.scope ? `grad.${node.scope}` : "grad", () => {
      pullThrough(b, node, arriving).forEach((gradient, index) => {
        const operand = node.inputs[index];
        invariant(operand, `${node.op}: more gradients than operands`);
        if (gradient === "zero" || !depends.has(operand)) return;
        if (gradient === "missing") throw missingRule(node, index);
        accumulate(operand, gradient);
      });
    });
  }
  return wrt.map((value) => cotangents.get(value) ?? zerosLike(b, value));
}

/**
 * The gradients of a scalar `loss` with respect to each value of `wrt`, appended to the graph that is being built: a
 * training graph is its forward and its backward pass. See `pullBack` for errors and for values that no path reaches.
 */
export function gradients(b: GraphBuilder, loss: Value, wrt: readonly Value[]): Value[] {
  if (loss.shape.length !== 0 || !isFloat(loss)) {
    throw new LimbeckError(
      "invalid_graph",
      `gradient: expected a float scalar loss, got ${formatType(loss)}`,
      {
        cure: "Reduce the loss with reduceSum or reduceMean first.",
      },
    );
  }
  return pullBack(b, [{ value: loss, cotangent: b.scalar(1, loss.dtype) }], wrt);
}
