import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { GraphBuilder } from "../../graph/builder.ts";
import type { Graph } from "../../graph/graph.ts";
import { float32, zeros } from "../../tensor/tensor.ts";
import { type LowerOptions, lowerToOnnx } from "./lower.ts";
import { type GraphProto, ModelProtoSchema, type ValueInfoProto } from "./onnx_pb.ts";

function lowered(graph: Graph, options?: LowerOptions): GraphProto {
  const { graph: proto } = fromBinary(ModelProtoSchema, lowerToOnnx(graph, options).bytes);
  assert.ok(proto);
  return proto;
}

/** "x: 1[T,4]": name, element type, shape. */
function show({ name, type }: ValueInfoProto): string {
  assert.equal(type?.value.case, "tensorType");
  const { elemType, shape } = type.value.value;
  return `${name}: ${elemType}[${shape?.dim.map((d) => String(d.value.value))}]`;
}

/** "MatMul(x, w) → y" for every node. */
function listing({ node }: GraphProto): string[] {
  return node.map((n) => `${n.opType}(${n.input.join(", ")}) → ${n.output.join(", ")}`);
}

function linear(): Graph {
  const b = new GraphBuilder("linear");
  const x = b.input("x", "float32", ["T", 4]);
  b.output("y", b.add(b.matmul(x, b.parameter("w", [4, 600])), b.parameter("bias", [600])));
  return b.build();
}

const weights = { w: zeros("float32", [4, 600]), bias: float32([600], new Array(600).fill(2)) };

