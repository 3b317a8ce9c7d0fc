import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LimbeckError } from "../base/errors.ts";
import { GraphBuilder } from "./builder.ts";
import type { Graph, Node, Value } from "./graph.ts";
import { verifyGraph } from "./verify.ts";

/** y = x · weight + 1. */
function makeGraph(): Graph {
  const b = new GraphBuilder("line");
  const x = b.input("x", "float32", ["T", 2]);
  const weight = b.parameter("weight", [2, 3]);
  b.output(
    "y",
    b.scope("head", () => b.add(b.matmul(x, weight), 1)),
  );
  return b.build();
}

/** The graph with one node's outputs retyped, everything else as it was. */
function retype(graph: Graph, op: string, change: (value: Value, node: Node) => Partial<Value>): Graph {
  const nodes = graph.nodes.map((node) => {
    if (node.op !== op) return node;
    const outputs: Value[] = [];
    const copy = { ...node, outputs } as Node;
    for (const value of node.outputs) outputs.push({ ...value, node: copy, ...change(value, copy) });
    return copy;
  });
  return { ...graph, nodes };
}

function refuses(graph: Graph, message: RegExp): void {
  assert.throws(
    () => verifyGraph(graph),
    (error: unknown) => {
      assert.ok(error instanceof LimbeckError);
      assert.equal(error.code, "invalid_graph");
      assert.match(error.message, message);
      return true;
    },
  );
}

describe("the graph verifier", () => {
  const graph = makeGraph();

  it("accepts what the builder makes", () => verifyGraph(graph));

  it("refuses operands that are made after their use, or nowhere", () => {
    refuses(
      { ...graph, nodes: [...graph.nodes].reverse() },
      /^graph "line": add \(head\): expected operand 0 to be made before its use/,
    );
    const absent = graph.nodes.filter((node) => node.op !== "matmul");
    refuses({ ...graph, nodes: absent }, /operand 0 .* later or absent matmul/);
  });

  it("refuses types that the rules do not give", () => {
    const wrong = retype(graph, "add", () => ({ shape: ["T", 4] }));
    refuses(wrong, /add \(head\): expected outputs float32\[T, 3\], got float32\[T, 4\]/);
  });

  it("refuses outputs that claim another place", () => {
    refuses(
      retype(graph, "add", () => ({ index: 1 })),
      /add \(head\): expected outputs that name their node and place/,
    );
  });

  it("refuses names that are used twice", () => {
    const [output] = graph.outputs;
    refuses({ ...graph, outputs: [output!, output!] }, /expected every output name once, got "y" twice/);
    const other = makeGraph();
    const twice = {
      ...graph,
      nodes: [...graph.nodes, ...other.nodes],
      inputs: [...graph.inputs, ...other.inputs],
    };
    refuses(twice, /expected every input name once, got "x" twice/);
  });

  it("refuses inputs and outputs that are not of the graph", () => {
    const other = makeGraph();
    refuses({ ...graph, outputs: other.outputs }, /output "y": expected a value of the graph, got another/);
    refuses({ ...graph, inputs: other.inputs }, /expected inputs to be made by input nodes of the graph/);
    refuses({ ...graph, inputs: graph.inputs.slice(1) }, /expected 2 inputs, one for each input node, got 1/);
  });
});
