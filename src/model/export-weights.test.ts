import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createRandom } from "../base/random.ts";
import { lowerToOnnx } from "../lower/onnx/lower.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ModelConfig } from "./config.ts";
import { initialiseWeights, parameterShapes } from "./decoder.ts";
import { streamWeights } from "./export-weights.ts";
import { buildInferenceGraph, choiceOf } from "./inference-graph.ts";
import { joinedWeights, joinWeights } from "./joined-weights.ts";
import { smallConfig } from "./small-model.test.support.ts";
import { weightFormats } from "./weight-formats.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const config: ModelConfig = {
  ...smallConfig,
  vocabSize: 96,
  hiddenSize: 64,
  intermediateSize: 80,
  layers: 1,
  headDim: 32,
  tieEmbeddings: false,
};
const weights = initialiseWeights(config, createRandom(2));

/** Gives copies of the weights, counts the readings, and knows which copies are still in memory. */
function countingReader() {
  const given: { readonly name: string; readonly ref: WeakRef<ArrayBufferLike> }[] = [];
  return {
    given,
    read: (name: string): Tensor => {
      const { dtype, shape, data } = weights[name]!;
      const copy = data.slice();
      given.push({ name, ref: new WeakRef(copy.buffer) });
      return { dtype, shape, data: copy };
    },
    /** A weak reference holds its target until the job that made it ends, hence the wait. */
    alive: async (): Promise<string[]> => {
      await setImmediate();
      collectGarbage();
      return given.filter(({ ref }) => ref.deref() !== undefined).map(({ name }) => name);
    },
  };
}

for (const format of weightFormats) {
  test(`${format}: a weight is read once, and no second one is in memory while it is written`, async () => {
    const reader = countingReader();
    const { parameters, errors } = streamWeights(
      { config, read: reader.read },
      choiceOf({ weights: format }),
    );
    const graph = buildInferenceGraph(config, { weights: format, isJoined: true });
    const { external } = lowerToOnnx(graph, {
      parameters,
      externalData: { file: "model.data", thresholdBytes: 1 },
    });
    assert.equal(reader.given.length, 0, "lowering reads nothing");
    let most = 0;
    let bytes = 0;
    for (const part of external!.parts) {
      bytes += part.length;
      most = Math.max(most, (await reader.alive()).length);
    }
    const names = [...parameterShapes(config).keys()];
    assert.deepEqual(
      reader.given.map(({ name }) => name),
      names,
    );
    assert.ok(most <= 1, `${most} weights were in memory at once`);
    const held = Object.values(parameters).reduce((sum, value) => sum + value.load().byteLength, 0);
    assert.ok(bytes >= held, `${bytes} bytes written of ${held}`);
    const changed = errors().map(({ name }) => name);
    const joined = joinedWeights(config);
    const matrices = joined.filter(({ shape }) => shape.length === 2).map(({ name }) => name);
    const expected = {
      fp32: [],
      fp16: matrices,
      int8: matrices.filter((name) => name !== "model.embed_tokens.weight"),
      "int8-block": matrices,
      "int8-row": matrices,
      int4: matrices,
    };
    assert.deepEqual(changed, expected[format]);
  });
}

test("the error of a weight falls with the bits that hold it", () => {
  const joined = joinWeights(config, weights);
  const mean = (format: "fp16" | "int8-block" | "int4", block?: 32 | 128): number => {
    const { read } = countingReader();
    const streamed = streamWeights({ config, read }, choiceOf({ weights: format, block }));
    for (const value of Object.values(streamed.parameters)) value.load();
    const all = streamed.errors();
    for (const { name, relative_error, max_abs_error } of all) {
      const peak = Math.max(...(joined[name]!.data as Float32Array).map(Math.abs));
      assert.ok(relative_error > 0 && max_abs_error > 0 && max_abs_error <= peak / 7, name);
    }
    return all.reduce((sum, { relative_error }) => sum + relative_error, 0) / all.length;
  };
  // A step of normal weights in blocks of 32 is a fourth of their deviation at 4 bits (peak 2.1 deviations over 8): an
  // error of 1/√12 of it is 0.075; each bit halves it.
  const [int4, wide, int8, half] = [
    mean("int4", 32),
    mean("int4", 128),
    mean("int8-block", 32),
    mean("fp16"),
  ];
  assert.ok(int4 > 0.06 && int4 < 0.1, `int4 ${int4}`);
  assert.ok(wide > int4, `int4 in blocks of 128: ${wide}`);
  assert.ok(Math.abs(int4 / int8 - 16) < 2, `int4 ${int4}, int8 ${int8}`);
  assert.ok(half < int8 / 10, `fp16 ${half}`);
});
