import { invariant, LimbeckError } from "../base/errors.ts";
import { type DType, elementCount, type Tensor, tensor } from "../tensor/tensor.ts";
import type { Dim, Graph, Node, NodeOf, Shape, TensorType, Value } from "./graph.ts";
import type { InputKind, OpAttrs, OpName } from "./ops.ts";
import { inferTypes } from "./shapes.ts";

type Operand = Value | number;

/** A number held in the array type of a float dtype that can be computed with. */
function scalar(dtype: DType, value: number): Tensor {
  if (dtype === "float32") return tensor(dtype, [], Float32Array.of(value));
  if (dtype === "float64") return tensor(dtype, [], Float64Array.of(value));
  if (dtype === "int64") return tensor(dtype, [], BigInt64Array.of(BigInt(value)));
  if (dtype === "int32") return tensor(dtype, [], Int32Array.of(value));
  throw new LimbeckError(
    "invalid_graph",
    `constant: expected float32, float64, int64 or int32, got ${dtype}`,
  );
}

/**
 * Builds a graph, one method an operation. Shapes are inferred and checked at each call (`invalid_graph`).
 * A number where a value is expected becomes a constant of the other operand's dtype; equal constants are one node.
 */
export class GraphBuilder {
  readonly name: string;
  private readonly nodes: Node[] = [];
  private readonly inputValues: Value[] = [];
  private readonly inputNames = new Set<string>();
  private readonly outputValues: { name: string; value: Value }[] = [];
  private readonly scalars = new Map<string, Value>();
  private scopes: readonly string[] = [];
  private nextId = 0;

  constructor(name: string) {
    this.name = name;
  }

  /** Runs `make` with `label` added to the place that error messages and the printer name. */
  scope<T>(label: string, make: () => T): T {
    const outer = this.scopes;
    this.scopes = [...outer, label];
    try {
      return make();
    } finally {
      this.scopes = outer;
    }
  }

  /** Adds a node of any operation; the named methods below are easier to read. */
  apply<O extends OpName>(op: O, inputs: readonly Value[], attrs: OpAttrs[O]): readonly Value[] {
    return this.append(op, inputs, attrs, inferTypes(op, inputs, attrs, this.scopes.join(".")));
  }

  private append<O extends OpName>(
    op: O,
    inputs: readonly Value[],
    attrs: OpAttrs[O],
    types: readonly TensorType[],
  ): readonly Value[] {
    const outputs: Value[] = [];
    const node: NodeOf<O> = {
      id: this.nodes.length,
      op,
      attrs,
      inputs,
      outputs,
      scope: this.scopes.join("."),
    };
    types.forEach(({ dtype, shape }, index) => {
      outputs.push({ id: this.nextId++, node: node as unknown as Node, index, dtype, shape });
    });
    this.nodes.push(node as unknown as Node);
    return outputs;
  }

  private one<O extends OpName>(op: O, inputs: readonly Value[], attrs: OpAttrs[O]): Value {
    const value = this.apply(op, inputs, attrs)[0];
    invariant(value, `${op} gives no output`);
    return value;
  }

  private pair(a: Operand, b: Operand): [Value, Value] {
    if (typeof a !== "number") return [a, typeof b === "number" ? this.scalar(b, a.dtype) : b];
    if (typeof b !== "number") return [this.scalar(a, b.dtype), b];
    throw new LimbeckError("invalid_graph", "expected at least one operand that is not a number");
  }

  private axis(x: Value, axis: number): number {
    return axis < 0 ? axis + x.shape.length : axis;
  }

  // Leaves -----------------------------------------------------------------------------------------------

  input(name: string, dtype: DType, shape: Shape, kind: InputKind = "data"): Value {
    if (this.inputNames.has(name))
      throw new LimbeckError("invalid_graph", `input "${name}": the name is used twice`);
    this.inputNames.add(name);
    const value = this.append("input", [], { name, kind }, [{ dtype, shape }])[0];
    invariant(value, "input gives no value");
    this.inputValues.push(value);
    return value;
  }

  parameter(name: string, shape: readonly number[], dtype: DType = "float32"): Value {
    return this.input(name, dtype, shape, "parameter");
  }

  constant(value: Tensor): Value {
    return this.one("constant", [], { tensor: value });
  }

  scalar(value: number, dtype: DType = "float32"): Value {
    const key = `${dtype}:${Object.is(value, -0) ? "-0" : value}`;
    let found = this.scalars.get(key);
    if (!found) {
      found = this.constant(scalar(dtype, value));
      this.scalars.set(key, found);
    }
    return found;
  }

  // Elementwise ------------------------------------------------------------------------------------------

