import { LimbeckError } from "../../base/errors.ts";
import { formatType, type Graph, inputName, type Node, type Value } from "../../graph/graph.ts";
import type { OpName } from "../../graph/ops.ts";

/** An output that is written into the memory of an input. */
export interface InPlacePair {
  readonly input: string;
  readonly output: string;
}

/** Which operand's memory each result may take while the operation itself still reads that operand. */
type InPlaceOperands = "any" | "none" | readonly { readonly operand: number; readonly result: number }[];

/**
 * "any": the last ONNX node that an operation becomes reads and writes element by element. Whether it is so for the
 * rest is not promised by their kernels, hence "none".
 */
const inPlaceOperands: Partial<Record<OpName, InPlaceOperands>> = {
  neg: "any",
  exp: "any",
  log: "any",
  sqrt: "any",
  reciprocal: "any",
  sigmoid: "any",
  tanh: "any",
  erf: "any",
  relu: "any",
  silu: "any",
  abs: "any",
  sign: "any",
  round: "any",
  clip: "any",
  stopGradient: "any",
  add: "any",
  sub: "any",
  mul: "any",
  div: "any",
  maximum: "any",
  minimum: "any",
  where: "any",
  swiglu: "any",
  geglu: "any",
  fakeQuant: "any",
  input: "any",
  // ScatterElements starts with a copy of its data, which it leaves out where the memory is the same.
  scatterElementsAdd: [{ operand: 0, result: 0 }],
  // Keys and values are appended to their cache.
  cachedAttention: [
    { operand: 3, result: 1 },
    { operand: 4, result: 2 },
  ],
};

/**
 * Operations whose result may be the operand's memory in disguise, or whose node ONNX Runtime may move into the
 * reader: a reader of the result counts as a reader of the operand.
 */
const mayBeViews: ReadonlySet<OpName> = new Set<OpName>([
  "reshape",
  "transpose",
  "stopGradient",
  "cast",
  "expand",
  "slice",
]);

/** Factors by a constant are moved into the matrix product that reads them. */
function isView(node: Node): boolean {
  if (mayBeViews.has(node.op)) return true;
  return (
    (node.op === "mul" || node.op === "div") &&
    node.inputs.some((operand) => operand.node.op === "constant" && operand.shape.length === 0)
  );
}

/** The nodes that read each value. */
export function readersOf(graph: Graph): ReadonlyMap<Value, readonly Node[]> {
  const readers = new Map<Value, Node[]>();
  for (const node of graph.nodes) {
    for (const operand of new Set(node.inputs)) {
      const list = readers.get(operand);
      if (list) list.push(node);
      else readers.set(operand, [node]);
    }
  }
  return readers;
}

/** Every node that must have run before `node` can. */
function ancestorsOf(node: Node): ReadonlySet<Node> {
  const seen = new Set<Node>();
  const pending = [node];
  for (let next = pending.pop(); next; next = pending.pop()) {
    for (const { node: before } of next.inputs) {
      if (seen.has(before)) continue;
      seen.add(before);
      pending.push(before);
    }
  }
  return seen;
}

function describeNode({ op, id, scope }: Node): string {
  return `${op} ${id}${scope ? ` (${scope})` : ""}`;
}

function allowsInPlace(writer: Node, input: Value, output: Value): boolean {
  const rule = inPlaceOperands[writer.op] ?? "none";
  return writer.inputs.every((operand, i) => {
    if (operand !== input || rule === "any") return true;
    return rule !== "none" && rule.some((r) => r.operand === i && r.result === output.index);
  });
}

/**
 * Checks that each output may be written into the memory of its input: everything that reads the old value has run
 * before the new one is written, whatever order the runtime chooses. Error: `invalid_graph`, naming reader and writer.
 */
export function assertInPlaceSafe(graph: Graph, pairs: readonly InPlacePair[]): void {
  const readers = readersOf(graph);
  const inputs = new Map(graph.inputs.map((value) => [inputName(value), value]));
  const outputs = new Map(graph.outputs.map(({ name, value }) => [name, value]));
  for (const pair of pairs) {
    const input = inputs.get(pair.input);
    const output = outputs.get(pair.output);
    const fail = (message: string, fields: Record<string, unknown> = {}): LimbeckError =>
      new LimbeckError("invalid_graph", `output "${pair.output}" over input "${pair.input}": ${message}`, {
        cure: "Give the output memory of its own, or make the update depend on every reader of the old value.",
        fields: { ...pair, ...fields },
      });
    if (!input || !output) throw fail("expected names of the graph");
    if (input.dtype !== output.dtype || `${input.shape}` !== `${output.shape}`) {
      throw fail(`expected one type, got ${formatType(input)} and ${formatType(output)}`);
    }
    const writer = output.node;
    const before = ancestorsOf(writer);
    const pending: Value[] = [input];
    for (let value = pending.pop(); value; value = pending.pop()) {
      for (const reader of readers.get(value) ?? []) {
        const isSafe = reader === writer ? allowsInPlace(writer, value, output) : before.has(reader);
        if (!isSafe) {
          throw fail(
            `expected every reader of the old value to come before ${describeNode(writer)}, got ${describeNode(reader)}`,
            { reader: reader.id, writer: writer.id },
          );
        }
        if (reader !== writer && isView(reader)) pending.push(...reader.outputs);
      }
    }
  }
}
