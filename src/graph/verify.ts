import { LimbeckError } from "../base/errors.ts";
import { formatType, type Graph, inputName, type Node, type TensorType, type Value } from "./graph.ts";
import type { OpAttrs, OpName } from "./ops.ts";
import { inferTypes } from "./shapes.ts";

function invalid(graph: Graph, what: string, fields: Readonly<Record<string, unknown>> = {}): LimbeckError {
  return new LimbeckError("invalid_graph", `graph "${graph.name}": ${what}`, { fields });
}

function checkUnique(graph: Graph, kind: string, names: readonly string[]): void {
  const repeated = names.find((name, i) => names.indexOf(name) !== i);
  if (repeated !== undefined) {
    throw invalid(graph, `expected every ${kind} name once, got "${repeated}" twice`, { name: repeated });
  }
}

/** The types that the rules give now. A leaf's type is its own: nothing implies it. */
function typesOf(node: Node): readonly TensorType[] {
  if (node.op === "input") return node.outputs;
  return inferTypes<OpName>(node.op, node.inputs, node.attrs as OpAttrs[OpName], node.scope);
}

function checkNode(graph: Graph, node: Node, made: ReadonlySet<Value>): void {
  const place = `${node.op}${node.scope ? ` (${node.scope})` : ""}`;
  node.inputs.forEach((operand, index) => {
    if (made.has(operand)) return;
    throw invalid(
      graph,
      `${place}: expected operand ${index} to be made before its use, got ${formatType(operand)} of a later or absent ${operand.node.op}`,
      {
        op: node.op,
        operand: index,
      },
    );
  });
  const types = typesOf(node).map(formatType).join(", ");
  const declared = node.outputs.map(formatType).join(", ");
  if (types !== declared) {
    throw invalid(graph, `${place}: expected outputs ${types}, got ${declared}`, { op: node.op });
  }
  if (node.outputs.some((value, index) => value.node !== node || value.index !== index)) {
    throw invalid(graph, `${place}: expected outputs that name their node and place, got others`, {
      op: node.op,
    });
  }
}

/**
 * Checks what builders guarantee and passes could break: operands are made before their use, types are those that
 * the rules give, names are unique, inputs and outputs belong to the graph's nodes. Error: `invalid_graph`.
 */
export function verifyGraph(graph: Graph): void {
  const made = new Set<Value>();
  for (const node of graph.nodes) {
    checkNode(graph, node, made);
    for (const value of node.outputs) made.add(value);
  }
  for (const value of graph.inputs) {
    if (value.node.op !== "input" || !made.has(value)) {
      throw invalid(graph, `expected inputs to be made by input nodes of the graph, got a ${value.node.op}`);
    }
  }
  const inputNodes = graph.nodes.filter((node) => node.op === "input");
  if (inputNodes.length !== graph.inputs.length) {
    throw invalid(
      graph,
      `expected ${inputNodes.length} inputs, one for each input node, got ${graph.inputs.length}`,
    );
  }
  checkUnique(graph, "input", graph.inputs.map(inputName));
  checkUnique(
    graph,
    "output",
    graph.outputs.map((output) => output.name),
  );
  for (const { name, value } of graph.outputs) {
    if (!made.has(value))
      throw invalid(graph, `output "${name}": expected a value of the graph, got another`, { name });
  }
}