  neg(x: Value): Value {
    return this.one("neg", [x], {});
  }
  exp(x: Value): Value {
    return this.one("exp", [x], {});
  }
  log(x: Value): Value {
    return this.one("log", [x], {});
  }
  sqrt(x: Value): Value {
    return this.one("sqrt", [x], {});
  }
  reciprocal(x: Value): Value {
    return this.one("reciprocal", [x], {});
  }
  sigmoid(x: Value): Value {
    return this.one("sigmoid", [x], {});
  }
  tanh(x: Value): Value {
    return this.one("tanh", [x], {});
  }
  erf(x: Value): Value {
    return this.one("erf", [x], {});
  }
  relu(x: Value): Value {
    return this.one("relu", [x], {});
  }
  silu(x: Value): Value {
    return this.one("silu", [x], {});
  }
  abs(x: Value): Value {
    return this.one("abs", [x], {});
  }
  sign(x: Value): Value {
    return this.one("sign", [x], {});
  }
  round(x: Value): Value {
    return this.one("round", [x], {});
  }
  clip(x: Value, min: number, max: number): Value {
    return this.one("clip", [x], { min, max });
  }
  stopGradient(x: Value): Value {
    return this.one("stopGradient", [x], {});
  }
  cast(x: Value, to: DType): Value {
    return x.dtype === to ? x : this.one("cast", [x], { to });
  }

  add(a: Operand, b: Operand): Value {
    return this.one("add", this.pair(a, b), {});
  }
  sub(a: Operand, b: Operand): Value {
    return this.one("sub", this.pair(a, b), {});
  }
  mul(a: Operand, b: Operand): Value {
    return this.one("mul", this.pair(a, b), {});
  }
  div(a: Operand, b: Operand): Value {
    return this.one("div", this.pair(a, b), {});
  }
  maximum(a: Operand, b: Operand): Value {
    return this.one("maximum", this.pair(a, b), {});
  }
  minimum(a: Operand, b: Operand): Value {
    return this.one("minimum", this.pair(a, b), {});
  }
  equal(a: Operand, b: Operand): Value {
    return this.one("equal", this.pair(a, b), {});
  }
  less(a: Operand, b: Operand): Value {
    return this.one("less", this.pair(a, b), {});
  }
  where(condition: Value, a: Operand, b: Operand): Value {
    return this.one("where", [condition, ...this.pair(a, b)], {});
  }

  // Matrices and layout ----------------------------------------------------------------------------------

  matmul(a: Value, b: Value, options: { transA?: boolean; transB?: boolean; alpha?: number } = {}): Value {
    const { transA = false, transB = false, alpha = 1 } = options;
    return this.one("matmul", [a, b], { transA, transB, alpha });
  }

  transpose(x: Value, perm: readonly number[]): Value {
    return this.one("transpose", [x], { perm });
  }

  /** One size may be −1: it is worked out. Of reshapes in a row the last one stays. */
  reshape(x: Value, shape: readonly Dim[]): Value {
    const [origin] = x.node.inputs;
    if (x.node.op === "reshape" && origin) return this.reshape(origin, shape);
    if (!shape.includes(-1)) return this.one("reshape", [x], { shape });
    const known = elementCount(shape.filter((d): d is number => typeof d === "number" && d !== -1));
    const have = elementCount(x.shape.filter((d): d is number => typeof d === "number"));
    return this.one("reshape", [x], { shape: shape.map((d) => (d === -1 ? have / known : d)) });
  }

  expand(x: Value, shape: readonly Dim[]): Value {
    return this.one("expand", [x], { shape });
  }
  concat(values: readonly Value[], axis: number): Value {
    return this.one("concat", values, { axis: this.axis(values[0]!, axis) });
  }
  slice(x: Value, axis: number, start: number, end: number): Value {
    return this.one("slice", [x], { axis: this.axis(x, axis), start, end });
  }

  // Reductions -------------------------------------------------------------------------------------------

  private reduce(
    op: "reduceSum" | "reduceMean" | "reduceMax",
    x: Value,
    axes: readonly number[] | undefined,
    keepDims: boolean,
  ): Value {
    const all = (axes ?? x.shape.map((_, i) => i)).map((a) => this.axis(x, a)).sort((a, b) => a - b);
    return this.one(op, [x], { axes: all, keepDims });
  }

  /** Over `axes`, or over all of them. */
  reduceSum(x: Value, axes?: readonly number[], keepDims = false): Value {
    return this.reduce("reduceSum", x, axes, keepDims);
  }
  reduceMean(x: Value, axes?: readonly number[], keepDims = false): Value {
    return this.reduce("reduceMean", x, axes, keepDims);
  }
  reduceMax(x: Value, axes?: readonly number[], keepDims = false): Value {
    return this.reduce("reduceMax", x, axes, keepDims);
  }
  cumSum(x: Value, axis: number, options: { exclusive?: boolean; reverse?: boolean } = {}): Value {
    const { exclusive = false, reverse = false } = options;
    return this.one("cumSum", [x], { axis: this.axis(x, axis), exclusive, reverse });
  }
  argMax(x: Value, axis: number, keepDims = false): Value {
    return this.one("argMax", [x], { axis: this.axis(x, axis), keepDims });
  }
  softmax(x: Value, axis = -1): Value {
    return this.one("softmax", [x], { axis: this.axis(x, axis) });
  }
  logSoftmax(x: Value, axis = -1): Value {
    return this.one("logSoftmax", [x], { axis: this.axis(x, axis) });
  }