describe("lowering to ONNX", () => {
  it("keeps names, dtypes, fixed sizes and named sizes", () => {
    const b = new GraphBuilder("types");
    const x = b.input("x", "float32", ["T", 4]);
    b.output("y", b.cast(x, "int8"));
    b.output("half", b.cast(x, "float16"));
    b.output("total", b.reduceSum(x));
    const graph = lowered(b.build());
    assert.deepEqual(graph.input.map(show), ["x: 1[T,4]"]);
    assert.deepEqual(graph.output.map(show), ["y: 3[T,4]", "half: 10[T,4]", "total: 1[]"]);
  });

  it("writes parameters as inputs, or as initialisers", () => {
    assert.deepEqual(lowered(linear()).input.map(show), ["x: 1[T,4]", "w: 1[4,600]", "bias: 1[600]"]);
    const fixed = lowered(linear(), { parameters: weights });
    assert.deepEqual(fixed.input.map(show), ["x: 1[T,4]"]);
    assert.deepEqual(
      fixed.initializer.map((t) => [t.name, t.dims.map(Number), t.rawData.length]),
      [
        ["w", [4, 600], 9600],
        ["bias", [600], 2400],
      ],
    );
  });

  it("puts big parameters into the external file, aligned to pages, as views of their own memory", () => {
    const model = lowerToOnnx(linear(), {
      parameters: weights,
      externalData: { file: "model.onnx.data", thresholdBytes: 2000 },
    });
    assert.ok(model.external && model.bytes.length < 1000);
    const { graph } = fromBinary(ModelProtoSchema, model.bytes);
    const entries = graph!.initializer.map((t) =>
      Object.fromEntries(t.externalData.map(({ key, value }) => [key, value])),
    );
    assert.deepEqual(entries, [
      { location: "model.onnx.data", offset: "0", length: "9600" },
      { location: "model.onnx.data", offset: "12288", length: "2400" },
    ]);
    const parts = [...model.external.parts];
    const all = Buffer.concat(parts);
    assert.equal(all.length, 12288 + 2400);
    assert.equal(all.readFloatLE(12288 + 2396), 2);
    assert.equal(parts[0]!.buffer, weights.w.data.buffer);
  });

  it("writes the forms that are fast on the CPU", () => {
    const b = new GraphBuilder("forms");
    const x = b.input("x", "float32", [3, 4]);
    const w = b.input("w", "float32", [4, 4]);
    const batch = b.input("batch", "float32", [2, 3, 4]);
    const ids = b.input("ids", "int64", [3]);
    b.output("plain", b.matmul(x, w));
    b.output("flags", b.matmul(x, w, { transB: true, alpha: 0.5 }));
    b.output("batched", b.matmul(batch, batch, { transB: true }));
    b.output("rows", b.scatterAdd(ids, x, 5, true));
    b.output("sums", b.scatterAdd(ids, x, 5));
    assert.deepEqual(listing(lowered(b.build())), [
      "MatMul(x, w) → plain",
      "Gemm(x, w) → flags",
      "FusedMatMul(batch, batch) → batched",
      "Reshape(ids, %c0) → %t0",
      "ConstantOfShape(%c1) → %t1",
      "ScatterND(%t1, %t0, x) → rows",
      "Reshape(ids, %c0) → %t2",
      "Expand(%t2, %c2) → %t3",
      "ConstantOfShape(%c1) → %t4",
      "ScatterElements(%t4, %t3, x) → sums",
    ]);
  });

  it("turns the first operand of weight gradients once for all that read it", () => {
    const b = new GraphBuilder("turned");
    const x = b.input("x", "float32", [8, 4]);
    const wide = b.input("wide", "float32", [8, 9]);
    const square = b.input("square", "float32", [8, 4]);
    b.output("both", b.matmul(x, wide, { transA: true }));
    b.output("too", b.matmul(x, square, { transA: true }));
    b.output("flag", b.matmul(x, b.input("side", "float32", [9, 8]), { transA: true, transB: true }));
    b.output("narrow", b.matmul(wide, square, { transA: true, alpha: 2 }));
    b.output("alone", b.matmul(square, square, { transA: true }));
    assert.deepEqual(listing(lowered(b.build())), [
      "Transpose(x) → %t0",
      "MatMul(%t0, wide) → both",
      "MatMul(%t0, square) → too",
      "Gemm(%t0, side) → flag",
      "Gemm(wide, square) → narrow",
      "Gemm(square, square) → alone",
    ]);
  });

  it("asks the normalisation for its scale only where the scale is read", () => {
    const b = new GraphBuilder("norm");
    const x = b.input("x", "float32", [3, 4]);
    const w = b.input("w", "float32", [4]);
    b.output("plain", b.rmsNorm(x, w, 1e-5));
    const [y, r] = b.apply("rmsNorm", [x, w], { epsilon: 1e-5 });
    b.output("y", y!);
    b.output("r", r!);
    assert.deepEqual(listing(lowered(b.build())), [
      "RMSNormalization(x, w) → plain",
      "SimplifiedLayerNormalization(x, w) → y, r",
    ]);
    const wide = new GraphBuilder("wide");
    const operands = [wide.input("x", "float64", [3, 4]), wide.input("w", "float64", [4])];
    wide.output("r", wide.apply("rmsNorm", operands, { epsilon: 1e-5 })[1]!);
    assert.equal(listing(lowered(wide.build())).at(-1), "Reciprocal(%t3) → r");
  });

  it("leaves out results that nobody reads", () => {
    const b = new GraphBuilder("unread");
    const { probabilities } = b.crossEntropy(
      b.input("logits", "float32", [3, 4]),
      b.input("t", "int64", [3]),
    );
    b.output("p", probabilities);
    assert.deepEqual(listing(lowered(b.build())), ["Softmax(logits) → p"]);
  });

  it("copies where one value has two names, or an output is an input or a constant", () => {
    const b = new GraphBuilder("copies");
    const x = b.input("x", "float32", [2]);
    const y = b.exp(x);
    b.output("a", y);
    b.output("b", y);
    b.output("c", x);
    b.output("d", b.scalar(3));
    assert.deepEqual(listing(lowered(b.build())), [
      "Exp(x) → a",
      "Identity(a) → b",
      "Identity(x) → c",
      "Identity(%c0) → d",
    ]);
  });

  it("reads several named sizes from the inputs' shapes", () => {
    const b = new GraphBuilder("sizes");
    const x = b.input("x", "float32", ["B", "T", 4]);
    b.output("y", b.reshape(x, [4, "B", "T"]));
    assert.deepEqual(listing(lowered(b.build())), [
      "Shape(x) → %t0",
      "Shape(x) → %t1",
      "Concat(%c0, %t0, %t1) → %t2",
      "Reshape(x, %t2) → y",
    ]);
  });

  it("says where in the model a node comes from", () => {
    const b = new GraphBuilder("names");
    const x = b.input("x", "float32", [2]);
    b.scope("layers.0", () => b.scope("mlp", () => b.output("y", b.silu(x))));
    assert.deepEqual(
      lowered(b.build()).node.map((n) => n.name),
      ["layers.0.mlp/silu.1/Sigmoid.0", "layers.0.mlp/silu.1/Mul.1"],
    );
  });

  it("keeps metadata", () => {
    const { bytes } = lowerToOnnx(linear(), { metadata: { recipe: "quickstart" } });
    const [entry] = fromBinary(ModelProtoSchema, bytes).metadataProps;
    assert.deepEqual([entry?.key, entry?.value], ["recipe", "quickstart"]);
  });

  describe("refuses", () => {
    const bad: readonly [string, LowerOptions, RegExp][] = [
      ["a missing parameter", { parameters: { w: weights.w } }, /"bias"/],
      [
        "a parameter of another shape",
        { parameters: { ...weights, w: zeros("float32", [600, 4]) } },
        /"w".*4, 600.*600, 4/,
      ],
      [
        "a parameter of another dtype",
        { parameters: { ...weights, w: zeros("int8", [4, 600]) } },
        /"w".*float32.*int8/,
      ],
      ["a value for nothing", { parameters: { ...weights, v: weights.w } }, /"v"/],
    ];
    for (const [what, options, message] of bad) {
      it(what, () =>
        assert.throws(() => lowerToOnnx(linear(), options), { code: "invalid_tensor", message }),
      );
    }

    it("a file whose output has an input's name; without a file such a pair is fine", () => {
      const b = new GraphBuilder("same");
      b.output("w", b.mul(b.parameter("w", [4]), 2));
      b.output("z", b.exp(b.input("x", "float32", [4])));
      const graph = b.build();
      assert.deepEqual(lowered(graph).output.map(show), ["%out.w: 1[4]", "z: 1[4]"]);
      assert.throws(() => lowerToOnnx(graph, { parameters: { w: zeros("float32", [4]) } }), {
        code: "invalid_graph",
      });
    });

    it("names of ours", () => {
      const b = new GraphBuilder("names");
      b.output("%1", b.exp(b.input("x", "float32", [4])));
      assert.throws(() => lowerToOnnx(b.build()), { code: "invalid_graph", message: /%1/ });
    });

    it("an operation without a kernel", () => {
      const b = new GraphBuilder("erf");
      b.output("y", b.erf(b.input("x", "float64", [4])));
      assert.throws(() => lowerToOnnx(b.build()), { code: "unsupported_op", message: /erf.*float64/ });
    });
  });
});
