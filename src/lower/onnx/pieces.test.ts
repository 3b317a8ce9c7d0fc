import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { openOnnx } from "../../backend/onnx/backend.ts";
import { LimbeckError } from "../../base/errors.ts";
import { GraphBuilder } from "../../graph/builder.ts";
import { float32, int64, type Tensor } from "../../tensor/tensor.ts";
import { lowerToOnnx } from "./lower.ts";
import { type ModelProto, ModelProtoSchema } from "./onnx_pb.ts";
import { type Cut, splitModel } from "./pieces.ts";

const cutsAt = (...scopes: readonly string[]): Cut[] =>
  scopes.map((scope) => ({ scope, type: { dtype: "float32", shape: ["T", 2] } }));

/** y = ((table[ids] · a + shift) · b + shift) · c, the products in scopes; the shift is made before the first of them. */
function decode(): ModelProto {
  const g = new GraphBuilder("three");
  const ids = g.input("ids", "int64", ["T"]);
  const parameter = (name: string, shape: readonly number[]) => g.parameter(name, shape);
  const shift = g.exp(g.parameter("shift", [2]));
  let x = g.gather(parameter("table", [3, 2]), ids);
  for (const name of ["a", "b", "c"]) {
    x = g.scope(`layers.${name}`, () => {
      const product = g.scope("inner", () => g.matmul(x, parameter(name, [2, 2])));
      return name === "c" ? product : g.add(product, shift);
    });
  }
  g.output("y", x);
  const square = (...values: number[]): Tensor => float32([2, 2], values);
  const parameters = {
    shift: float32([2], [0.5, -1]),
    table: float32([3, 2], [1, 2, 3, 4, 5, 6]),
    a: square(1, 2, 3, 4),
    b: square(0, 1, -1, 0),
    c: square(2, 0, 1, 1),
  };
  return fromBinary(ModelProtoSchema, lowerToOnnx(g.build(), { parameters }).bytes);
}

async function runOn(model: Uint8Array, feeds: Readonly<Record<string, Tensor>>, output: string) {
  const session = await openOnnx(model);
  const read = Object.entries(feeds).filter(([name]) => session.inputs.some((spec) => spec.name === name));
  const results = await session.run(Object.fromEntries(read)).finally(() => session.close());
  return results[output]!;
}

const scopes = ["layers.a", "layers.b", "layers.c"];

test("the pieces of a model, run one after the other, are the model", async () => {
  const model = decode();
  const ids = int64([2], [2, 0]);
  const whole = await runOn(toBinary(ModelProtoSchema, model), { ids }, "y");
  const pieces = splitModel(model, cutsAt(...scopes));
  assert.deepEqual(
    pieces.map(({ name }) => name),
    ["", ...scopes],
  );
  let feeds: Record<string, Tensor> = { ids };
  let last: Tensor | undefined;
  for (const { bytes, input, output } of pieces) {
    if (input !== null) feeds = { ids, [input]: last! };
    last = await runOn(bytes, feeds, output ?? "y");
  }
  assert.deepEqual([...last!.data], [...whole.data]);
  assert.equal(pieces[0]!.input, null);
  assert.equal(pieces[3]!.output, null);
});

test("a piece holds its own weights and makes again what all of them read", () => {
  const weights = splitModel(decode(), cutsAt(...scopes)).map(({ bytes }) =>
    fromBinary(ModelProtoSchema, bytes).graph!.initializer.map(({ name }) => name),
  );
  assert.deepEqual(weights, [["table"], ["shift", "a"], ["shift", "b"], ["c"]]);
});

test("a scope that is not there, and a node that no piece needs, are our bugs", () => {
  const fails = (action: () => unknown, message: RegExp): void =>
    assert.throws(
      action,
      (error) => error instanceof LimbeckError && error.code === "internal" && message.test(error.message),
    );
  fails(
    () => splitModel(decode(), cutsAt("layers.a", "layers")),
    /scope "layers" is not there or begins before/,
  );
  fails(() => splitModel(decode(), cutsAt("layers.d")), /scope "layers\.d" is not there/);
  const model = decode();
  const spare = model.graph!.node.find(({ name }) => name.startsWith("layers.b"))!;
  model.graph!.node.push({ ...spare, name: "layers.c/spare", output: ["nobody"] });
  fails(() => splitModel(model, cutsAt(...scopes)), /layers\.c\/spare" is in no piece/);
});
