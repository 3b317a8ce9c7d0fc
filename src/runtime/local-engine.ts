import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { loadOrt } from "../backend/onnx/ort-api.ts";
import { findOrtLibrary } from "../backend/onnx/ort-library.ts";
import type { Session } from "../backend/session.ts";
import { LimbeckError } from "../base/errors.ts";
import { monotonicMs } from "../measure/clock.ts";
import { openArtefactSession, readArtefactConfig, readManifest } from "../model/artefact.ts";
import { loadTokenizer, type Tokenizer } from "../tokenizer/tokenizer.ts";
import { createLocalBatch, type LocalBatch, type LocalBatchOptions } from "./batch/local-batch.ts";
import { callFormatOf } from "./chat.ts";
import { type EngineSpeculation, openEngineSpeculation, stepsFor } from "./draft-engine.ts";
import type { EngineInfo, OpenOptions } from "./engine-contract.ts";
import { closedEngineError, type EngineAnswers, type EngineTasks, type TaskKind } from "./engine-tasks.ts";
import { createGrammarCompiler, type GrammarCompiler } from "./grammar/compiler.ts";
import { loadXgrammar } from "./grammar/xgrammar.ts";
import {
  type AfterTask,
  createAfterTasks,
  createTasks,
  type RequestHooks,
  type TaskTable,
} from "./local-tasks.ts";
import { openPromptCache } from "./prompt-cache/prompt-cache.ts";
import { createSystemTokenCounter } from "./prompt-cache/system-tokens.ts";
import { createSampler } from "./sampling.ts";
import { createStepRunner } from "./step-runner.ts";
import type { Generator } from "./stream-generate.ts";
import { warmUpModel, warmUpText } from "./warm-up.ts";

/** An open artefact on this thread. */
export interface LocalEngine {
  readonly info: EngineInfo;
  run<K extends TaskKind>(kind: K, task: EngineTasks[K], hooks: RequestHooks): Promise<EngineAnswers[K]>;
  /** Waits for requests that are under way, then frees native memory. */
  close(): Promise<void>;
}

/** How the engine runs: blocking its thread (a worker) or leaving the event loop free. */
export interface ThreadMode {
  readonly blocking: boolean;
}

/**
 * Below this, sharing a matrix product costs as much as it saves (1M parameters, two cores: prefill of 402 tokens 11.5
 * ms with one thread, 13.2 with two; decode 0.13 either way), and a second thread gets in the way of the caller's.
 */
const smallModelParameters = 4_000_000;

/**
 * Opens an artefact on this thread. Requests run one after the other, in the order in which they come.
 * Errors: `file_not_found`, `invalid_artefact`, `invalid_checkpoint` (tokenizer), `backend_unavailable`,
 * `backend_failed`.
 */
export async function openLocalEngine(
  artefactDir: string,
  options: OpenOptions,
  { blocking }: ThreadMode,
): Promise<LocalEngine> {
  const startedAt = monotonicMs();
  const { prefillChunk, promptCache, draft, speculation: mode = "off", warmUp = true } = options;
  const read = readManifest(artefactDir);
  const threads = options.threads ?? (read.parameters < smallModelParameters ? 1 : null);
  // Other threads compile the grammar engine's WebAssembly and load the model; meanwhile this one reads the tokenizer.
  loadXgrammar().catch(() => undefined); // whoever needs it hears of it
  await loadOrt();
  const opening = openArtefactSession(artefactDir, {
    ...stepsFor(read, mode),
    ...(threads === null ? {} : { threads }),
  });
  await Promise.race([opening, new Promise(setImmediate)]);
  let text: ModelText;
  try {
    text = await openText(artefactDir, { warmUp });
  } catch (error) {
    await opening.then(
      ({ session }) => session.close(),
      () => undefined,
    );
    throw error;
  }
  const { tokenizer, endIds, grammars } = text;
  const { manifest, config, session } = await opening.catch((error: unknown) => {
    grammars.close();
    throw error;
  });
  let speculation: EngineSpeculation | undefined;
  let batch: LocalBatch | undefined;
  try {
    const stepRunner = createStepRunner(session, config, {
      blocking,
      ...(prefillChunk === undefined ? {} : { prefillChunk }),
    });
    const cache =
      promptCache === undefined
        ? null
        : openPromptCache(stepRunner, promptCache, {
            blockTokens: stepRunner.prefillChunk,
            identity: {
              ...manifest.fingerprints,
              template: tokenizer.templateFingerprint,
              kvBytesPerToken: stepRunner.kvBytesPerToken,
              ...kernelsOf(session, threads),
            },
          });
    const runner = cache?.runner ?? stepRunner;
    speculation = await openEngineSpeculation({
      runner: stepRunner,
      session,
      artefactDir,
      onChecked: () => runner.rewind(0),
      manifest,
      mode,
      draft,
      threads,
      blocking,
    });
    const generator: Generator = {
      runner,
      speculation,
      sampler: createSampler(config.vocabSize),
      tokenizer,
      endIds,
    };
    const { layers, kvHeads, headDim, contextLength, vocabSize } = config;
    // Past the cache: nobody asked this.
    if (warmUp) await warmUpModel({ ...generator, runner: stepRunner });
    const info: EngineInfo = {
      name: path.basename(artefactDir),
      artefactDir,
      backend: session.backend,
      threads,
      format: manifest.format,
      artefactBytes: manifest.bytes,
      parameters: manifest.parameters,
      contextLength,
      vocabSize,
      kv: { layers, kvHeads, headDim, contextLength },
      kvBytes: runner.kvBytes,
      callFormat: callFormatOf(tokenizer),
      promptShapes: manifest.shapes,
      fingerprints: manifest.fingerprints,
      openMs: monotonicMs() - startedAt,
    };
    return serveTasks(
      info,
      (turns) => {
        const model = { generator, tokenizer, grammars };
        batch = createLocalBatch({ model, session, runner: stepRunner, blocking, ...turns });
        return createTasks({ ...model, cache, batch });
      },
      createAfterTasks(cache, createSystemTokenCounter(tokenizer)),
      async () => {
        await cache?.settle();
        await speculation?.close();
        batch?.close();
        grammars.close();
        runner.close();
        session.close();
      },
    );
  } catch (error) {
    await speculation?.close();
    grammars.close();
    session.close();
    throw error;
  }
}

