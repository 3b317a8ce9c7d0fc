import type { Backend } from "../backend/session.ts";
import { GraphBuilder } from "../graph/builder.ts";
import type { Graph, Node, Value } from "../graph/graph.ts";
import type { ModelConfig } from "../model/config.ts";
import {
  buildTrunk,
  declareParameters,
  fakeQuantised,
  isLinearWeight,
  type Parameters,
  trainingAttention,
} from "../model/decoder.ts";
import { type Tensor, zeros } from "../tensor/tensor.ts";
import type { Arena } from "./arena.ts";
import { diverged } from "./guards.ts";

/** For each linear weight, the output of the product that uses it, on the way to `result`. */
function linearOutputs(result: Value, parameters: Parameters): Map<string, Value> {
  const names = new Map([...parameters].map(([name, value]) => [value, name]));
  const found = new Map<string, Value>();
  const seen = new Set<Node>();
  const pending = [result.node];
  for (let node = pending.pop(); node; node = pending.pop()) {
    if (seen.has(node)) continue;
    seen.add(node);
    const weight = node.op === "matmul" ? node.inputs[1] : undefined;
    const name = weight ? names.get(weight) : undefined;
    if (name !== undefined && isLinearWeight(name)) found.set(name, node.outputs[0]!);
    for (const input of node.inputs) pending.push(input.node);
  }
  return found;
}

export interface ProbeGraph {
  readonly graph: Graph;
  /** The linear weights, in the order of the output's rows. */
  readonly names: readonly string[];
}

/**
 * The model twice over the same ids int64 [B, T], plain and fake-quantised: output `sums` [n, 3] holds for each linear
 * layer ⟨a, b⟩, ⟨a, a⟩ and ⟨b, b⟩ of its two outputs over the positions of `mask` [B·T, 1].
 */
export function buildProbeGraph(config: ModelConfig, rows: number, tokens: number): ProbeGraph {
  const g = new GraphBuilder("quantisation_probe");
  const plain = declareParameters(g, config);
  const quantised = fakeQuantised(g, plain);
  const ids = g.input("ids", "int64", [rows, tokens]);
  const mask = g.input("mask", "float32", [rows * tokens, 1]);
  const outputs = (parameters: Parameters): Map<string, Value> =>
    linearOutputs(
      buildTrunk(g, config, parameters, ids, trainingAttention(g, config, rows, tokens)),
      parameters,
    );
  const before = outputs(plain);
  const after = outputs(quantised);
  const names = [...plain.keys()].filter((name) => before.has(name));
  const sums = names.map((name) => {
    const a = g.mul(before.get(name)!, mask);
    const b = g.mul(after.get(name)!, mask);
    const sum = (x: Value, y: Value): Value => g.reshape(g.reduceSum(g.mul(x, y)), [1]);
    return g.reshape(g.concat([sum(a, b), sum(a, a), sum(b, b)], 0), [1, 3]);
  });
  g.output("sums", g.concat(sums, 0));
  return { graph: g.build(), names };
}

export interface LayerCosine {
  readonly layer: string;
  readonly cosine: number;
}

/** Cosines between the plain and the quantised model on one fixed batch. */
export interface QuantisationProbe {
  measure(): Promise<readonly LayerCosine[]>;
  close(): void;
}

/** Compiles the probe over `sequences` (cut or padded to `tokens`), reading the weights where they are. */
export async function createProbe(
  backend: Backend,
  config: ModelConfig,
  weights: Arena,
  sequences: readonly Int32Array[],
  tokens: number,
  threads: number | null,
): Promise<QuantisationProbe> {
  const rows = sequences.length;
  const { graph, names } = buildProbeGraph(config, rows, tokens);
  const session = await backend.compile(graph, threads === null ? {} : { threads });
  const ids = zeros("int64", [rows, tokens]);
  const mask = zeros("float32", [rows * tokens, 1]);
  sequences.forEach((sequence, r) => {
    sequence.subarray(0, tokens).forEach((id, i) => {
      (ids.data as BigInt64Array)[r * tokens + i] = BigInt(id);
      (mask.data as Float32Array)[r * tokens + i] = 1;
    });
  });
  const sums: Tensor = zeros("float32", [names.length, 3]);
  const binding = session.bind({ ...weights.tensors, ids, mask }, { sums });
  return {
    async measure() {
      await binding.run();
      const data = sums.data as Float32Array;
      return names.map((layer, i) => ({
        layer,
        cosine: data[3 * i]! / Math.sqrt(data[3 * i + 1]! * data[3 * i + 2]!),
      }));
    },
    close() {
      binding.close();
      session.close();
    },
  };
}

/** The layer that quantisation changes most. Error: `training_diverged` below `floor` or not a number. */
export function checkCosines(step: number, cosines: readonly LayerCosine[], floor: number): LayerCosine {
  const isBad = ({ cosine }: LayerCosine): boolean => !(cosine >= floor);
  const bad =
    cosines.find((c) => Number.isNaN(c.cosine)) ?? [...cosines].sort((a, b) => a.cosine - b.cosine)[0];
  if (bad && isBad(bad)) {
    throw diverged(
      "quantisation_unstable",
      step,
      `${bad.layer}: expected a cosine of at least ${floor} between plain and quantised outputs, got ${bad.cosine}`,
      "Raise quant.start_fraction, lower quant.lr_multiplier or raise quant.freeze_norms_fraction, and start again.",
      { layer: bad.layer, cosine: Number.isNaN(bad.cosine) ? null : bad.cosine },
    );
  }
  return bad ?? { layer: "", cosine: 1 };
}
