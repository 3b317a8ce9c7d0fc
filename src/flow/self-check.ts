import { gradients } from "../autodiff/gradients.ts";
import type { Backend, NamedTensors } from "../backend/session.ts";
import { createRandom } from "../base/random.ts";
import { GraphBuilder } from "../graph/builder.ts";
import type { Graph } from "../graph/graph.ts";
import { float32, int64, type Tensor } from "../tensor/tensor.ts";

/** Rows, width and classes of the graph: small enough for the slow twin, with the operations of a decoder block. */
const sizes = { rows: 6, width: 8, hidden: 12, classes: 10 } as const;

/** A gated block with normalisation, attention and cross-entropy, forward and backward in one graph. */
function buildProbe(): Graph {
  const { rows, width, hidden, classes } = sizes;
  const g = new GraphBuilder("self-check");
  const x = g.input("x", "float32", [rows, width]);
  const targets = g.input("targets", "int64", [rows]);
  const parameters = {
    norm: g.parameter("norm", [width]),
    gate: g.parameter("gate", [width, hidden]),
    up: g.parameter("up", [width, hidden]),
    down: g.parameter("down", [hidden, width]),
    head: g.parameter("head", [width, classes]),
  };
  const normed = g.rmsNorm(x, parameters.norm, 1e-5); // [rows, C]
  const heads = g.reshape(normed, [1, 1, rows, width]); // [B, H, T, D]
  const { out } = g.attention(heads, heads, heads, { scale: 1 / Math.sqrt(width), causal: true });
  const mixed = g.add(x, g.reshape(out, [rows, width]));
  const block = g.swiglu(g.matmul(mixed, parameters.gate), g.matmul(mixed, parameters.up)); // [rows, F]
  const logits = g.matmul(g.add(mixed, g.matmul(block, parameters.down)), parameters.head); // [rows, V]
  const loss = g.reduceMean(g.crossEntropy(logits, targets).nll);
  g.output("loss", loss);
  g.output("logits", logits);
  const names = Object.keys(parameters);
  gradients(g, loss, Object.values(parameters)).forEach((gradient, i) => {
    g.output(`grad.${names[i]}`, gradient);
  });
  return g.build();
}

function probeFeeds(): NamedTensors {
  const { rows, width, hidden, classes } = sizes;
  const random = createRandom(1);
  const normal = (...shape: number[]): Tensor =>
    float32(
      shape,
      Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal() * 0.5),
    );
  return {
    x: normal(rows, width),
    targets: int64(
      [rows],
      Array.from({ length: rows }, () => random.integer(classes)),
    ),
    norm: normal(width),
    gate: normal(width, hidden),
    up: normal(width, hidden),
    down: normal(hidden, width),
    head: normal(width, classes),
  };
}

async function runOnce(backend: Backend, graph: Graph, feeds: NamedTensors): Promise<NamedTensors> {
  const session = await backend.compile(graph, { threads: 1 });
  try {
    return await session.run(feeds);
  } finally {
    session.close();
  }
}

export interface Parity {
  /** Largest absolute difference of any element of any output. */
  readonly maxAbsError: number;
  /** The output where it is. */
  readonly worstOutput: string;
}

/**
 * Runs one small graph, forward and backward, on `backend` and on its twin and says how far apart they are.
 * A number that is no number on either side counts as infinitely far.
 */
export async function compareBackends(backend: Backend, twin: Backend): Promise<Parity> {
  const graph = buildProbe();
  const feeds = probeFeeds();
  const found = await runOnce(backend, graph, feeds);
  const expected = await runOnce(twin, graph, feeds);
  let worst: Parity = { maxAbsError: 0, worstOutput: "loss" };
  for (const { name } of graph.outputs) {
    const a = found[name]?.data ?? [];
    const b = expected[name]?.data ?? [];
    for (let i = 0; i < Math.max(a.length, b.length); i++) {
      const difference = Math.abs(Number(a[i]) - Number(b[i]));
      const error = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
      if (error > worst.maxAbsError) worst = { maxAbsError: error, worstOutput: name };
    }
  }
  return worst;
}