/** The parts of an open artefact that need no model. */
interface ModelText {
  readonly tokenizer: Tokenizer;
  readonly endIds: ReadonlySet<number>;
  readonly grammars: GrammarCompiler;
}

/** Errors: `file_not_found`, `invalid_artefact`, `invalid_checkpoint`. */
async function openText(artefactDir: string, { warmUp }: { readonly warmUp: boolean }): Promise<ModelText> {
  const { vocabSize, eosIds } = readArtefactConfig(artefactDir);
  const tokenizer = loadTokenizer(artefactDir);
  if (tokenizer.vocabSize > vocabSize) {
    throw new LimbeckError(
      "invalid_artefact",
      `${artefactDir}: expected a tokenizer of at most ${vocabSize} tokens, got ${tokenizer.vocabSize}`,
      { cure: "Export the checkpoint again with its own tokenizer.", fields: { path: artefactDir } },
    );
  }
  const endIds = new Set([tokenizer.eosId, ...eosIds]);
  const grammars = createGrammarCompiler(tokenizer, vocabSize, { endIds: [...endIds] });
  if (warmUp) await warmUpText(tokenizer, grammars);
  return { tokenizer, endIds, grammars };
}

/** What computes keys and values: another library, processor or number of threads may round otherwise. */
function kernelsOf({ backend }: Session, threads: number | null): Readonly<Record<string, unknown>> {
  const library = findOrtLibrary();
  return {
    backend,
    library: path.basename(library),
    libraryBytes: fs.statSync(library).size,
    processor: os.cpus()[0]?.model ?? "unknown",
    threads: threads ?? os.availableParallelism(),
  };
}

/** One task after the other, in the order in which they come. */
function serveTasks(
  info: EngineInfo,
  makeTasks: (turns: Pick<LocalBatchOptions, "takeTurn" | "isAwaited">) => TaskTable,
  afterTasks: AfterTask,
  free: () => Promise<void>,
): LocalEngine {
  let last: Promise<unknown> = Promise.resolve();
  let lastEndedAt = Number.NEGATIVE_INFINITY;
  let isClosed = false;
  let waiting = 0;
  const tasks = makeTasks({
    isAwaited: () => waiting > 0,
    takeTurn: (action) => {
      last = last.then(action).finally(() => {
        lastEndedAt = monotonicMs();
      });
    },
  });

  const run: LocalEngine["run"] = async (kind, task, hooks) => {
    if (isClosed) throw closedEngineError();
    // Many share a turn, which their batch takes for them.
    if (kind === "batchChat") return tasks[kind](task, hooks.requestedAt, hooks);
    waiting += 1;
    const turn = last.then(async () => {
      waiting -= 1;
      try {
        return await tasks[kind](task, Math.max(hooks.requestedAt, lastEndedAt), hooks);
      } finally {
        lastEndedAt = monotonicMs();
      }
    });
    const after = afterTasks[kind];
    // The next request comes whatever became of this one; its own caller hears of a failure.
    last = turn.then(
      () => after && afterwards(() => after(task)),
      () => undefined,
    );
    return turn;
  };

  /** The answer leaves first: what follows is nobody's waiting time but that of requests that queue. */
  const afterwards = async (action: () => void): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
    action();
    lastEndedAt = monotonicMs();
  };

  const close = async (): Promise<void> => {
    if (isClosed) return;
    isClosed = true;
    // Chats of a batch that did not come in take another turn.
    for (let seen: unknown; seen !== last; ) {
      seen = last;
      await seen;
    }
    await free();
  };
  return { info, run, close };
}
