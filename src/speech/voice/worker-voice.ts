import { Worker } from "node:worker_threads";
import { LimbeckError } from "../../base/errors.ts";
import { reviveError } from "../../runtime/worker-messages.ts";
import type { Language, Licence, Voice } from "../types.ts";
import type { EngineSpec } from "./blocking-engine.ts";
import type { FromEngine, SpeakOrder } from "./engine-worker.ts";
import { makeVoice } from "./make-voice.ts";

/** The compiled file: a URL is not rewritten as an import is. */
const compiledWorker = new URL("./engine-worker.js", import.meta.url);

interface Pending {
  readonly resolve: (samples: Float32Array | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Opens an engine in a worker thread of its own, warmed up: the caller's event loop never waits for it. An idle voice does not keep
 * the process alive. Errors: those of the engine's opening; `voice_failed` where the worker dies.
 */
export async function openWorkerVoice(
  spec: EngineSpec,
  facts: { readonly name: string; readonly licence: Licence; readonly languages: readonly Language[] },
): Promise<Voice> {
  const { name } = facts;
  const worker = new Worker(compiledWorker, { workerData: spec });
  const pending = new Map<number, Pending>();
  let nextId = 0;
  let whyDead: LimbeckError | undefined;
  let opening: { resolve: (sampleRateHz: number) => void; reject: (error: unknown) => void } | undefined;

  const settle = (id: number): Pending | undefined => {
    const found = pending.get(id);
    pending.delete(id);
    if (pending.size === 0) worker.unref();
    return found;
  };
  const die = (error: LimbeckError): void => {
    whyDead ??= error;
    opening?.reject(error);
    for (const id of [...pending.keys()]) settle(id)?.reject(error);
  };
  worker.on("message", (message: FromEngine) => {
    switch (message.kind) {
      case "opened":
        return opening?.resolve(message.sampleRateHz);
      case "openFailed":
        return opening?.reject(reviveError(message.error));
      case "spoken":
        return settle(message.id)?.resolve(message.samples);
      case "failed":
        return settle(message.id)?.reject(reviveError(message.error));
    }
  });
  worker.on("error", (cause) =>
    die(
      new LimbeckError("voice_failed", `${name}: its worker failed: ${(cause as Error).message}`, { cause }),
    ),
  );
  worker.on("exit", (status) =>
    die(
      new LimbeckError("voice_failed", `${name}: its worker ended with status ${status}`, {
        fields: { status },
      }),
    ),
  );

  let sampleRateHz: number;
  try {
    sampleRateHz = await new Promise<number>((resolve, reject) => {
      opening = { resolve, reject };
    });
  } catch (error) {
    await worker.terminate();
    throw error;
  } finally {
    opening = undefined;
  }
  worker.unref();

  return makeVoice({
    ...facts,
    isRemote: false,
    sampleRateHz,
    async synthesise(text, rate, signal) {
      if (whyDead) throw whyDead;
      const cancelFlag = new Int32Array(new SharedArrayBuffer(4));
      const cancel = (): void => {
        Atomics.store(cancelFlag, 0, 1);
      };
      signal.addEventListener("abort", cancel, { once: true });
      const order: SpeakOrder = { id: nextId++, text, rate, cancelFlag };
      const samples = await new Promise<Float32Array | undefined>((resolve, reject) => {
        pending.set(order.id, { resolve, reject });
        worker.ref();
        worker.postMessage(order);
      });
      signal.removeEventListener("abort", cancel);
      return { samples: samples ?? new Float32Array(0), sampleRateHz };
    },
    async close() {
      await worker.terminate();
    },
  });
}
