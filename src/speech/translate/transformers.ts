import * as fs from "node:fs";
import * as path from "node:path";
import { Worker } from "node:worker_threads";
import { silenceProcess } from "../../backend/onnx/ort-telemetry.ts";
import { LimbeckError } from "../../base/errors.ts";
import type { Direction } from "../types.ts";
import { abortable, type TranslationEngine, translationCancelled, translationFailed } from "./engine.ts";
import { type Family, marianPair } from "./families.ts";
import { isSameLanguage } from "./languages.ts";
import { checkLicence, modelLicence } from "./licences.ts";
import { placeholderForms } from "./placeholders.ts";
import {
  closeOrder,
  type FromTransformers,
  type TransformersOrder,
  type TransformersStart,
  unpackError,
} from "./transformers-messages.ts";

export const transformersPackage = "@huggingface/transformers";

export interface TransformersOptions {
  readonly direction: Direction;
  /** A folder, or a name on the hub. */
  readonly model: string;
  readonly acceptNonCommercial?: boolean;
  /** Weights as transformers.js names them; without it "q8" where the folder has such files, else "fp32"; "q8" from the hub. */
  readonly dtype?: string;
  readonly threads?: number;
  /** Another place for the package: the address of its entry file. */
  readonly module?: string;
}

/** The engine, and the ids of its last answers, which the oracle tier compares. */
export interface TransformersEngine extends TranslationEngine {
  readonly family: Family;
  translateToIds(
    texts: readonly string[],
    signal: AbortSignal,
  ): Promise<{ texts: readonly string[]; ids: number[][] }>;
}

/** The compiled file: a URL is not rewritten as an import is. */
const workerFile = new URL("./transformers-worker.js", import.meta.url);

function pickDtype(folder: string | undefined): string {
  if (folder === undefined) return "q8";
  return fs.existsSync(path.join(folder, "onnx", "decoder_model_merged_quantized.onnx")) ? "q8" : "fp32";
}

/**
 * A translation model of the hub or of a local folder, run by transformers.js in a worker thread: the event loop never
 * waits for it. Texts of one call are one batch; calls run one after another, and an interrupted one stops at its next
 * token. Errors: `usage` (licence, languages, no translation model), `missing_dependency`, `translation_failed`.
 */
export async function openTransformers(options: TransformersOptions): Promise<TransformersEngine> {
  const { direction, model, acceptNonCommercial = false } = options;
  const folder = fs.existsSync(path.join(model, "config.json")) ? path.resolve(model) : undefined;
  if (folder === undefined && /^[./~]|^[A-Za-z]:/.test(model)) {
    throw new LimbeckError(
      "file_not_found",
      `translation: expected a model in ${model}, found no config.json there`,
      {
        cure: "Give the folder of a checkpoint, or a name on the hub as Xenova/opus-mt-en-es.",
        fields: { path: model },
      },
    );
  }
  // Before anything is downloaded.
  if (folder === undefined) checkLicence(model, modelLicence(model, undefined), acceptNonCommercial);
  const pair = marianPair(folder ?? model);
  if (
    pair !== undefined &&
    !(isSameLanguage(pair.source, direction.source) && isSameLanguage(pair.target, direction.target))
  ) {
    const { source, target } = direction;
    throw new LimbeckError(
      "usage",
      `translation: expected a model for ${source} to ${target}, got ${model}`,
      {
        cure: "Choose the model of that direction.",
        fields: { model, source, target },
      },
    );
  }
  const start: TransformersStart = {
    module: options.module ?? transformersPackage,
    model: folder ?? model,
    isLocal: folder !== undefined,
    dtype: options.dtype ?? pickDtype(folder),
    threads: options.threads,
    direction,
  };
  return overWorker(model, folder, start, acceptNonCommercial);
}

/** A worker that does not end by itself in this time is made to. */
const endMs = 10_000;

