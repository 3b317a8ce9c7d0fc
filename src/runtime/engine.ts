import type { Engine, OpenOptions } from "./engine-contract.ts";
import { openInProcessEngine } from "./in-process-engine.ts";
import { openRemoteEngine } from "./remote-engine.ts";

export interface EngineOptions extends OpenOptions {
  /** Default true: the engine lives in a worker thread. False keeps it in this one (runs still leave the loop free). */
  readonly worker?: boolean;
}

/**
 * Opens an exported artefact (a folder with manifest, model and tokenizer).
 * Errors: `file_not_found`, `invalid_artefact`, `backend_unavailable`, `backend_failed`.
 */
export function openEngine(artefactDir: string, options: EngineOptions = {}): Promise<Engine> {
  const { worker = true, ...open } = options;
  return worker ? openRemoteEngine(artefactDir, open) : openInProcessEngine(artefactDir, open);
}
