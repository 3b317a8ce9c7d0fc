import type { Tensor } from "../tensor/tensor.ts";
import { formatType, type Graph, type Node, type Value } from "./graph.ts";

/** Attributes that are left out where they have the value that says "nothing special". */
const ordinary: Readonly<Record<string, unknown>> = { alpha: 1 };

/** How many elements of a constant are printed. */
const SHOWN = 4;

function formatTensor({ dtype, shape, data }: Tensor): string {
  const shown = Array.from({ length: Math.min(data.length, SHOWN) }, (_, i) => String(data[i]));
  const bits = dtype === "float16" || dtype === "bfloat16" ? "bits " : "";
  const text = data.length > SHOWN ? `${shown.join(", ")}, …` : shown.join(", ");
  return shape.length === 0 ? `${bits}${text}` : `${bits}[${text}]`;
}

function isTensor(attribute: unknown): attribute is Tensor {
  return typeof attribute === "object" && attribute !== null && "dtype" in attribute && "data" in attribute;
}

/** "" for what is not worth saying, else "name=value"; a flag is its name. */
function formatAttribute(name: string, attribute: unknown): string {
  if (attribute === false || ordinary[name] === attribute) return "";
  if (attribute === true) return name;
  if (isTensor(attribute)) return formatTensor(attribute);
  if (Array.isArray(attribute)) return `${name}=[${attribute.join(", ")}]`;
  return `${name}=${String(attribute)}`;
}

function formatNode(node: Node, nameOf: (value: Value) => string): string {
  const attributes = Object.entries(node.attrs)
    .map(([name, attribute]) => formatAttribute(name, attribute))
    .filter(Boolean);
  const operands = node.inputs.length > 0 ? `(${node.inputs.map(nameOf).join(", ")})` : "";
  const details = attributes.length > 0 ? ` {${attributes.join(", ")}}` : "";
  const types = node.outputs.map(formatType).join(", ");
  const scope = node.scope ? `  // ${node.scope}` : "";
  return `${node.outputs.map(nameOf).join(", ")} = ${node.op}${operands}${details} : ${types}${scope}`;
}

/**
 * The graph as text, one node a line: `%3 = matmul(%1, %2) {transB} : float32[8, 128]  // scope`. Values are numbered
 * in the order in which they are made, so that equal graphs give equal text, whatever else their builder held.
 */
export function printGraph(graph: Graph): string {
  const names = new Map<Value, string>();
  for (const node of graph.nodes) for (const value of node.outputs) names.set(value, `%${names.size}`);
  // An operand that no node makes is `verifyGraph`'s to refuse; printing it helps to find it.
  const nameOf = (value: Value): string => names.get(value) ?? "%?";
  const lines = graph.nodes.map((node) => `  ${formatNode(node, nameOf)}\n`);
  const results = graph.outputs.map(({ name, value }) => `${name}=${nameOf(value)}`).join(", ");
  return `graph ${graph.name} {\n${lines.join("")}  return ${results}\n}\n`;
}
