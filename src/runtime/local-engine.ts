import * as path from "node:path";
import type { Session } from "../backend/session.ts";
import { LimbeckError } from "../base/errors.ts";
import { monotonicMs } from "../measure/clock.ts";
import { openArtefactSession, readManifest } from "../model/artefact.ts";
import { loadTokenizer, type Tokenizer } from "../tokenizer/tokenizer.ts";
import type { ChatMessage, ToolDefinition } from "../tools/types.ts";
import { callFormatOf, chatOnce } from "./chat.ts";
import type { EngineInfo, OpenOptions } from "./engine-contract.ts";
import { createSampler } from "./sampling.ts";
import { createStepRunner } from "./step-runner.ts";
import type { Generator } from "./stream-generate.ts";
import type { ChatResult, GenerateOptions, TokenEvent } from "./types.ts";

/** How one request reaches and leaves an engine. */
export interface RequestHooks {
  /** When the caller asked, on the monotonic clock. */
  readonly requestedAt: number;
  readonly isCancelled: () => boolean;
  readonly onToken: (event: TokenEvent) => void;
}

/** An open artefact on this thread. */
export interface LocalEngine {
  readonly info: EngineInfo;
  run(
    messages: readonly ChatMessage[],
    tools: readonly ToolDefinition[],
    options: Omit<GenerateOptions, "signal">,
    hooks: RequestHooks,
  ): Promise<ChatResult>;
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
  const { prefillChunk } = options;
  const { parameters } = readManifest(artefactDir);
  const threads = options.threads ?? (parameters < smallModelParameters ? 1 : null);
  const { manifest, config, session } = await openArtefactSession(
    artefactDir,
    threads === null ? {} : { threads },
  );
  try {
    const tokenizer = loadTokenizer(artefactDir);
    if (tokenizer.vocabSize > config.vocabSize) {
      throw new LimbeckError(
        "invalid_artefact",
        `${artefactDir}: expected a tokenizer of at most ${config.vocabSize} tokens, got ${tokenizer.vocabSize}`,
        { cure: "Export the checkpoint again with its own tokenizer.", fields: { path: artefactDir } },
      );
    }
    const runner = createStepRunner(session, config, {
      blocking,
      ...(prefillChunk === undefined ? {} : { prefillChunk }),
    });
    const generator: Generator = {
      runner,
      sampler: createSampler(config.vocabSize),
      tokenizer,
      endIds: new Set([tokenizer.eosId, config.eosId]),
    };
    const { layers, kvHeads, headDim, contextLength, vocabSize } = config;
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
    return serveRequests(info, session, generator, tokenizer);
  } catch (error) {
    session.close();
    throw error;
  }
}

function serveRequests(
  info: EngineInfo,
  session: Session,
  generator: Generator,
  tokenizer: Tokenizer,
): LocalEngine {
  let last: Promise<unknown> = Promise.resolve();
  let lastEndedAt = Number.NEGATIVE_INFINITY;
  let isClosed = false;

  const run: LocalEngine["run"] = (messages, tools, options, hooks) => {
    if (isClosed) return Promise.reject(closedEngineError());
    const answer = async (): Promise<ChatResult> => {
      try {
        const turnAt = Math.max(hooks.requestedAt, lastEndedAt);
        return await chatOnce(generator, tokenizer, { messages, tools, options, turnAt }, hooks);
      } finally {
        lastEndedAt = monotonicMs();
      }
    };
    const turn = last.then(answer);
    // The next request comes whatever became of this one; its own caller hears of a failure.
    last = turn.then(
      () => undefined,
      () => undefined,
    );
    return turn;
  };

  const close = async (): Promise<void> => {
    if (isClosed) return;
    isClosed = true;
    await last;
    generator.runner.close();
    session.close();
  };
  return { info, run, close };
}

export function closedEngineError(): LimbeckError {
  return new LimbeckError("invalid_request", "engine: expected an open engine, got one that is closed", {
    cure: "Open the artefact again.",
  });
}
