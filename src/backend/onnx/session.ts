import { LimbeckError } from "../../base/errors.ts";
import type { Graph } from "../../graph/graph.ts";
import { type Tensor, zeros } from "../../tensor/tensor.ts";
import type { BackendName, Binding, NamedTensors, Session, TensorSpec } from "../session.ts";
import { OnnxBinding } from "./binding.ts";
import { type CallTarget, NativeCall } from "./call.ts";
import { describeSession } from "./describe.ts";
import { checkFeeds, resolveShape } from "./feeds.ts";
import { copyElements, memoryInfo, staysInPlace, textTable } from "./memory.ts";
import type { Handle, Ort } from "./ort-api.ts";

/** Where a session's model comes from. */
export interface OnnxModelSource {
  readonly what: string;
  /** The native session: this object owns it from now on. */
  readonly handle: Handle;
  /** The graph that the model was lowered from, where it is known: in-place updates are checked against it. */
  readonly graph?: Graph;
}

/** The tensor itself where native code may keep its address, else a copy in memory that stays. */
function pinned(value: Tensor): Tensor {
  if (staysInPlace(value)) return value;
  const copy = zeros(value.dtype, value.shape);
  copyElements(value.data, copy.data);
  return copy;
}

/** A model in ONNX Runtime. Runs of one session never overlap: `run` waits, runs of bindings refuse. */
export class OnnxSession implements Session {
  readonly backend: BackendName;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  /** Where the model comes from, for messages. */
  readonly what: string;
  readonly graph: Graph | undefined;
  private readonly target: CallTarget;
  private readonly bindings = new Set<OnnxBinding>();
  /** Keeps memory of runs under way alive; a local variable might not. */
  private readonly underWay = new Set<NativeCall>();
  private tail: Promise<void> = Promise.resolve();
  private waiting = 0;
  private isClosed = false;

  constructor(backend: BackendName, ort: Ort, source: OnnxModelSource) {
    this.backend = backend;
    this.what = source.what;
    this.graph = source.graph;
    let nativeOutputs: string[];
    try {
      this.inputs = describeSession(ort.api, source.handle, "Input");
      const outputs = describeSession(ort.api, source.handle, "Output");
      nativeOutputs = outputs.map((spec) => spec.name);
      this.outputs = outputs.map((spec, i) => ({
        ...spec,
        name: source.graph?.outputs[i]?.name ?? spec.name,
      }));
    } catch (error) {
      ort.api.release("Session", source.handle);
      throw error;
    }
    this.target = {
      ort,
      session: source.handle,
      memory: memoryInfo(ort.api, "Cpu"),
      inputNames: textTable(
        ort.api,
        this.inputs.map((spec) => spec.name),
      ),
      outputNames: textTable(ort.api, nativeOutputs),
      what: source.what,
    };
  }

  private assertOpen(): void {
    if (this.isClosed) {
      throw new LimbeckError("backend_failed", `${this.what}: expected an open session, got a closed one`);
    }
  }

  /** Runs `action` when every earlier run has ended. */
  private async exclusively<T>(action: () => Promise<T>): Promise<T> {
    const before = this.tail;
    let done = (): void => undefined;
    this.tail = new Promise((resolve) => {
      done = resolve;
    });
    this.waiting += 1;
    try {
      await before;
      this.assertOpen();
      return await action();
    } finally {
      this.waiting -= 1;
      done();
    }
  }

  async run(feeds: NamedTensors): Promise<NamedTensors> {
    this.assertOpen();
    const sizes = checkFeeds(this.inputs, feeds);
    return this.exclusively(async () => {
      const inputs = this.inputs.map(({ name }) => pinned(feeds[name]!));
      const outputs = this.outputs.map((spec) => {
        const shape = resolveShape(spec, sizes);
        return shape && zeros(spec.dtype, shape);
      });
      const call = new NativeCall(this.target, inputs, outputs);
      try {
        await this.runCall(call);
        const results = call.results();
        return Object.fromEntries(this.outputs.map(({ name }, i) => [name, results[i]!]));
      } finally {
        call.release();
      }
    });
  }

  private async runCall(call: NativeCall): Promise<void> {
    this.underWay.add(call);
    try {
      await call.run();
    } finally {
      this.underWay.delete(call);
    }
  }

  bind(inputs: NamedTensors, outputs: NamedTensors): Binding {
    this.assertOpen();
    const binding = new OnnxBinding(this, inputs, outputs, {
      prepare: (from, to) => new NativeCall(this.target, from, to),
      assertIdle: () => this.assertIdle(),
      run: (call) => this.exclusively(() => this.runCall(call)),
      runSync: (call) => call.runSync(),
      close: (call) => {
        this.bindings.delete(binding);
        this.whenIdle(() => call.release());
      },
    });
    this.bindings.add(binding);
    return binding;
  }

  private assertIdle(): void {
    this.assertOpen();
    if (this.waiting > 0) {
      throw new LimbeckError(
        "backend_failed",
        `${this.what}: expected the run before to have ended, got a second run`,
        {
          cure: "Await each run of a binding before the next one.",
        },
      );
    }
  }

  private whenIdle(action: () => void): void {
    if (this.waiting === 0) action();
    else void this.tail.then(() => this.whenIdle(action));
  }

  /** Ends the profile that `profilePrefix` asked for; returns its file. */
  endProfiling(): string {
    this.assertIdle();
    const { api } = this.target.ort;
    const allocator = api.make("GetAllocatorWithDefaultOptions", this.what);
    const address = api.make("SessionEndProfiling", this.what, this.target.session, allocator);
    const file = api.text(address);
    api.call("AllocatorFree", this.what, allocator, address);
    return file;
  }

  close(): void {
    if (this.isClosed) return;
    for (const binding of [...this.bindings]) binding.close();
    this.isClosed = true;
    this.whenIdle(() => {
      this.target.ort.api.release("MemoryInfo", this.target.memory);
      this.target.ort.api.release("Session", this.target.session);
    });
  }
}
