import { invariant, LimbeckError } from "../../base/errors.ts";
import {
  factorsOf,
  formatType,
  type Graph,
  inputName,
  type Node,
  type Shape,
  type Value,
} from "../../graph/graph.ts";
import { dtypes, type Tensor } from "../../tensor/tensor.ts";
import type { Backend, Binding, NamedTensors, Session, TensorSpec } from "../session.ts";
import { type Dense, narrow, widen } from "./dense.ts";
import type { ReferenceRule } from "./rule.ts";
import { referenceRules } from "./rules.ts";

type Sizes = Map<string, number>;

function invalidTensor(what: string, fields: Readonly<Record<string, unknown>> = {}): LimbeckError {
  return new LimbeckError("invalid_tensor", what, { fields });
}

/** Binds named sizes from one fed tensor, or says why it does not fit. float64 is taken for every float dtype. */
function checkFeed(value: Value, fed: Tensor | undefined, sizes: Sizes): Tensor {
  const name = inputName(value);
  if (!fed) throw invalidTensor(`input "${name}": expected ${formatType(value)}, got nothing`, { name });
  const widened = fed.dtype === "float64" && dtypes[value.dtype].isFloat;
  const fits =
    fed.shape.length === value.shape.length &&
    value.shape.every((dim, axis) => {
      const size = fed.shape[axis]!;
      if (typeof dim === "number") return dim === size;
      if (!sizes.has(dim)) sizes.set(dim, size);
      return sizes.get(dim) === size;
    });
  if ((fed.dtype !== value.dtype && !widened) || !fits) {
    const known = [...sizes].map(([size, count]) => `${size} = ${count}`).join(", ");
    throw invalidTensor(
      `input "${name}": expected ${formatType(value)}${known ? ` with ${known}` : ""}, got ${formatType(fed)}`,
      { name, expected: value.shape, got: fed.shape },
    );
  }
  return fed;
}

function resolve(shape: Shape, sizes: Sizes): number[] {
  return shape.map((dim) => {
    if (typeof dim === "number") return dim;
    return factorsOf(dim).reduce((product, name) => {
      const size = sizes.get(name);
      if (size === undefined) {
        throw invalidTensor(`size "${name}": expected an input whose shape has it, got none`, { name });
      }
      return product * size;
    }, 1);
  });
}

function checkNames(kind: string, given: readonly string[], known: readonly string[]): void {
  const extra = given.find((name) => !known.includes(name));
  if (extra !== undefined) {
    throw invalidTensor(
      `${kind} "${extra}": expected one of ${known.join(", ") || "none"}, got another name`,
      {
        name: extra,
      },
    );
  }
}

function runNode(
  node: Node,
  values: ReadonlyMap<Value, Dense>,
  sizes: Sizes,
  feeds: NamedTensors,
): readonly Dense[] {
  // The table is keyed by op, so that rule and attributes belong together; TypeScript cannot see it through a union.
  const rule = referenceRules[node.op] as ReferenceRule<Node["op"]>;
  const operands = node.inputs.map((input) => {
    const value = values.get(input);
    invariant(value, `${node.op}: an operand comes after its use`);
    return value;
  });
  return rule(operands, node.attrs as never, {
    outputs: node.outputs.map(({ dtype, shape }) => ({ dtype, shape: resolve(shape, sizes) })),
    feed: (name) => widen(feeds[name]!),
  });
}

/** Every output of the graph, in float64. */
function evaluate(graph: Graph, feeds: NamedTensors): Map<string, Dense> {
  const sizes: Sizes = new Map();
  checkNames("input", Object.keys(feeds), graph.inputs.map(inputName));
  for (const value of graph.inputs) checkFeed(value, feeds[inputName(value)], sizes);
  const values = new Map<Value, Dense>();
  for (const node of graph.nodes) {
    const results = runNode(node, values, sizes, feeds);
    node.outputs.forEach((value, i) => {
      values.set(value, results[i]!);
    });
  }
  return new Map(graph.outputs.map(({ name, value }) => [name, values.get(value)!]));
}

/** Copies a result into memory that the caller chose; float32 memory rounds. */
function store(name: string, result: Tensor, into: Tensor): void {
  const sameKind = into.dtype === result.dtype || (result.dtype === "float64" && into.dtype === "float32");
  if (!sameKind || into.shape.join() !== result.shape.join()) {
    throw invalidTensor(`output "${name}": expected ${formatType(result)}, got ${formatType(into)}`, {
      name,
    });
  }
  if (into.data instanceof BigInt64Array) into.data.set(result.data as BigInt64Array);
  else into.data.set(result.data as Float64Array);
}

function openSession(graph: Graph): Session {
  let closed = false;
  const checkOpen = (): void => {
    if (closed) {
      throw new LimbeckError(
        "backend_failed",
        `graph "${graph.name}": expected an open session, got a closed one`,
      );
    }
  };
  const runSync = (feeds: NamedTensors): Map<string, Tensor> => {
    checkOpen();
    const results = evaluate(graph, feeds);
    return new Map(graph.outputs.map(({ name, value }) => [name, narrow(results.get(name)!, value.dtype)]));
  };
  const bind = (inputs: NamedTensors, outputs: NamedTensors): Binding => {
    checkOpen();
    const sizes: Sizes = new Map();
    const names = graph.outputs.map((output) => output.name);
    checkNames("input", Object.keys(inputs), graph.inputs.map(inputName));
    checkNames("output", Object.keys(outputs), names);
    for (const value of graph.inputs) checkFeed(value, inputs[inputName(value)], sizes);
    const missing = names.find((name) => !outputs[name]);
    if (missing !== undefined) throw invalidTensor(`output "${missing}": expected a tensor, got nothing`);
    let released = false;
    const runBound = (): void => {
      if (released) throw new LimbeckError("backend_failed", "expected an open binding, got a closed one");
      // All results exist before the first is stored: a tensor that is both input and output is read in time.
      for (const [name, result] of runSync(inputs)) store(name, result, outputs[name]!);
    };
    return {
      run: async () => runBound(),
      runSync: runBound,
      close: () => {
        released = true;
      },
    };
  };
  return {
    backend: "reference",
    inputs: graph.inputs.map((value) => ({
      name: inputName(value),
      dtype: value.dtype,
      shape: value.shape,
    })),
    outputs: graph.outputs.map(
      ({ name, value }): TensorSpec => ({
        name,
        dtype: dtypes[value.dtype].isFloat ? "float64" : value.dtype,
        shape: value.shape,
      }),
    ),
    run: async (feeds) => Object.fromEntries(runSync(feeds)),
    bind,
    close: () => {
      closed = true;
    },
  };
}

/**
 * Interprets a graph in float64: the twin that every fast path must equal. Float results are float64 whatever the
 * graph says; bound memory may be float32 and is then rounded into. Feeds may be float64 where the graph has floats.
 */
export const referenceBackend: Backend = {
  name: "reference",
  compile: async (graph) => openSession(graph),
};

/** Runs a graph once, at once. Errors: `invalid_tensor`, `backend_failed`. */
export function runReference(graph: Graph, feeds: NamedTensors): NamedTensors {
  const results = evaluate(graph, feeds);
  return Object.fromEntries(
    graph.outputs.map(({ name, value }) => [name, narrow(results.get(name)!, value.dtype)]),
  );
}
