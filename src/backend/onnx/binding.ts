import { LimbeckError } from "../../base/errors.ts";
import type { Graph } from "../../graph/graph.ts";
import { assertInPlaceSafe, type InPlacePair } from "../../lower/onnx/alias.ts";
import { type Tensor, type TensorData, zeros } from "../../tensor/tensor.ts";
import type { Binding, NamedTensors, TensorSpec } from "../session.ts";
import type { NativeCall } from "./call.ts";
import { checkFeeds, checkNames, checkTensor } from "./feeds.ts";
import { copyElements, staysInPlace } from "./memory.ts";

/** What a binding needs of its session. */
export interface BindingHost {
  prepare(inputs: readonly Tensor[], outputs: readonly Tensor[]): NativeCall;
  /** Throws where the session is closed or a run is under way. */
  assertIdle(): void;
  run(call: NativeCall): Promise<void>;
  runSync(call: NativeCall): void;
  close(call: NativeCall): void;
}

interface Place {
  readonly name: string;
  readonly isInput: boolean;
  readonly tensor: Tensor;
}

function isSameMemory(a: TensorData, b: TensorData): boolean {
  return a.buffer === b.buffer && a.byteOffset === b.byteOffset && a.byteLength === b.byteLength;
}

function pairOf(a: Place, b: Place): InPlacePair {
  const [output, other] = a.isInput ? [b, a] : [a, b];
  if (!other.isInput || !isSameMemory(output.tensor.data, other.tensor.data)) {
    const kind = other.isInput ? "input" : "output";
    throw new LimbeckError(
      "invalid_tensor",
      `output "${output.name}": expected memory of its own or exactly that of one input, got an overlap with ${kind} "${other.name}"`,
      { fields: { output: output.name, [kind]: other.name } },
    );
  }
  return { input: other.name, output: output.name };
}

/**
 * Which outputs are written over which inputs. Error: `invalid_tensor` where memory overlaps in any other way: inputs
 * may share memory with each other, an output only with inputs, whole. With `isChained`, outputs may share the memory of
 * one input: states of one cache, each of which is made from the one before.
 */
function findInPlacePairs(places: readonly Place[], isChained: boolean): InPlacePair[] {
  const byBuffer = new Map<ArrayBufferLike, Place[]>();
  for (const place of places) {
    const group = byBuffer.get(place.tensor.data.buffer);
    if (group) group.push(place);
    else byBuffer.set(place.tensor.data.buffer, [place]);
  }
  const pairs: InPlacePair[] = [];
  for (const group of byBuffer.values()) {
    group.sort((a, b) => a.tensor.data.byteOffset - b.tensor.data.byteOffset);
    for (const [i, place] of group.entries()) {
      const { byteOffset, byteLength } = place.tensor.data;
      for (let j = i + 1; j < group.length; j++) {
        const next = group[j]!;
        if (next.tensor.data.byteOffset >= byteOffset + byteLength) break;
        if (place.isInput && next.isInput) continue;
        const areStates = isChained && !place.isInput && !next.isInput;
        if (areStates && isSameMemory(place.tensor.data, next.tensor.data)) continue;
        pairs.push(pairOf(place, next));
      }
    }
  }
  return pairs;
}

/** Stands in for small arrays, which V8 may move: what native code reads or writes is a copy. */
class Staging {
  private readonly pairs: { readonly own: TensorData; readonly copy: TensorData }[] = [];

  place(value: Tensor): Tensor {
    if (staysInPlace(value)) return value;
    const copy = zeros(value.dtype, value.shape);
    this.pairs.push({ own: value.data, copy: copy.data });
    return copy;
  }

  copyIn(): void {
    for (const { own, copy } of this.pairs) copyElements(own, copy);
  }

  copyOut(): void {
    for (const { own, copy } of this.pairs) copyElements(copy, own);
  }
}

/** A session over fixed memory. */
export class OnnxBinding implements Binding {
  private readonly host: BindingHost;
  private readonly call: NativeCall;
  private readonly read = new Staging();
  private readonly written = new Staging();
  private isClosed = false;

  constructor(
    session: {
      readonly inputs: readonly TensorSpec[];
      readonly outputs: readonly TensorSpec[];
      readonly graph: Graph | undefined;
    },
    inputs: NamedTensors,
    outputs: NamedTensors,
    host: BindingHost,
  ) {
    const sizes = checkFeeds(session.inputs, inputs);
    checkNames("output", session.outputs, outputs);
    for (const spec of session.outputs) checkTensor("output", spec, outputs[spec.name]!, sizes);
    const places = [
      ...session.inputs.map(({ name }) => ({ name, isInput: true, tensor: inputs[name]! })),
      ...session.outputs.map(({ name }) => ({ name, isInput: false, tensor: outputs[name]! })),
    ];
    // A file's order of writing is its author's business, as is all that it does in place.
    const pairs = findInPlacePairs(places, session.graph === undefined);
    if (session.graph) assertInPlaceSafe(session.graph, pairs);
    this.host = host;
    this.call = host.prepare(
      session.inputs.map(({ name }) => this.read.place(inputs[name]!)),
      session.outputs.map(({ name }) => this.written.place(outputs[name]!)),
    );
  }

  private assertReady(): void {
    if (this.isClosed)
      throw new LimbeckError("backend_failed", "binding: expected an open one, got a closed one");
    this.host.assertIdle();
  }

  async run(): Promise<void> {
    this.assertReady();
    this.read.copyIn();
    await this.host.run(this.call);
    this.written.copyOut();
  }

  runSync(): void {
    this.assertReady();
    this.read.copyIn();
    this.host.runSync(this.call);
    this.written.copyOut();
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.host.close(this.call);
  }
}
