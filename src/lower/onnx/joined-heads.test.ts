import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { GraphBuilder } from "../../graph/builder.ts";
import type { Value } from "../../graph/graph.ts";
import { outputAttention } from "./attention.test.support.ts";
import { lowerToOnnx } from "./lower.ts";
import { ModelProtoSchema, type NodeProto } from "./onnx_pb.ts";

type Cut = (whole: Value) => readonly [Value, Value, Value];

/** Attention of two heads of q and one of k and v, 16 wide, over what `cut` takes from x [1, T, 64]. */
function nodesOf(
  cut: (g: GraphBuilder) => Cut,
  more?: (g: GraphBuilder, v: Value) => void,
): readonly NodeProto[] {
  const g = new GraphBuilder("attention");
  const [q, k, v] = cut(g)(g.input("x", "float32", [1, "T", 64]));
  outputAttention(g, [q, k, v]);
  more?.(g, v);
  return fromBinary(ModelProtoSchema, lowerToOnnx(g.build(), { parameters: {} }).bytes).graph!.node;
}

const columns =
  (g: GraphBuilder, ...starts: readonly [number, number, number]): Cut =>
  (x) =>
    starts.map((start, i) => g.slice(x, 2, start, start + (i === 0 ? 32 : 16))) as [Value, Value, Value];

const count = (nodes: readonly NodeProto[], opType: string): number =>
  nodes.filter((node) => node.opType === opType).length;
const headsOf = (nodes: readonly NodeProto[]): readonly string[] =>
  nodes.find(({ opType }) => opType === "GroupQueryAttention")!.input.slice(0, 3);

test("q, k and v that are cut from one value side by side are read as that value", () => {
  const nodes = nodesOf((g) => columns(g, 0, 32, 48));
  assert.deepEqual(headsOf(nodes), ["x", "", ""]);
  assert.equal(count(nodes, "Slice"), 0);
});

test("in another order they are cut", () => {
  const nodes = nodesOf((g) => columns(g, 0, 48, 32));
  assert.ok(headsOf(nodes).every((name) => name !== "" && name !== "x"));
  assert.equal(count(nodes, "Slice"), 3);
});

test("a cut that something else reads stays", () => {
  const read = nodesOf(
    (g) => columns(g, 0, 32, 48),
    (g, v) => g.output("twice", g.add(v, v)),
  );
  assert.deepEqual(headsOf(read), ["x", "", ""]);
  assert.equal(count(read, "Slice"), 1);
  const given = nodesOf(
    (g) => columns(g, 0, 32, 48),
    (g, v) => g.output("v", v),
  );
  assert.equal(given.filter(({ output }) => output[0] === "v").length, 1);
});
