import type { Backend } from "../backend/session.ts";
import { LimbeckError } from "../base/errors.ts";
import type { ModelConfig } from "../model/config.ts";
import { buildInferenceGraph } from "../model/inference-graph.ts";
import { type Tensor, zeros } from "../tensor/tensor.ts";
import type { Arena } from "./arena.ts";

/** Greedy decoding with the weights as they are now, for rollouts and validation while training. */
export interface LiveDecoder {
  /** New token ids after `prompt`, up to and including `endId`, at most `maxTokens`. */
  generate(prompt: ArrayLike<number>, endId: number, maxTokens: number): Promise<number[]>;
  close(): void;
}

function firstLargest(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}

/** Compiles the inference graph over the live weights; the cache is allocated once. */
export async function createLiveDecoder(
  backend: Backend,
  config: ModelConfig,
  weights: Arena,
  threads: number | null,
): Promise<LiveDecoder> {
  const graph = buildInferenceGraph(config, { weights: "fp32" });
  const session = await backend.compile(graph, threads === null ? {} : { threads });
  const lastPosition = zeros("int32", [1]);
  const totalLength = zeros("int32", []);
  const select = zeros("int64", [1]);
  const logits = zeros("float32", [1, config.vocabSize]);
  const shared: Record<string, Tensor> = {
    last_position: lastPosition,
    total_length: totalLength,
    select,
    ...weights.tensors,
  };
  const outputs: Record<string, Tensor> = { logits };
  for (let layer = 0; layer < config.layers; layer++) {
    for (const kind of ["key", "value"]) {
      const cache = zeros("float32", [1, config.kvHeads, config.contextLength, config.headDim]);
      shared[`past_${kind}.${layer}`] = cache;
      outputs[`present_${kind}.${layer}`] = cache;
    }
  }
  const one = zeros("int64", [1, 1]);
  const step = session.bind({ ...shared, ids: one }, outputs);
  const setPlace = (before: number, tokens: number): void => {
    (lastPosition.data as Int32Array)[0] = before + tokens - 1;
    (totalLength.data as Int32Array)[0] = before + tokens;
    (select.data as BigInt64Array)[0] = BigInt(tokens - 1);
  };
  return {
    async generate(prompt, endId, maxTokens) {
      if (prompt.length + maxTokens > config.contextLength) {
        throw new LimbeckError(
          "context_length_exceeded",
          `rollout: expected at most ${config.contextLength} tokens, got a prompt of ${prompt.length} and ${maxTokens} more`,
        );
      }
      const ids = zeros("int64", [1, prompt.length]);
      for (let i = 0; i < prompt.length; i++) (ids.data as BigInt64Array)[i] = BigInt(prompt[i]!);
      const prefill = session.bind({ ...shared, ids }, outputs);
      try {
        setPlace(0, prompt.length);
        await prefill.run();
      } finally {
        prefill.close();
      }
      const out: number[] = [];
      for (;;) {
        const next = firstLargest(logits.data as Float32Array);
        out.push(next);
        if (next === endId || out.length >= maxTokens) return out;
        (one.data as BigInt64Array)[0] = BigInt(next);
        setPlace(prompt.length + out.length - 1, 1);
        await step.run();
      }
    },
    close() {
      step.close();
      session.close();
    },
  };
}