  // Indexing ---------------------------------------------------------------------------------------------

  gather(table: Value, indices: Value, distinct = false): Value {
    return this.one("gather", [table, indices], { distinct });
  }
  scatterAdd(indices: Value, updates: Value, rows: number, distinct = false): Value {
    return this.one("scatterAdd", [indices, updates], { rows, distinct });
  }
  gatherElements(data: Value, indices: Value, axis: number): Value {
    return this.one("gatherElements", [data, indices], { axis: this.axis(data, axis) });
  }
  scatterElementsAdd(data: Value, indices: Value, updates: Value, axis: number): Value {
    return this.one("scatterElementsAdd", [data, indices, updates], { axis: this.axis(data, axis) });
  }

  // Transformer composites -------------------------------------------------------------------------------

  rmsNorm(x: Value, weight: Value, epsilon: number): Value {
    return this.one("rmsNorm", [x, weight], { epsilon });
  }
  rotary(x: Value, cos: Value, sin: Value, inverse = false): Value {
    return this.one("rotary", [x, cos, sin], { inverse });
  }
  swiglu(gate: Value, up: Value): Value {
    return this.one("swiglu", [gate, up], {});
  }
  geglu(gate: Value, up: Value): Value {
    return this.one("geglu", [gate, up], {});
  }

  attention(
    q: Value,
    k: Value,
    v: Value,
    options: OpAttrs["attention"],
  ): { out: Value; probabilities: Value } {
    const [out, probabilities] = this.apply("attention", [q, k, v], options);
    return { out: out!, probabilities: probabilities! };
  }

  crossEntropy(logits: Value, targets: Value): { nll: Value; probabilities: Value } {
    const [nll, probabilities] = this.apply("crossEntropy", [logits, targets], {});
    return { nll: nll!, probabilities: probabilities! };
  }

  pickLogSoftmax(logits: Value, classes: Value): { picked: Value; logProbabilities: Value } {
    const [picked, logProbabilities] = this.apply("pickLogSoftmax", [logits, classes], {});
    return { picked: picked!, logProbabilities: logProbabilities! };
  }

  fakeQuant(weight: Value, bits = 8): Value {
    return this.one("fakeQuant", [weight], { bits });
  }
  dequantize(quantized: Value, scale: Value): Value {
    return this.one("dequantize", [quantized, scale], {});
  }
  matmulQuantised(x: Value, values: Value, scale: Value, attrs: OpAttrs["matmulQuantised"]): Value {
    return this.one("matmulQuantised", [x, values, scale], attrs);
  }
  matmulInt8(x: Value, values: Value, scale: Value, attrs: OpAttrs["matmulInt8"]): Value {
    return this.one("matmulInt8", [x, values, scale], attrs);
  }
  gatherQuantised(values: Value, scale: Value, indices: Value, attrs: OpAttrs["gatherQuantised"]): Value {
    return this.one("gatherQuantised", [values, scale, indices], attrs);
  }

  cachedAttention(
    operands: {
      q: Value;
      k: Value;
      v: Value;
      pastKey: Value;
      pastValue: Value;
      lastPosition: Value;
      totalLength: Value;
      cos: Value;
      sin: Value;
    },
    attrs: OpAttrs["cachedAttention"],
  ): { out: Value; presentKey: Value; presentValue: Value } {
    const { q, k, v, pastKey, pastValue, lastPosition, totalLength, cos, sin } = operands;
    const inputs = [q, k, v, pastKey, pastValue, lastPosition, totalLength, cos, sin];
    const [out, presentKey, presentValue] = this.apply("cachedAttention", inputs, attrs);
    return { out: out!, presentKey: presentKey!, presentValue: presentValue! };
  }

  // Ends -------------------------------------------------------------------------------------------------

  output(name: string, value: Value): void {
    if (this.outputValues.some((o) => o.name === name)) {
      throw new LimbeckError("invalid_graph", `output "${name}": the name is used twice`);
    }
    this.outputValues.push({ name, value });
  }

  /** The graph so far, without nodes that no output needs; inputs stay, in order. */
  build(): Graph {
    const needed = new Set<Node>();
    const pending = this.outputValues.map((o) => o.value.node);
    for (let node = pending.pop(); node; node = pending.pop()) {
      if (needed.has(node)) continue;
      needed.add(node);
      for (const input of node.inputs) pending.push(input.node);
    }
    return {
      name: this.name,
      nodes: this.nodes.filter((node) => needed.has(node) || node.op === "input"),
      inputs: [...this.inputValues],
      outputs: [...this.outputValues],
    };
  }
}
