import { LimbeckError } from "../../base/errors.ts";
import { type DType, dtypes, type Tensor, type TensorData, tensor } from "../../tensor/tensor.ts";
import { readTypeInfo } from "./describe.ts";
import { addressTable, createValue, type TextTable } from "./memory.ts";
import type { Handle, Ort } from "./ort-api.ts";

/** What every call of one session shares. */
export interface CallTarget {
  readonly ort: Ort;
  readonly session: Handle;
  readonly memory: Handle;
  readonly inputNames: TextTable;
  readonly outputNames: TextTable;
  readonly what: string;
}

/** A tensor at the place of a session's input or output; null for an output that ONNX Runtime shall allocate. */
export type Slots = readonly (Tensor | null)[];

/**
 * One arrangement of memory for a session: native values over the tensors' memory, which this object keeps alive.
 * Call `release` once no run is under way.
 */
export class NativeCall {
  private readonly target: CallTarget;
  private readonly tensors: Slots;
  private readonly inputs: BigUint64Array;
  private readonly outputs: BigUint64Array;
  private readonly outputSlots: Slots;
  private readonly args: readonly (Handle | number)[];

  constructor(target: CallTarget, inputs: Slots, outputs: Slots) {
    this.target = target;
    this.tensors = [...inputs, ...outputs];
    this.outputSlots = outputs;
    this.inputs = addressTable(inputs.map(() => 0n));
    this.outputs = addressTable(outputs.map(() => 0n));
    try {
      this.fill(this.inputs, inputs);
      this.fill(this.outputs, outputs);
    } catch (error) {
      this.release();
      throw error;
    }
    const { api } = target.ort;
    const { inputNames, outputNames, session } = target;
    const at = (memory: ArrayBufferView): Handle => api.address(memory);
    this.args = [
      session,
      0n, // run options
      at(inputNames.table),
      at(this.inputs),
      inputs.length,
      at(outputNames.table),
      outputs.length,
      at(this.outputs),
    ];
  }

  private fill(table: BigUint64Array, slots: Slots): void {
    const { ort, memory } = this.target;
    for (const [i, slot] of slots.entries()) if (slot) table[i] = createValue(ort, memory, slot);
  }

  /** A buffer that was transferred to another thread is gone: native code must not touch its old address. */
  private checkMemory(): void {
    for (const slot of this.tensors) {
      if (slot && slot.data.length === 0 && !slot.shape.includes(0)) {
        throw new LimbeckError(
          "invalid_tensor",
          `${this.target.what}: expected the memory of ${slot.dtype}[${slot.shape.join(", ")}], got an array whose buffer was transferred`,
        );
      }
    }
  }

  async run(): Promise<void> {
    this.checkMemory();
    await this.target.ort.api.callAsync("Run", this.target.what, ...this.args);
  }

  runSync(): void {
    this.checkMemory();
    this.target.ort.api.call("Run", this.target.what, ...this.args);
  }

  /** The results of the last run, in the order of the outputs; what ONNX Runtime allocated is copied. */
  results(): Tensor[] {
    return this.outputSlots.map((slot, i) => slot ?? this.copyOut(this.outputs[i]!));
  }

  private copyOut(value: Handle): Tensor {
    const { api } = this.target.ort;
    const info = api.make("GetTensorTypeAndShape", this.target.what, value);
    try {
      const { dtype, dims } = readTypeInfo(api, info, this.target.what);
      return tensor(
        dtype,
        dims,
        copyNative(api.make("GetTensorMutableData", this.target.what, value), dtype, dims, this.target.ort),
      );
    } finally {
      api.release("TensorTypeAndShapeInfo", info);
    }
  }

  /** Frees the native values; calling it again does nothing. */
  release(): void {
    for (const table of [this.inputs, this.outputs]) {
      for (const value of table) this.target.ort.api.release("Value", value);
      table.fill(0n);
    }
  }
}

function copyNative(address: Handle, dtype: DType, dims: readonly number[], { api }: Ort): TensorData {
  const { array, bytes } = dtypes[dtype];
  const count = dims.reduce((product, dim) => product * dim, 1);
  return count === 0 ? new array(0) : new array(api.view(address, count * bytes).slice(0));
}
