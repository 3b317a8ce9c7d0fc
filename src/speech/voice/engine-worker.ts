import { parentPort, workerData } from "node:worker_threads";
import { invariant } from "../../base/errors.ts";
import { type CarriedError, carryError } from "../../runtime/worker-messages.ts";
import type { BlockingEngine, EngineSpec } from "./blocking-engine.ts";
import { openFlite } from "./flite-engine.ts";
import { openPico } from "./pico-engine.ts";
import { openSherpa } from "./sherpa-engine.ts";

export interface SpeakOrder {
  readonly id: number;
  readonly text: string;
  readonly rate: number;
  /** One int32; not 0 once the caller cancels. Messages are read only between calls. */
  readonly cancelFlag: Int32Array<SharedArrayBuffer>;
}

export type FromEngine =
  | { readonly kind: "opened"; readonly sampleRateHz: number }
  | { readonly kind: "openFailed"; readonly error: CarriedError }
  /** No samples where it was cancelled. */
  | { readonly kind: "spoken"; readonly id: number; readonly samples: Float32Array<ArrayBuffer> | undefined }
  | { readonly kind: "failed"; readonly id: number; readonly error: CarriedError };

const openers: {
  readonly [E in EngineSpec["engine"]]: (
    spec: EngineSpec & { engine: E },
  ) => BlockingEngine | Promise<BlockingEngine>;
} = {
  flite: ({ voice }) => openFlite(voice),
  pico: (files) => openPico(files),
  sherpa: (model) => openSherpa(model),
};

/** Said once at the start, so that code is compiled and memory touched before the first sentence. */
const warmUpText = "one";

async function serve(): Promise<void> {
  invariant(parentPort, "this file runs in a worker thread");
  const port = parentPort;
  const send = (message: FromEngine, moved: ArrayBuffer[] = []): void => port.postMessage(message, moved);
  const spec = workerData as EngineSpec;
  const engine = await openers[spec.engine](spec as never);
  engine.speak(warmUpText, 1, () => false);
  engine.prepare?.();
  send({ kind: "opened", sampleRateHz: engine.sampleRateHz });
  port.on("message", ({ id, text, rate, cancelFlag }: SpeakOrder) => {
    try {
      const made = engine.speak(text, rate, () => Atomics.load(cancelFlag, 0) !== 0);
      // Its own memory, and no more than it: what is sent is moved.
      const samples = made && made.buffer.byteLength === made.byteLength ? made : made?.slice();
      const whole = samples as Float32Array<ArrayBuffer> | undefined;
      send({ kind: "spoken", id, samples: whole }, whole ? [whole.buffer] : []);
    } catch (error) {
      send({ kind: "failed", id, error: carryError(error) });
    }
    engine.prepare?.();
  });
}

serve().catch((error: unknown) => {
  parentPort?.postMessage({ kind: "openFailed", error: carryError(error) } satisfies FromEngine);
});
