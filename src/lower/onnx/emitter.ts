import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { invariant, LimbeckError } from "../../base/errors.ts";
import { type Dim, factorsOf, type Shape, type Value } from "../../graph/graph.ts";
import { type DType, int64, type Tensor, tensor } from "../../tensor/tensor.ts";
import { elementTypes } from "./element-types.ts";
import { type AttributeProtoSchema, type NodeProto, NodeProtoSchema } from "./onnx_pb.ts";

/** AttributeProto.AttributeType. */
const attributeTypes = { float: 1, int: 2, text: 3, tensor: 4, ints: 7 } as const;

/** An attribute of an ONNX node. */
export type OnnxAttribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly ints: readonly number[] }
  | { readonly text: string }
  | { readonly tensor: Tensor };

/** ONNX's own operators, or those that ONNX Runtime adds. */
export type OnnxDomain = "" | "com.microsoft";

/** Kernels of ONNX Runtime beyond the standard. */
export const contrib: OnnxDomain = "com.microsoft";

export interface NodeOptions {
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
  readonly domain?: OnnxDomain;
  /** The name of the (first) output; a fresh one if left out. */
  readonly output?: string;
}

function attributeProto(name: string, value: OnnxAttribute): MessageInitShape<typeof AttributeProtoSchema> {
  if ("int" in value) return { name, type: attributeTypes.int, i: BigInt(value.int) };
  if ("float" in value) return { name, type: attributeTypes.float, f: value.float };
  if ("ints" in value) return { name, type: attributeTypes.ints, ints: value.ints.map(BigInt) };
  if ("text" in value) return { name, type: attributeTypes.text, s: new TextEncoder().encode(value.text) };
  const { dtype, shape, data } = value.tensor;
  return {
    name,
    type: attributeTypes.tensor,
    t: {
      dims: shape.map(BigInt),
      dataType: elementTypes[dtype],
      rawData: new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength),
    },
  };
}

/** One element of `dtype`, as a tensor of `shape` (all sizes 1). */
function oneElement(dtype: DType, shape: readonly number[], value: number): Tensor {
  switch (dtype) {
    case "float64":
      return tensor(dtype, shape, Float64Array.of(value));
    case "float32":
      return tensor(dtype, shape, Float32Array.of(value));
    case "int64":
      return tensor(dtype, shape, BigInt64Array.of(BigInt(value)));
    case "int32":
      return tensor(dtype, shape, Int32Array.of(value));
    case "int8":
      return tensor(dtype, shape, Int8Array.of(value));
    case "uint8":
    case "bool":
      return tensor(dtype, shape, Uint8Array.of(value));
    case "float16":
    case "bfloat16":
      throw new LimbeckError(
        "unsupported_op",
        `ONNX constant: expected a dtype to compute with, got ${dtype}`,
      );
  }
}

/**
 * Collects the nodes and constants of one ONNX graph. Names that start with "%" are ours, all others are the user's.
 */
export class OnnxEmitter {
  readonly nodes: NodeProto[] = [];
  readonly constants = new Map<string, Tensor>();
  /** Where rules keep what several nodes share (a causal mask). */
  readonly shared = new Map<string, string>();
  /** Parameters of the file that are read under a second shape: name → whose bytes, and that shape. */
  readonly views = new Map<string, { readonly of: string; readonly shape: readonly number[] }>();
  /** Named sizes of the graph: which input has it on which axis. */
  private readonly sizes = new Map<string, { input: string; axis: number }>();
  private readonly fixed: ReadonlySet<string>;
  private label = "";
  private count = 0;

  /** `fixed` are the inputs that become part of the file. */
  constructor(
    inputs: readonly { readonly name: string; readonly value: Value }[],
    fixed: ReadonlySet<string> = new Set(),
  ) {
    this.fixed = fixed;
    for (const { name, value } of inputs) {
      value.shape.forEach((dim, axis) => {
        if (typeof dim === "string" && !this.sizes.has(dim)) this.sizes.set(dim, { input: name, axis });
      });
    }
  }

  /** Names of the nodes that follow start with this: profiles show where they come from. */
  setLabel(label: string): void {
    this.label = label;
  }

