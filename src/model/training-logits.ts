import { onnxCpuBackend } from "../backend/onnx/backend.ts";
import type { NamedTensors } from "../backend/session.ts";
import { GraphBuilder } from "../graph/builder.ts";
import type { Value } from "../graph/graph.ts";
import { int64, type Tensor } from "../tensor/tensor.ts";
import type { ModelConfig } from "./config.ts";
import {
  buildLayer,
  embeddingPart,
  embedTokens,
  finalNorm,
  finalScope,
  layerScope,
  type Parameters,
  parameterShapes,
  projectLogits,
  trainingAttention,
} from "./decoder.ts";
import { formOf, type WeightChoice } from "./weight-forms.ts";

/** A model whose float32 weights, in graph layout, are read one by one. */
export interface WeightSource {
  readonly config: ModelConfig;
  read(name: string): Tensor;
}

/** The same thing from the weights as they are, and from what a format makes of them. */
export interface Twins<T> {
  readonly original: T;
  readonly held: T;
}

/** What a piece of a model hands over: [T, C], or the logits [T, V]. */
export interface PieceRows {
  readonly name: string;
  readonly rows: Float32Array;
}

/** Logits [T, V] of both twins, and what the pieces of the held one hand over. */
export interface Reference extends Twins<Float32Array> {
  readonly pieces: readonly PieceRows[];
}

/** A piece of the model that is computed at once: the weights that it reads, and what it makes of its input. */
interface Piece {
  readonly name: string;
  readonly reads: (name: string) => boolean;
  readonly input: (g: GraphBuilder) => Value;
  readonly build: (g: GraphBuilder, parameters: Parameters, x: Value) => Value;
}

function piecesOf(config: ModelConfig, T: number): Piece[] {
  const { hiddenSize: C, layers, tieEmbeddings } = config;
  const table = "model.embed_tokens.weight";
  const head = tieEmbeddings ? table : "lm_head.weight";
  const hidden = (g: GraphBuilder): Value => g.input("x", "float32", [T, C]);
  const layer = (index: number): Piece => ({
    name: layerScope(index),
    reads: (name) => name.startsWith(`model.layers.${index}.`),
    input: hidden,
    build: (g, parameters, x) =>
      buildLayer(g, config, parameters, { layer: index, B: 1, T }, x, trainingAttention(g, config, 1, T)),
  });
  return [
    {
      name: embeddingPart,
      reads: (name) => name === table,
      input: (g) => g.input("x", "int64", [1, T]),
      build: (g, parameters, ids) => embedTokens(g, config, parameters, ids),
    },
    ...Array.from({ length: layers }, (_, index) => layer(index)),
    {
      name: finalScope,
      reads: (name) => name === head || name === "model.norm.weight",
      input: hidden,
      build: (g, parameters, x) => projectLogits(g, config, parameters, finalNorm(g, config, parameters, x)),
    },
  ];
}

/** Runs a piece on both twins; its weights are in memory once at a time. */
async function runPiece(
  { config, read }: WeightSource,
  piece: Piece,
  choice: WeightChoice,
  x: Twins<Tensor>,
): Promise<Twins<Tensor>> {
  const g = new GraphBuilder("parity");
  const input = piece.input(g);
  const shapes = [...parameterShapes(config)].filter(([name]) => piece.reads(name));
  const parameters = new Map(shapes.map(([name, shape]) => [name, g.parameter(name, shape)]));
  g.output("y", piece.build(g, parameters, input));
  const session = await onnxCpuBackend.compile(g.build());
  const run = async (weights: NamedTensors, own: Tensor): Promise<Tensor> =>
    (await session.run({ ...weights, x: own }))["y"] as Tensor;
  try {
    const weights: Record<string, Tensor> = {};
    for (const [name] of shapes) weights[name] = read(name);
    const original = await run(weights, x.original);
    if (choice.format === "fp32") return { original, held: original };
    for (const [name, shape] of shapes) {
      const form = formOf(name, shape, choice);
      weights[name] = form.restore(form.hold(weights[name] as Tensor));
    }
    return { original, held: await run(weights, x.held) };
  } finally {
    session.close();
  }
}

/**
 * Logits [T, V] of the graph that training differentiates, from the weights as they are and as the format holds them.
 * The model is computed a layer at a time, so that it may be larger than memory: most of what is held at once is the
 * weights of one layer, or the table of embeddings.
 */
export async function trainingLogits(
  source: WeightSource,
  ids: readonly number[],
  choice: WeightChoice,
): Promise<Reference> {
  const tokens = int64([1, ids.length], ids);
  let x: Twins<Tensor> = { original: tokens, held: tokens };
  const pieces: PieceRows[] = [];
  for (const piece of piecesOf(source.config, ids.length)) {
    x = await runPiece(source, piece, choice, x);
    pieces.push({ name: piece.name, rows: x.held.data as Float32Array });
  }
  return { original: x.original.data as Float32Array, held: x.held.data as Float32Array, pieces };
}
