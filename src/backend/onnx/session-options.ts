import * as os from "node:os";
import { LimbeckError } from "../../base/errors.ts";
import type { SessionOptions } from "../session.ts";
import type { Handle, OrtApi } from "./ort-api.ts";

export interface OnnxSessionOptions extends SessionOptions {
  /** Records the time of every node into a file that starts with this; see `OnnxSession.endProfiling`. */
  readonly profilePrefix?: string;
  /** Whether nodes are fused and constants folded; default true. */
  readonly isOptimised?: boolean;
  /** Entries for AddSessionConfigEntry, by the names that ONNX Runtime gives them. */
  readonly config?: Readonly<Record<string, string>>;
}

const noOptimisations = 0;
const allOptimisations = 99;

/** What every session gets. */
const defaultConfig: Readonly<Record<string, string>> = {
  // The first turns a factor into a float32 attribute, in float64 graphs too; our rules fold factors where that loses
  // nothing. The others undo a transposition that our rules write on purpose, back into a slower product.
  "optimization.disable_specified_optimizers": "MatMulScaleFusion;MatmulTransposeFusion;GemmTransposeFusion",
  // Each session has threads of its own. With the default they spin for long after a run, and take the cores from the
  // session that runs next: a training alternates between several. 50 µs bridges the gaps between nodes.
  "session.intra_op.spin_duration_us": "50",
};

/** Creates ONNX Runtime's options; release as "SessionOptions". Error: `invalid_request` (threads). */
export function createSessionOptions(api: OrtApi, options: OnnxSessionOptions): Handle {
  const threads = options.threads ?? os.availableParallelism();
  if (!Number.isInteger(threads) || threads < 1) {
    throw new LimbeckError("invalid_request", `session: expected at least 1 thread, got ${threads}`);
  }
  const handle = api.make("CreateSessionOptions", "session options");
  const set: (name: Parameters<OrtApi["call"]>[0], ...values: (number | string)[]) => void = (
    name,
    ...values
  ) => api.call(name, "session options", handle, ...values);
  try {
    set(
      "SetSessionGraphOptimizationLevel",
      (options.isOptimised ?? true) ? allOptimisations : noOptimisations,
    );
    set("SetIntraOpNumThreads", threads);
    set("SetInterOpNumThreads", 1);
    // Memory patterns double the memory at the peak and gain no time.
    set("DisableMemPattern");
    const config = { ...defaultConfig, ...options.config };
    for (const [key, value] of Object.entries(config)) set("AddSessionConfigEntry", key, value);
    if (options.profilePrefix !== undefined) set("EnableProfiling", options.profilePrefix);
    return handle;
  } catch (error) {
    api.release("SessionOptions", handle);
    throw error;
  }
}