  fresh(): string {
    return `%t${this.count++}`;
  }

  /** Adds a node with one output; returns the output's name. */
  op(opType: string, inputs: readonly string[], options: NodeOptions = {}): string {
    const output = options.output ?? this.fresh();
    this.node(opType, inputs, [output], options);
    return output;
  }

  /** Adds a node; an empty name stands for an operand or output that is left out. */
  node(
    opType: string,
    inputs: readonly string[],
    outputs: readonly string[],
    options: Omit<NodeOptions, "output"> = {},
  ): void {
    const attribute = Object.entries(options.attributes ?? {}).map(([name, v]) => attributeProto(name, v));
    this.nodes.push(
      create(NodeProtoSchema, {
        name: `${this.label}/${opType}.${this.nodes.length}`,
        opType,
        domain: options.domain ?? "",
        input: [...inputs],
        output: [...outputs],
        attribute,
      }),
    );
  }

  constant(value: Tensor): string {
    const name = `%c${this.constants.size}`;
    this.constants.set(name, value);
    return name;
  }

  /** One constant for equal keys. */
  private cached(key: string, make: () => string): string {
    let name = this.shared.get(key);
    if (name === undefined) {
      name = make();
      this.shared.set(key, name);
    }
    return name;
  }

  /** A constant of rank 0. */
  scalar(dtype: DType, value: number): string {
    const key = `scalar ${dtype} ${Object.is(value, -0) ? "-0" : value}`;
    return this.cached(key, () => this.constant(oneElement(dtype, [], value)));
  }

  /** A constant int64 vector. */
  int64s(values: readonly number[]): string {
    return this.cached(`int64 ${values.join()}`, () => this.constant(int64([values.length], values)));
  }

  /** A named size as an int64 vector of one element. */
  private size(name: string): string {
    const factors = factorsOf(name);
    if (factors.length > 1)
      return this.cached(`size ${name}`, () =>
        factors.map((factor) => this.size(factor)).reduce((a, b) => this.op("Mul", [a, b])),
      );
    const source = this.sizes.get(name);
    invariant(source, `the size "${name}" belongs to no input of the graph`);
    const { input, axis } = source;
    return this.cached(`size ${name}`, () =>
      this.op("Shape", [input], { attributes: { start: { int: axis }, end: { int: axis + 1 } } }),
    );
  }

  /** A size as an int64 vector of one element. */
  dim(dim: Dim): string {
    return typeof dim === "number" ? this.int64s([dim]) : this.size(dim);
  }

  /** A shape as an int64 vector; a graph with named sizes reads them when it runs. */
  shape(shape: Shape): string {
    if (shape.every((d): d is number => typeof d === "number")) return this.int64s(shape);
    return this.cached(`shape ${shape.join()}`, () =>
      this.op(
        "Concat",
        shape.map((d) => this.dim(d)),
        { attributes: { axis: { int: 0 } } },
      ),
    );
  }

  /** Gives `x` another shape; at most one named size needs no look at run time. */
  reshape(x: string, shape: Shape, output?: string): string {
    const named = shape.filter((d) => typeof d === "string").length;
    // −1 asks ONNX to work the size out; it cannot where another size is 0.
    const target =
      named === 1 && !shape.includes(0)
        ? this.int64s(shape.map((d) => (typeof d === "number" ? d : -1)))
        : this.shape(shape);
    return this.op("Reshape", [x, target], {
      attributes: { allowzero: { int: 1 } },
      ...(output === undefined ? {} : { output }),
    });
  }

  /**
   * An input under another shape. A parameter of the file gets a second name for the same bytes: ONNX Runtime would fold
   * a Reshape into a copy in memory.
   */
  view(name: string, shape: readonly number[]): string {
    if (!this.fixed.has(name)) return this.reshape(name, shape);
    const view = `%view ${name} ${shape.join()}`;
    this.views.set(view, { of: name, shape });
    return view;
  }

  /** Zeros of a shape. */
  zeros(dtype: DType, shape: Shape): string {
    return this.op("ConstantOfShape", [this.shape(shape)], {
      attributes: { value: { tensor: oneElement(dtype, [1], 0) } },
    });
  }
}
