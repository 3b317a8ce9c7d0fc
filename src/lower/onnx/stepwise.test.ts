import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { openOnnx } from "../../backend/onnx/backend.ts";
import { LimbeckError } from "../../base/errors.ts";
import { GraphBuilder } from "../../graph/builder.ts";
import { zeros } from "../../tensor/tensor.ts";
import { outputAttention, positions } from "./attention.test.support.ts";
import { lowerToOnnx } from "./lower.ts";
import { ModelProtoSchema } from "./onnx_pb.ts";
import { attendStepwise, firstInput, isStepwise, plainOutput } from "./stepwise.ts";

/** One layer of attention over a cache, as a file. */
function attentionModel(): Uint8Array {
  const g = new GraphBuilder("attention");
  const rows = (name: string, width: number) => g.input(name, "float32", [1, "T", width]);
  outputAttention(g, [rows("q", 32), rows("k", 16), rows("v", 16)]);
  return lowerToOnnx(g.build(), { parameters: {} }).bytes;
}

test("each step has outputs of its own for the cache, and a run says how many tokens attend together", async () => {
  const session = await openOnnx(attendStepwise(attentionModel(), 3), { threads: 1 });
  try {
    assert.ok(isStepwise(session));
    assert.deepEqual(session.inputs.at(-1), { name: firstInput, dtype: "int64", shape: [1] });
    const names = session.outputs.map(({ name }) => name);
    const states = [1, 2, 3].flatMap((step) => [`present_key@${step}`, `present_value@${step}`]);
    assert.deepEqual(names, ["out", "present_key", "present_value", ...states]);
    assert.deepEqual(
      [...new Set(names.map(plainOutput))],
      ["out", "present_key", "present_value"],
      "each continues a plain one",
    );
  } finally {
    session.close();
  }
});

test("states of one cache share its memory; outputs that overlap otherwise are refused", async () => {
  const session = await openOnnx(attendStepwise(attentionModel(), 2), { threads: 1 });
  try {
    const inputs = Object.fromEntries(
      session.inputs.map(({ name, dtype, shape }) => [
        name,
        zeros(
          dtype,
          shape.map((d) => (typeof d === "number" ? d : 2)),
        ),
      ]),
    );
    const out = zeros("float32", [1, 2, 32]);
    const bind = (values: (name: string) => (typeof inputs)[string]) =>
      session.bind(inputs, {
        out,
        ...Object.fromEntries(
          session.outputs
            .filter(({ name }) => name !== "out")
            .map(({ name }) => [name, name.startsWith("present_key") ? inputs["past_key"]! : values(name)]),
        ),
      });
    bind(() => inputs["past_value"]!).close();
    const buffer = new ArrayBuffer(2 ** 14);
    const shape = [1, 1, positions, 16];
    const at = (offset: number) => ({
      dtype: "float32" as const,
      shape,
      data: new Float32Array(buffer, 4 * offset, 256),
    });
    assert.throws(
      () => bind((name) => at(name.endsWith("@1") ? 16 : 0)),
      (error) => error instanceof LimbeckError && error.code === "invalid_tensor",
    );
  } finally {
    session.close();
  }
});

test("only attention is rewritten, and a model without any is refused", () => {
  const ops = (bytes: Uint8Array): (string | undefined)[] =>
    fromBinary(ModelProtoSchema, bytes).graph?.node.map(({ opType }) => opType) ?? [];
  assert.deepEqual(ops(attentionModel()), ["GroupQueryAttention"]);
  const around = ["Gather", "Gather", "Gather", "GroupQueryAttention", "If", "Concat"];
  assert.deepEqual(ops(attendStepwise(attentionModel(), 4)), ["Range", "Shape", "Less", ...around]);
  const g = new GraphBuilder("none");
  g.output("y", g.neg(g.input("x", "float32", [2])));
  assert.throws(
    () => attendStepwise(lowerToOnnx(g.build()).bytes, 4),
    (error) => error instanceof LimbeckError && error.code === "invalid_artefact",
  );
});