interface Pending {
  readonly stop: Int32Array;
  readonly resolve: (answer: { texts: readonly string[]; ids: number[][] }) => void;
  readonly reject: (error: unknown) => void;
}

async function overWorker(
  model: string,
  folder: string | undefined,
  start: TransformersStart,
  acceptNonCommercial: boolean,
): Promise<TransformersEngine> {
  const name = `transformers:${folder === undefined ? model : path.basename(folder)}`;
  // It brings an ONNX Runtime of its own.
  silenceProcess();
  const worker = new Worker(workerFile, { workerData: start });
  const pending = new Map<number, Pending>();
  let nextId = 0;
  let whyDead: LimbeckError | undefined;
  let opening: { resolve: (family: Family) => void; reject: (error: unknown) => void } | undefined;

  const settle = (id: number): Pending | undefined => {
    const found = pending.get(id);
    pending.delete(id);
    // An idle model does not keep the process alive.
    if (pending.size === 0) worker.unref();
    return found;
  };
  const die = (what: string, cause?: unknown): void => {
    whyDead ??= translationFailed(name, what, cause);
    opening?.reject(whyDead);
    for (const id of [...pending.keys()]) settle(id)?.reject(whyDead);
  };
  worker.on("message", (message: FromTransformers) => {
    switch (message.kind) {
      case "opened":
        return opening?.resolve(message.family);
      case "openFailed":
        return opening?.reject(unpackError(message.error));
      case "done":
        return settle(message.id)?.resolve({ texts: message.texts, ids: message.ids });
      case "failed":
        return settle(message.id)?.reject(unpackError(message.error));
    }
  });
  worker.on("error", (cause) => die(`its worker failed: ${(cause as Error).message}`, cause));
  const ended = new Promise<void>((resolve) => {
    worker.on("exit", (status) => {
      die(`its worker ended with status ${status}`);
      resolve();
    });
  });
  // Never terminated while it may hold a native call: ONNX Runtime aborts the whole process when its thread goes away
  // under a session that is being loaded.
  const end = async (): Promise<void> => {
    worker.ref();
    for (const { stop } of pending.values()) Atomics.store(stop, 0, 1);
    worker.postMessage(closeOrder);
    const timer = setTimeout(() => void worker.terminate(), endMs);
    await ended.finally(() => clearTimeout(timer));
  };

  let family: Family;
  let licence: ReturnType<typeof modelLicence>;
  try {
    family = await new Promise<Family>((resolve, reject) => {
      opening = { resolve, reject };
    });
    licence = modelLicence(model, folder, family);
    checkLicence(model, licence, acceptNonCommercial);
  } catch (error) {
    await end();
    throw error;
  } finally {
    opening = undefined;
  }
  worker.unref();

  const translateToIds: TransformersEngine["translateToIds"] = async (texts, signal) => {
    if (whyDead !== undefined) throw whyDead;
    if (signal.aborted) throw translationCancelled(name);
    if (texts.length === 0) return { texts: [], ids: [] };
    const id = nextId++;
    const stop = new SharedArrayBuffer(4);
    const order: TransformersOrder = { id, texts, stop };
    const answer = new Promise<{ texts: readonly string[]; ids: number[][] }>((resolve, reject) => {
      pending.set(id, { stop: new Int32Array(stop), resolve, reject });
    });
    worker.ref();
    worker.postMessage(order);
    try {
      return await abortable(answer, signal);
    } catch (error) {
      Atomics.store(new Int32Array(stop), 0, 1);
      if (signal.aborted)
        throw signal.reason instanceof LimbeckError ? signal.reason : translationCancelled(name);
      throw error;
    }
  };

  return {
    name,
    licence,
    isRemote: false,
    direction: start.direction,
    placeholders: placeholderForms.names,
    family,
    translateToIds,
    translate: async (texts, signal) => (await translateToIds(texts, signal)).texts,
    close: async () => {
      whyDead ??= translationFailed(name, "was closed");
      await end();
    },
  };
}
