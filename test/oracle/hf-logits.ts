import * as fs from "node:fs";
import { onnxCpuBackend } from "#limbeck/backend/onnx/backend.js";
import type { NamedTensors } from "#limbeck/backend/session.js";
import { GraphBuilder } from "#limbeck/graph/builder.js";
import type { ModelConfig } from "#limbeck/model/config.js";
import { buildTrunk, declareParameters, projectLogits, trainingAttention } from "#limbeck/model/decoder.js";
import { buildInferenceGraph } from "#limbeck/model/inference-graph.js";
import { cachedLogits } from "#limbeck/model/parity.js";
import { int64 } from "#limbeck/tensor/tensor.js";

/** A file of float32 as Python's `tofile` writes it. */
export function readFloats(file: string): Float32Array {
  const bytes = fs.readFileSync(file);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

/** Logits [T, V] of the graph that training differentiates. */
export async function trainingLogits(
  config: ModelConfig,
  weights: NamedTensors,
  ids: readonly number[],
): Promise<Float32Array> {
  const g = new GraphBuilder("oracle");
  const input = g.input("ids", "int64", [1, ids.length]);
  const parameters = declareParameters(g, config);
  const hidden = buildTrunk(g, config, parameters, input, trainingAttention(g, config, 1, ids.length));
  g.output("logits", projectLogits(g, config, parameters, hidden));
  const session = await onnxCpuBackend.compile(g.build());
  try {
    const { logits } = await session.run({ ...weights, ids: int64([1, ids.length], ids) });
    return logits?.data as Float32Array;
  } finally {
    session.close();
  }
}

/** Logits [T, V] of the model as it is exported: `prefill` tokens at once, then one token a run. */
export async function exportedLogits(
  config: ModelConfig,
  weights: NamedTensors,
  ids: readonly number[],
  prefill: number,
): Promise<Float32Array> {
  const session = await onnxCpuBackend.compile(buildInferenceGraph(config, { weights: "fp32" }));
  return cachedLogits(config, session, ids, { prefill, weights }).finally(() => session.close());
}

/** The id of the largest logit of each row [T, V], first of equals. */
export function argMaxRows(logits: Float32Array, vocabSize: number): number[] {
  return Array.from({ length: logits.length / vocabSize }, (_, row) => {
    const values = logits.subarray(row * vocabSize, (row + 1) * vocabSize);
    return values.reduce((best, value, id) => (value > values[best]! ? id : best), 0);
  });
}
