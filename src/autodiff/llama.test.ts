import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runReference } from "../backend/reference/session.ts";
import type { NamedTensors } from "../backend/session.ts";
import { createRandom } from "../base/random.ts";
import { GraphBuilder } from "../graph/builder.ts";
import type { Graph, Value } from "../graph/graph.ts";
import { verifyGraph } from "../graph/verify.ts";
import { int64, type Tensor, tensor } from "../tensor/tensor.ts";
import { normals } from "./gradient-check.test.support.ts";
import { gradients } from "./gradients.ts";

const sizes = { B: 2, T: 5, N: 2, H: 4, K: 2, D: 4, C: 16, F: 12, V: 11 };

interface Model {
  readonly forward: Graph;
  readonly training: Graph;
  readonly parameters: readonly { readonly name: string; readonly shape: readonly number[] }[];
}

/** A two-layer decoder with shared key/value heads; its loss is cross-entropy plus a divergence from a teacher. */
function buildModel(): Model {
  const { B, T, N, H, K, D, C, F, V } = sizes;
  const b = new GraphBuilder("llama");
  const parameters: { name: string; shape: number[]; value: Value }[] = [];
  const parameter = (name: string, shape: number[]): Value => {
    const value = b.parameter(name, shape, "float64");
    parameters.push({ name, shape, value });
    return value;
  };
  const ids = b.input("ids", "int64", [B, T]);
  const targets = b.input("targets", "int64", [B * T]);
  const teacher = b.input("teacher", "float64", [B * T, V]);
  const cos = b.input("cos", "float64", [T, D / 2]);
  const sin = b.input("sin", "float64", [T, D / 2]);
  const table = parameter("embedding", [V, C]);

  const heads = (x: Value, weight: Value, count: number): Value =>
    b.transpose(b.reshape(b.matmul(x, weight), [B, T, count, D]), [0, 2, 1, 3]); // [B, count, T, D]
  /** [B, K, T, D] → [B, H, T, D]: each head serves H / K queries. */
  const share = (x: Value): Value =>
    b.reshape(b.expand(b.reshape(x, [B, K, 1, T, D]), [B, K, H / K, T, D]), [B, H, T, D]);

  let x = b.gather(table, ids); // [B, T, C]
  for (let layer = 0; layer < N; layer++) {
    x = b.scope(`layers.${layer}`, () => {
      const own = (name: string, shape: number[]): Value => parameter(`${layer}.${name}`, shape);
      const h = b.rmsNorm(x, own("norm1", [C]), 1e-5);
      const q = b.rotary(heads(h, own("q", [C, H * D]), H), cos, sin);
      const k = share(b.rotary(heads(h, own("k", [C, K * D]), K), cos, sin));
      const v = share(heads(h, own("v", [C, K * D]), K));
      const { out } = b.attention(q, k, v, { scale: 1 / Math.sqrt(D), causal: true });
      const joined = b.reshape(b.transpose(out, [0, 2, 1, 3]), [B, T, H * D]);
      const y = b.add(x, b.matmul(joined, own("o", [H * D, C])));
      const h2 = b.rmsNorm(y, own("norm2", [C]), 1e-5);
      const hidden = b.swiglu(b.matmul(h2, own("gate", [C, F])), b.matmul(h2, own("up", [C, F])));
      return b.add(y, b.matmul(hidden, own("down", [F, C])));
    });
  }
  const last = b.rmsNorm(x, parameter("norm", [C]), 1e-5);
  // The head is the embedding again: its gradient arrives on two ways.
  const logits = b.reshape(b.matmul(last, table, { transB: true }), [B * T, V]);
  const { nll } = b.crossEntropy(logits, targets);
  const divergence = b.neg(b.reduceSum(b.mul(teacher, b.logSoftmax(logits)), [1]));
  const loss = b.add(b.reduceMean(nll), b.mul(b.reduceMean(divergence), 0.5));
  b.output("loss", loss);
  const forward = b.build();
  const found = gradients(
    b,
    loss,
    parameters.map((p) => p.value),
  );
  parameters.forEach(({ name }, i) => {
    b.output(name, found[i]!);
  });
  return { forward, training: b.build(), parameters };
}

function drawFeeds(model: Model, seed: number): Record<string, Tensor> {
  const { B, T, D, V } = sizes;
  const random = createRandom(seed);
  const integers = (shape: number[], count: number): Tensor =>
    int64(
      shape,
      Array.from({ length: count }, () => random.integer(V)),
    );
  const angles = Float64Array.from(
    { length: (T * D) / 2 },
    (_, i) => Math.floor((2 * i) / D) / 3 ** (i % (D / 2)),
  );
  const raw = Float64Array.from({ length: B * T * V }, () => random.next());
  const rowSum = (row: number): number => raw.subarray(row * V, (row + 1) * V).reduce((sum, p) => sum + p, 0);
  const sums = Array.from({ length: B * T }, (_, row) => rowSum(row));
  const feeds: Record<string, Tensor> = {
    ids: integers([B, T], B * T),
    targets: integers([B * T], B * T),
    teacher: tensor(
      "float64",
      [B * T, V],
      raw.map((p, i) => p / sums[Math.floor(i / V)]!),
    ),
    cos: tensor("float64", [T, D / 2], angles.map(Math.cos)),
    sin: tensor("float64", [T, D / 2], angles.map(Math.sin)),
  };
  for (const { name, shape } of model.parameters) {
    const scale = shape.length === 1 ? 1 : 0.4;
    const draw = normals(random, shape).data as Float64Array;
    feeds[name] = tensor(
      "float64",
      shape,
      draw.map((value) => (shape.length === 1 ? 1 + 0.2 * value : scale * value)),
    );
  }
  return feeds;
}

const lossOf = (graph: Graph, feeds: NamedTensors): number =>
  Number(runReference(graph, feeds)["loss"]!.data[0]);

describe("the gradient of a small decoder", () => {
  const model = buildModel();
  const seed = 11;
  const feeds = drawFeeds(model, seed);
  const result = runReference(model.training, feeds);

  it("passes the verifier and keeps the loss", () => {
    verifyGraph(model.training);
    assert.equal(Number(result["loss"]!.data[0]), lossOf(model.forward, feeds));
  });

  for (const { name } of model.parameters) {
    it(`of ${name} equals central differences (seed ${seed})`, () => {
      const random = createRandom(seed).fork(name);
      const { shape, data } = feeds[name]!;
      const step = 1e-5;
      const lossAt = (place: number, change: number): number => {
        const values = (data as Float64Array).slice();
        values[place]! += change;
        return lossOf(model.forward, { ...feeds, [name]: tensor("float64", shape, values) });
      };
      for (let sample = 0; sample < 8; sample++) {
        const place = random.integer(data.length);
        const expected = (lossAt(place, step) - lossAt(place, -step)) / (2 * step);
        const got = Number(result[name]!.data[place]);
        const difference = Math.abs(got - expected);
        assert.ok(
          difference < 1e-7,
          `element ${place}: difference ${difference}, got ${got}, expected ${expected}`,
        );
      }
    });
  }
});
