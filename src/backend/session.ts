import type { Graph } from "../graph/graph.ts";
import type { DType, Tensor } from "../tensor/tensor.ts";

export type BackendName = "reference" | "onnx-cpu" | "onnx-webgpu";

/** What a session expects or gives under one name; a size that is a text is known when it runs. */
export interface TensorSpec {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly (number | string)[];
}

export type NamedTensors = Readonly<Record<string, Tensor>>;

/**
 * A session over fixed memory: the same tensors are read and written at every run, nothing is copied.
 * Create their memory with `zeros` (aligned); their contents may change between runs, their memory may not.
 */
export interface Binding {
  /** Runs without blocking the event loop. Only one run of a session may be under way. */
  run(): Promise<void>;
  /** Runs on this thread: for a worker that has nothing else to do. */
  runSync(): void;
  close(): void;
}

/** A compiled graph. Errors: `invalid_tensor` (missing, unknown or ill-shaped feeds), `backend_failed`. */
export interface Session {
  readonly backend: BackendName;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  /** Runs once; results are new tensors. */
  run(feeds: NamedTensors): Promise<NamedTensors>;
  /**
   * Fixes the memory of every input and output. Giving one tensor both as an input and as an output updates it in
   * place: allowed only where the graph reads the old value before it writes the new one.
   */
  bind(inputs: NamedTensors, outputs: NamedTensors): Binding;
  /** Frees native memory; later calls fail. */
  close(): void;
}

export interface SessionOptions {
  /** Threads of one run; default: the machine's cores. */
  readonly threads?: number;
}

/** Compiles graphs, or reads models from files. */
export interface Backend {
  readonly name: BackendName;
  compile(graph: Graph, options?: SessionOptions): Promise<Session>;
}
