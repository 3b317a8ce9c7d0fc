import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { LimbeckError } from "../../base/errors.ts";
import { type DType, int64, type Tensor, tensor } from "../../tensor/tensor.ts";
import { elementTypes } from "./element-types.ts";
import { contrib } from "./emitter.ts";
import {
  type AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  TensorProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from "./onnx_pb.ts";

type Attribute = MessageInitShape<typeof AttributeProtoSchema>;
type Initialiser = MessageInitShape<typeof TensorProtoSchema>;

/** AttributeProto.AttributeType. */
const intType = 2;
const graphType = 5;

const attention = "GroupQueryAttention";

/** The input that says how many tokens of a run attend together: int64 [1]. */
export const firstInput = "first";

/** What a cache's output is called that holds the state after `step` of the tokens that attend one by one. */
const stateName = (output: string, step: number): string => `${output}@${step}`;

/** The plain model's output whose memory an output of the stepwise model takes. */
export function plainOutput(name: string): string {
  return name.replace(/@\d+$/, "");
}

/** Whether a session's model is one of `attendStepwise`. */
export function isStepwise({ inputs }: { readonly inputs: readonly { readonly name: string }[] }): boolean {
  return inputs.some(({ name }) => name === firstInput);
}

/** Names of what all layers share. */
const names = {
  zero: "%step.0",
  axis: "%step.axis",
  /** Bounds of a range, int64 []. */
  start: "%step.start",
  one: "%step.one",
  /** Places of the tokens that attend together: int64 [n]. */
  together: "%step.together",
  tokens: "%step.tokens",
  /** Whether a run has a token behind its first part. */
  hasRest: "%step.rest",
  /** `step` as int64 [1], which counts tokens, and as int32 [], which counts positions. */
  count: (step: number): string => `%step.count.${step}`,
  place: (step: number): string => `%step.place.${step}`,
};

const stepsUpTo = (steps: number): number[] => Array.from({ length: steps }, (_, i) => i + 1);

function node(
  opType: string,
  input: readonly string[],
  output: readonly string[],
  { attribute = [], domain = "" }: { attribute?: Attribute[]; domain?: string } = {},
): NodeProto {
  const name = `${output[0]}/${opType}`;
  return create(NodeProtoSchema, { name, opType, domain, input: [...input], output: [...output], attribute });
}

const int = (name: string, value: number): Attribute => ({ name, type: intType, i: BigInt(value) });

function branch(name: string, nodes: NodeProto[], results: readonly string[]): Attribute {
  const output = results.map((result) => ({ name: result }));
  return { name, type: graphType, g: create(GraphProtoSchema, { name, node: nodes, output }) };
}

function initialiser(name: string, { dtype, shape, data }: Tensor): Initialiser {
  const rawData = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
  return { name, dims: shape.map(BigInt), dataType: elementTypes[dtype], rawData };
}

function inputInfo(name: string, dtype: DType, shape: readonly number[]): ValueInfoProto {
  const dim = shape.map((d) => ({ value: { case: "dimValue" as const, value: BigInt(d) } }));
  const tensorType = { elemType: elementTypes[dtype], shape: { dim } };
  return create(ValueInfoProtoSchema, { name, type: { value: { case: "tensorType", value: tensorType } } });
}

/** A layer's cache as one of its nodes reads or writes it. */
interface Memory {
  readonly keys: string;
  readonly values: string;
}

/** What the tokens before a step left: the cache and their rows [B, n, H·D]. */
interface Before extends Memory {
  readonly attended: string;
}

/**
 * Attention of the tokens of a run whose places are given: int64 [n]. `Gather` and not `Slice`, which hides the width of
 * its result from ONNX Runtime: of q, k and v in one it would infer rows of no width.
 */
function attendPart(
  { input, attribute }: NodeProto,
  places: string,
  past: Memory,
  [last, total]: readonly [string, string],
  out: string,
  present: Memory,
): NodeProto[] {
  // q, k and v, or all three as the first, and two without a name.
  const operands = input.slice(0, 3).map((whole, i) => ({ whole, own: whole && `${out}.${"qkv"[i]}` }));
  const given = operands.filter(({ whole }) => whole !== "");
  return [
    ...given.map(({ whole, own }) => node("Gather", [whole, places], [own], { attribute: [int("axis", 1)] })),
    node(
      attention,
      [...operands.map(({ own }) => own), past.keys, past.values, last, total, ...input.slice(7)],
      [out, present.keys, present.values],
      { attribute: attribute as Attribute[], domain: contrib },
    ),
  ];
}

/**
 * What becomes of the tokens from `step` on: an `If`, since a run may have none. Its results: their rows, and the cache
 * after each step that a run can have.
 */
function attendRest(
  layer: NodeProto,
  step: number,
  steps: number,
  condition: string,
  past: Before,
  [rows, ...states]: readonly [string, ...string[]],
): NodeProto {
  const inner = (name: string): string => `${rows}.${name}`;

  // Nothing: no rows, and every state is that of before. Memory onto itself, which copies nothing.
  const none = [rows, ...states].map((name) => inner(`none.${name}`)) as [string, ...string[]];
  const nothing = none.map((name, i) =>
    i === 0
      ? node("Slice", [past.attended, names.zero, names.zero, names.axis], [name])
      : node("Identity", [i % 2 === 1 ? past.keys : past.values], [name]),
  );

  // What only a run with such a token needs is worked out here: a plain step must not pay for it.
  const own = inner("own");
  const present = { keys: inner("keys"), values: inner("values") };
  const [start, end] = [inner("start"), inner("end")];
  const [last, total] = [inner("last"), inner("total")];
  const some = [
    node("Add", [firstInput, names.count(step - 1)], [start]),
    node("Add", [layer.input[5] as string, names.place(step)], [last]),
    node("Add", [layer.input[6] as string, names.place(step)], [total]),
    ...attendPart(layer, start, past, [last, total], own, present),
  ];
  let results = [own, present.keys, present.values];
  if (step < steps) {
    const later = [inner("rest"), ...states.slice(2).map((name) => inner(name))] as [string, ...string[]];
    const [all, hasMore] = [inner("all"), inner("more")];
    some.push(node("Add", [firstInput, names.count(step)], [end]));
    some.push(node("Less", [end, names.tokens], [hasMore]));
    some.push(attendRest(layer, step + 1, steps, hasMore, { ...present, attended: own }, later));
    some.push(node("Concat", [own, later[0]], [all], { attribute: [int("axis", 1)] }));
    results = [all, present.keys, present.values, ...later.slice(1)];
  }
  const attribute = [branch("then_branch", some, results), branch("else_branch", nothing, none)];
  return node("If", [condition], [rows, ...states], { attribute });
}

/** One layer's attention in steps; `states` are the further outputs that hold its cache. */
function attendInSteps(
  layer: NodeProto,
  steps: number,
): { readonly nodes: NodeProto[]; readonly states: string[] } {
  const [out, keys, values] = layer.output as [string, string, string];
  const [pastKeys, pastValues, last, total] = layer.input.slice(3) as [string, string, string, string];
  const past = { keys: pastKeys, values: pastValues };
  const states = stepsUpTo(steps).flatMap((step) => [stateName(keys, step), stateName(values, step)]);
  const [first, rest] = [`${out}.first`, `${out}.rest`];
  const nodes = [
    ...attendPart(layer, names.together, past, [last, total], first, { keys, values }),
    attendRest(layer, 1, steps, names.hasRest, { keys, values, attended: first }, [rest, ...states]),
    node("Concat", [first, rest], [out], { attribute: [int("axis", 1)] }),
  ];
  return { nodes, states };
}

/** The places of a run's first part, and whether it has tokens behind that; the same for all layers. */
function dividedRun(q: string): NodeProto[] {
  return [
    node("Range", [names.start, firstInput, names.one], [names.together]),
    node("Shape", [q], [names.tokens], { attribute: [int("start", 1), int("end", 2)] }),
    node("Less", [firstInput, names.tokens], [names.hasRest]),
  ];
}

function constantsFor(steps: number): Initialiser[] {
  return [
    initialiser(names.zero, int64([1], [0])),
    initialiser(names.axis, int64([1], [1])),
    initialiser(names.start, int64([], [0])),
    initialiser(names.one, int64([], [1])),
    ...[0, ...stepsUpTo(steps)].flatMap((step) => [
      initialiser(names.count(step), int64([1], [step])),
      initialiser(names.place(step), tensor("int32", [], Int32Array.of(step))),
    ]),
  ];
}

/**
 * Rewrites a model of `buildInferenceGraph` so that the last tokens of a run, up to `steps` of them, attend one by one,
 * while all else reads the whole run at once. Attention is the one kernel whose rows depend on their company: one token
 * is multiplied by another kernel than several are. So every token behind the first part gets the bits that a run of its
 * own would give, as far as the other kernels do not look at the number of rows.
 *
 * A further input `first` int64 [1] says how many tokens attend together; `last_position` and `total_length` are those
 * of that first part. Each cache has further outputs (`plainOutput` names the one that they continue); all of them must
 * be the memory of its input. Weights stay where they are. Error: `invalid_artefact` where there is no attention.
 */
export function attendStepwise(model: Uint8Array, steps: number): Uint8Array {
  const proto = fromBinary(ModelProtoSchema, model);
  const graph = proto.graph;
  const isLayer = ({ opType }: NodeProto): boolean => opType === attention;
  const first = graph?.node.find(isLayer);
  if (!graph || !first) {
    throw new LimbeckError("invalid_artefact", `model: expected nodes of ${attention}, got none`, {
      cure: "Export the checkpoint again.",
    });
  }
  const types = new Map(graph.output.map(({ name, type }) => [name, type]));
  graph.input.push(inputInfo(firstInput, "int64", [1]));
  graph.initializer.push(...constantsFor(steps).map((value) => create(TensorProtoSchema, value)));
  graph.node = graph.node.flatMap((each) => {
    if (!isLayer(each)) return [each];
    const { nodes, states } = attendInSteps(each, steps);
    for (const name of states)
      graph.output.push(create(ValueInfoProtoSchema, { name, type: types.get(plainOutput(name)) }));
    return each === first ? [...dividedRun(each.input[0] as string), ...nodes] : nodes;
  });
  return toBinary(ModelProtoSchema, proto);
}
