import { monotonicMs } from "../measure/clock.ts";
import type { Engine, OpenOptions } from "./engine-contract.ts";
import { type Ask, createEngine } from "./engine-tasks.ts";
import { openLocalEngine } from "./local-engine.ts";

/**
 * Opens an artefact in this thread: for scripts and tests. Native runs leave the event loop free, but tokenizing and
 * sampling happen on it. Errors: those of `openLocalEngine`.
 */
export async function openInProcessEngine(artefactDir: string, options: OpenOptions): Promise<Engine> {
  const local = await openLocalEngine(artefactDir, options, { blocking: false });
  let isClosing = false;
  const ask: Ask = (kind, task, { signal, onToken = () => undefined } = {}) =>
    local.run(kind, task, {
      requestedAt: monotonicMs(),
      isCancelled: () => isClosing || signal?.aborted === true,
      onToken,
    });
  return createEngine(local.info, ask, () => {
    isClosing = true;
    return local.close();
  });
}
