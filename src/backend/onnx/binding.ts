import { LimbeckError } from "../../base/errors.ts";
import type { Graph } from "../../graph/graph.ts";
import { assertInPlaceSafe, type InPlacePair } from "../../lower/onnx/alias.ts";
import { type Tensor, type TensorData, zeros } from "../../tensor/tensor.ts";
import type { Binding, NamedTensors, TensorSpec } from "../session.ts";
import type { NativeCall } from "./call.ts";
import { checkFeeds, checkNames, checkTensor } from "./feeds.ts";
import { staysInPlace } from "./memory.ts";

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

function sharesMemory(a: TensorData, b: TensorData): boolean {
  return (
    a.buffer === b.buffer &&
    a.byteOffset < b.byteOffset + b.byteLength &&
    b.byteOffset < a.byteOffset + a.byteLength
  );
}

function isSameMemory(a: TensorData, b: TensorData): boolean {
  return a.buffer === b.buffer && a.byteOffset === b.byteOffset && a.byteLength === b.byteLength;
}

/**
 * Which outputs are written over which inputs. Error: `invalid_tensor` where memory overlaps in any other way: inputs
 * may share memory with each other, an output only with one input, whole.
 */
function findInPlacePairs(places: readonly Place[]): InPlacePair[] {
  const byBuffer = new Map<ArrayBufferLike, Place[]>();
  for (const place of places) {
    const { buffer } = place.tensor.data;
    byBuffer.set(buffer, [...(byBuffer.get(buffer) ?? []), place]);
  }
  const pairs: InPlacePair[] = [];
  for (const group of byBuffer.values()) {
    for (const output of group) {
      if (output.isInput) continue;
      for (const other of group) {
        if (other === output || !sharesMemory(output.tensor.data, other.tensor.data)) continue;
        if (!other.isInput || !isSameMemory(output.tensor.data, other.tensor.data)) {
          const kind = other.isInput ? "input" : "output";
          throw new LimbeckError(
            "invalid_tensor",
            `output "${output.name}": expected memory of its own or exactly that of one input, got an overlap with ${kind} "${other.name}"`,
            {
              fields: { output: output.name, [kind]: other.name },
            },
          );
        }
        pairs.push({ input: other.name, output: output.name });
      }
    }
  }
  return pairs;
}

/** Memory that native code may keep, for small arrays that V8 may move: copied before and after each run. */
class Staging {
  private readonly copies = new Map<TensorData, Tensor>();

  place(value: Tensor): Tensor {
    if (staysInPlace(value)) return value;
    let copy = this.copies.get(value.data);
    if (!copy) {
      copy = zeros(value.dtype, value.shape);
      this.copies.set(value.data, copy);
    }
    return copy;
  }

  copyIn(): void {
    for (const [data, copy] of this.copies) (copy.data as Uint8Array).set(data as Uint8Array);
  }

  copyOut(): void {
    for (const [data, copy] of this.copies) (data as Uint8Array).set(copy.data as Uint8Array);
  }
}

/** A session over fixed memory. */
export class OnnxBinding implements Binding {
  private readonly host: BindingHost;
  private readonly call: NativeCall;
  private readonly staging = new Staging();
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
    const pairs = findInPlacePairs([
      ...session.inputs.map(({ name }) => ({ name, isInput: true, tensor: inputs[name]! })),
      ...session.outputs.map(({ name }) => ({ name, isInput: false, tensor: outputs[name]! })),
    ]);
    if (session.graph) assertInPlaceSafe(session.graph, pairs);
    this.host = host;
    this.call = host.prepare(
      session.inputs.map(({ name }) => this.staging.place(inputs[name]!)),
      session.outputs.map(({ name }) => this.staging.place(outputs[name]!)),
    );
  }

  private assertReady(): void {
    if (this.isClosed)
      throw new LimbeckError("backend_failed", "binding: expected an open one, got a closed one");
    this.host.assertIdle();
  }

  async run(): Promise<void> {
    this.assertReady();
    this.staging.copyIn();
    await this.host.run(this.call);
    this.staging.copyOut();
  }

  runSync(): void {
    this.assertReady();
    this.staging.copyIn();
    this.host.runSync(this.call);
    this.staging.copyOut();
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.host.close(this.call);
  }
}
