import { onnxCpuBackend } from "../backend/onnx/backend.ts";
import type { NamedTensors, Session } from "../backend/session.ts";
import { createRandom } from "../base/random.ts";
import { GraphBuilder } from "../graph/builder.ts";
import { int64, tensor, zeros } from "../tensor/tensor.ts";
import type { ModelConfig } from "./config.ts";
import { buildTrunk, declareParameters, fakeQuantised, projectLogits, trainingAttention } from "./decoder.ts";
import type { WeightFormat } from "./inference-graph.ts";
import { createKvCache } from "./kv-cache.ts";

/** How far the exported model's logits are from the training graph's on the same tokens. */
export interface Parity {
  readonly reference: "training_graph";
  readonly max_abs_logit_error: number;
  /** The largest error that an export of this format may have. */
  readonly limit: number;
  readonly probe_tokens: number;
}

/** fp32 must agree to rounding; int8 with the fake-quantised training graph. */
export const parityLimits: { readonly [F in WeightFormat]: number } = { fp32: 1e-4, int8: 1e-3 };

/** Logits [T, V] of the graph that training differentiates, fake-quantised for int8. */
async function trainingLogits(
  config: ModelConfig,
  weights: NamedTensors,
  ids: readonly number[],
  format: WeightFormat,
): Promise<Float32Array> {
  const g = new GraphBuilder("parity");
  const input = g.input("ids", "int64", [1, ids.length]);
  const declared = declareParameters(g, config);
  const parameters = format === "int8" ? fakeQuantised(g, declared) : declared;
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

/**
 * Logits [T, V] of an inference graph's session: `prefill` tokens at once (default half of them), then one a run, with
 * the cache in place. `weights` are those that the session takes as inputs.
 */
export async function cachedLogits(
  config: ModelConfig,
  session: Session,
  ids: readonly number[],
  options: { readonly prefill?: number; readonly weights?: NamedTensors } = {},
): Promise<Float32Array> {
  const { prefill = Math.ceil(ids.length / 2), weights = {} } = options;
  const cache = createKvCache(config);
  const all = new Float32Array(ids.length * config.vocabSize);
  let done = 0;
  while (done < ids.length) {
    const count = done === 0 ? prefill : 1;
    const logits = zeros("float32", [count, config.vocabSize]);
    const select = Array.from({ length: count }, (_, i) => i);
    const binding = session.bind(
      {
        ...weights,
        ...cache.inputs,
        ids: int64([1, count], ids.slice(done, done + count)),
        select: int64([count], select),
        last_position: tensor("int32", [1], Int32Array.of(done + count - 1)),
        total_length: tensor("int32", [], Int32Array.of(done + count)),
      },
      { ...cache.outputs, logits },
    );
    await binding.run();
    binding.close();
    all.set(logits.data as Float32Array, done * config.vocabSize);
    done += count;
  }
  return all;
}

/**
 * Compares an exported session with the training graph on seeded random tokens, prefill and decode.
 * `weights` are float32 in graph layout.
 */
export async function measureParity(
  config: ModelConfig,
  weights: NamedTensors,
  session: Session,
  format: WeightFormat,
): Promise<Parity> {
  const random = createRandom(20_260_801);
  const count = Math.min(48, config.contextLength);
  const ids = Array.from({ length: count }, () => random.integer(config.vocabSize));
  const expected = await trainingLogits(config, weights, ids, format);
  const got = await cachedLogits(config, session, ids);
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(expected[i]! - got[i]!);
    if (!(difference <= worst)) worst = difference;
  }
  return {
    reference: "training_graph",
    max_abs_logit_error: worst,
    limit: parityLimits[format],
    probe_tokens: ids.length,
  };
}
