import { Worker } from "node:worker_threads";
import { silenceProcess } from "../backend/onnx/ort-telemetry.ts";
import { LimbeckError } from "../base/errors.ts";
import { monotonicMs } from "../measure/clock.ts";
import type { Engine, EngineInfo, OpenOptions } from "./engine-contract.ts";
import {
  type Ask,
  closedEngineError,
  createEngine,
  type EngineAnswers,
  type TaskKind,
} from "./engine-tasks.ts";
import type { TokenEvent } from "./types.ts";
import {
  type FromWorker,
  reviveError,
  type TaskOrder,
  type ToWorker,
  type WorkerStart,
} from "./worker-messages.ts";

interface Pending {
  readonly cancel: () => void;
  readonly onToken: ((event: TokenEvent) => void) | undefined;
  readonly resolve: (answer: EngineAnswers[TaskKind]) => void;
  readonly reject: (error: unknown) => void;
}

/** The compiled file: a URL is not rewritten as an import is. */
const compiledWorker = new URL("./worker.js", import.meta.url);

/** A worker that has not closed by then is ended as it is. */
const closeWithinMs = 5000;

interface RemoteOptions {
  readonly workerFile?: URL;
  readonly closeWithinMs?: number;
}

/**
 * Opens an artefact in a worker thread: the caller's event loop never waits for a native run. Requests queue in the
 * order in which they come. An idle engine does not keep the process alive. Closing cancels what runs, and does not wait
 * longer than some seconds for a worker that is stuck.
 *
 * Errors: those of `openLocalEngine`; `internal` where the worker dies.
 */
export async function openRemoteEngine(
  artefactDir: string,
  options: OpenOptions,
  remote: RemoteOptions = {},
): Promise<Engine> {
  const { workerFile = compiledWorker } = remote;
  const start: WorkerStart = { artefactDir, options };
  silenceProcess();
  const worker = new Worker(workerFile, { workerData: start });
  const pending = new Map<number, Pending>();
  let nextId = 0;
  let whyClosed: LimbeckError | undefined;
  let opened: { resolve: (info: EngineInfo) => void; reject: (error: unknown) => void } | undefined;
  let finishClosing: (() => void) | undefined;

  const settle = (id: number): Pending | undefined => {
    const found = pending.get(id);
    pending.delete(id);
    if (pending.size === 0 && finishClosing === undefined) worker.unref();
    return found;
  };
  const die = (error: LimbeckError): void => {
    whyClosed ??= error;
    opened?.reject(error);
    for (const id of [...pending.keys()]) settle(id)?.reject(whyClosed);
    finishClosing?.();
  };

  worker.on("message", (message: FromWorker) => {
    switch (message.kind) {
      case "opened":
        return opened?.resolve(message.info);
      case "openFailed":
        return opened?.reject(reviveError(message.error));
      case "token":
        return pending.get(message.id)?.onToken?.(message.event);
      case "done":
        return settle(message.id)?.resolve(message.answer);
      case "failed":
        return settle(message.id)?.reject(reviveError(message.error));
      case "closed":
        return finishClosing?.();
    }
  });
  worker.on("error", (cause) =>
    die(
      new LimbeckError("internal", `engine's worker failed: ${(cause as Error).message}`, {
        cause,
        fields: { path: artefactDir, isEngineDead: true },
      }),
    ),
  );
  worker.on("exit", (status) =>
    die(
      new LimbeckError("internal", `engine's worker ended with status ${status} before it was closed`, {
        fields: { path: artefactDir, status, isEngineDead: true },
      }),
    ),
  );

  const opening = new Promise<EngineInfo>((resolve, reject) => {
    opened = { resolve, reject };
  });
  let info: EngineInfo;
  try {
    info = await opening;
  } catch (error) {
    await worker.terminate();
    throw error;
  } finally {
    opened = undefined;
  }
  worker.unref();

  const ask: Ask = <K extends TaskKind>(
    kind: K,
    task: TaskOrder<K>["task"],
    { signal, onToken }: Parameters<Ask>[2] = {},
  ) => {
    const requestedAt = monotonicMs();
    if (whyClosed) return Promise.reject(whyClosed);
    const cancelFlag = new Int32Array(new SharedArrayBuffer(4));
    const cancel = (): void => {
      Atomics.store(cancelFlag, 0, 1);
    };
    if (signal?.aborted) cancel();
    signal?.addEventListener("abort", cancel);
    const id = nextId++;
    const isStreamed = onToken !== undefined;
    const order: TaskOrder<K> = { kind, id, task, requestedAt, isStreamed, cancelFlag };
    return new Promise<EngineAnswers[K]>((resolve, reject) => {
      post(worker, order as TaskOrder);
      worker.ref();
      // The worker answers each task with what belongs to its kind.
      pending.set(id, { cancel, onToken, resolve: resolve as Pending["resolve"], reject });
    }).finally(() => signal?.removeEventListener("abort", cancel));
  };

  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    const isAlive = whyClosed === undefined;
    whyClosed ??= closedEngineError();
    for (const { cancel } of pending.values()) cancel();
    if (isAlive) {
      // The worker frees native memory itself; what it is doing is cancelled and ends first.
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, remote.closeWithinMs ?? closeWithinMs);
        finishClosing = () => {
          clearTimeout(timer);
          resolve();
        };
        worker.ref();
        post(worker, { kind: "close" });
      });
    }
    await worker.terminate();
  };

  return createEngine(info, ask, () => {
    closing ??= close();
    return closing;
  });
}

function post(worker: Worker, message: ToWorker): void {
  try {
    worker.postMessage(message);
  } catch (cause) {
    throw new LimbeckError(
      "invalid_request",
      `request: expected messages, tools and options of plain data, ${(cause as Error).message}`,
      { cure: "Leave functions and class instances out.", cause },
    );
  }
}
