import { parentPort, workerData } from "node:worker_threads";
import { invariant } from "../base/errors.ts";
import { openLocalEngine } from "./local-engine.ts";
import { carryError, type FromWorker, type ToWorker, type WorkerStart } from "./worker-messages.ts";

/**
 * The worker's side of a remote engine. It blocks on native runs, so orders that arrive meanwhile wait in the port:
 * that is the queue. Cancellation comes through shared memory instead.
 */
async function serve(): Promise<void> {
  invariant(parentPort, "this file runs in a worker thread");
  const port = parentPort;
  const send = (message: FromWorker): void => port.postMessage(message);
  const { artefactDir, options } = workerData as WorkerStart;
  const engine = await openLocalEngine(artefactDir, options, { blocking: true });
  send({ kind: "opened", info: engine.info });
  port.on("message", (order: ToWorker) => {
    if (order.kind === "close") {
      engine.close().then(
        () => send({ kind: "closed" }),
        (error: unknown) => {
          throw error;
        },
      );
      return;
    }
    const { id, kind, task, requestedAt, isStreamed, cancelFlag } = order;
    engine
      .run(kind, task, {
        requestedAt,
        isCancelled: () => Atomics.load(cancelFlag, 0) !== 0,
        onToken: (event) => {
          if (isStreamed) send({ kind: "token", id, event });
        },
      })
      .then(
        (answer) => send({ kind: "done", id, answer }),
        (error: unknown) => send({ kind: "failed", id, error: carryError(error) }),
      );
  });
}

serve().catch((error: unknown) => {
  parentPort?.postMessage({ kind: "openFailed", error: carryError(error) } satisfies FromWorker);
});
