import type { NamedTensors } from "../backend/session.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import type { BlockAttrs } from "../graph/ops.ts";
import { fromFloat16, toFloat16 } from "../tensor/half.ts";
import type { DType, Tensor } from "../tensor/tensor.ts";
import { isLinearWeight } from "./decoder.ts";
import { quantiseInt8, restoreInt8 } from "./quantise.ts";
import { projectionLayout, quantiseBlocks, restoreBlocks, tableLayout } from "./quantise-blocks.ts";
import type { Weight } from "./weight.ts";
import type { BlockSize, WeightFormat } from "./weight-formats.ts";

/** A format with what it leaves open. */
export interface WeightChoice {
  readonly format: WeightFormat;
  /** Of formats of blocks. */
  readonly block: BlockSize;
  /** How exactly products with blocks, or with int8 by rows, are computed: artefacts ship "int8". */
  readonly activations: "float32" | "int8";
}

/** An input of the inference graph that holds a weight or a part of one. */
export interface HeldInput {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** One way to hold one weight. */
export interface WeightForm {
  /** Inputs of the graph that stand for it. */
  readonly inputs: readonly HeldInput[];
  /** Declares them; returns what the graph computes with. */
  declare(g: GraphBuilder): Weight;
  /** The values of the inputs from the float32 weight. */
  hold(weight: Tensor): NamedTensors;
  /** The float32 weight that held values stand for. */
  restore(held: NamedTensors): Tensor;
}

type MakeForm = (name: string, shape: readonly number[], choice: WeightChoice) => WeightForm;

const plain: MakeForm = (name, shape) => ({
  inputs: [{ name, dtype: "float32", shape }],
  declare: (g) => g.parameter(name, shape),
  hold: (weight) => ({ [name]: weight }),
  restore: (held) => held[name]!,
});

/** Computed in float32: ONNX Runtime casts a projection when it loads, so this saves disk, not memory. */
const half: MakeForm = (name, shape) => ({
  inputs: [{ name, dtype: "float16", shape }],
  declare: (g) => g.parameter(name, shape, "float16"),
  hold: (weight) => ({
    [name]: { dtype: "float16", shape, data: toFloat16(weight.data as Float32Array) },
  }),
  restore: (held) => ({
    dtype: "float32",
    shape,
    data: fromFloat16(held[name]!.data as Uint16Array),
  }),
});

const perChannel: MakeForm = (name, shape) => {
  const [values, scale] = [`${name}.int8`, `${name}.scale`];
  const channels = [shape[1] as number];
  return {
    inputs: [
      { name: values, dtype: "int8", shape },
      { name: scale, dtype: "float32", shape: channels },
    ],
    declare: (g) => g.dequantize(g.parameter(values, shape, "int8"), g.parameter(scale, channels)),
    hold: (weight) => {
      const quantised = quantiseInt8(weight);
      return { [values]: quantised.values, [scale]: quantised.scale };
    },
    restore: (held) => restoreInt8({ values: held[values]!, scale: held[scale]! }),
  };
};

/** Kept int8 in memory; products round the rows that they multiply, each by itself. */
const byRows: MakeForm = (name, shape, { activations }) => {
  const [values, scale] = [`${name}.int8`, `${name}.scale`];
  const axis = isLinearWeight(name) ? 1 : 0;
  const channels = [shape[axis] as number];
  return {
    inputs: [
      { name: values, dtype: "int8", shape },
      { name: scale, dtype: "float32", shape: channels },
    ],
    declare: (g) => ({
      channels: g.parameter(values, shape, "int8"),
      scale: g.parameter(scale, channels),
      activations,
    }),
    hold: (weight) => {
      const quantised = quantiseInt8(weight, axis);
      return { [values]: quantised.values, [scale]: quantised.scale };
    },
    restore: (held) => restoreInt8({ values: held[values]!, scale: held[scale]! }, axis),
  };
};

const inBlocks =
  (bits: BlockAttrs["bits"]): MakeForm =>
  (name, shape, { block, activations }) => {
    const layout = isLinearWeight(name) ? projectionLayout(shape) : tableLayout(shape);
    const { rows, width } = layout;
    const attrs = { bits, block };
    const blocks = Math.ceil(width / block);
    const values: HeldInput = {
      name: `${name}.blocks`,
      dtype: "uint8",
      shape: [rows, blocks, (block * bits) / 8],
    };
    const scale: HeldInput = { name: `${name}.scale`, dtype: "float32", shape: [rows, blocks] };
    const declare = (g: GraphBuilder, { name: own, dtype, shape: size }: HeldInput) =>
      g.parameter(own, size, dtype);
    return {
      inputs: [values, scale],
      declare: (g) => ({
        ...attrs,
        width,
        activations,
        values: declare(g, values),
        scale: declare(g, scale),
      }),
      hold: (weight) => {
        const held = quantiseBlocks(weight.data as Float32Array, layout, attrs);
        return { [values.name]: held.values, [scale.name]: held.scale };
      },
      restore: (held) =>
        restoreBlocks({ values: held[values.name]!, scale: held[scale.name]! }, layout, attrs),
    };
  };

/** How a format holds projections and the table of embeddings. A tied head reads the table in the table's form. */
const forms: { readonly [F in WeightFormat]: { readonly projection: MakeForm; readonly table: MakeForm } } = {
  fp32: { projection: plain, table: plain },
  fp16: { projection: half, table: half },
  int8: { projection: perChannel, table: plain },
  "int8-block": { projection: inBlocks(8), table: inBlocks(8) },
  "int8-row": { projection: byRows, table: byRows },
  int4: { projection: inBlocks(4), table: inBlocks(4) },
};

/** How the weight of this name and shape is held. */
export function formOf(name: string, shape: readonly number[], choice: WeightChoice): WeightForm {
  const { projection, table } = forms[choice.format];
  if (isLinearWeight(name)) return projection(name, shape, choice);
  return shape.length === 2 ? table(name, shape, choice) : plain(name, shape, choice);
}

/** What holding a weight costs it. */
export interface WeightError {
  readonly name: string;
  /** ‖held − weight‖ / ‖weight‖ over all elements (Frobenius). */
  readonly relative_error: number;
  readonly max_abs_error: number;
}

/** Compares a weight with what was made of it. */
export function weightError(name: string, weight: Tensor, held: Tensor): WeightError {
  let [squares, lost, worst] = [0, 0, 0];
  const [a, b] = [weight.data as Float32Array, held.data as Float32Array];
  for (let i = 0; i < a.length; i++) {
    const difference = b[i]! - a[i]!;
    squares += a[i]! * a[i]!;
    lost += difference * difference;
    worst = Math.max(worst, Math.abs(difference));
  }
  // A weight of zeros is held exactly.
  return { name, relative_error: squares === 0 ? 0 : Math.sqrt(lost / squares), max_abs_error: worst };
}

/** The parameters of an inference graph from float32 weights in graph layout. */
export function holdWeights(weights: NamedTensors, choice: WeightChoice): NamedTensors {
  const held = Object.entries(weights).map(([name, weight]) =>
    formOf(name, weight.shape, choice).hold(weight),
  );
  return Object.assign({}, ...held) as NamedTensors;
}
