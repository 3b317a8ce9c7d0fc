import { LimbeckError } from "../base/errors.ts";
import type { ChatMessage, ToolDefinition } from "../tools/types.ts";
import type { BatchOpening, BatchStats } from "./batch/types.ts";
import { streamTokens } from "./chat-stream.ts";
import type { Engine, EngineInfo } from "./engine-contract.ts";
import type { PromptCacheStats } from "./prompt-cache/types.ts";
import type { ChatResult, GenerateOptions, GenerateResult, TokenEvent } from "./types.ts";

/** Options as they travel: a signal does not cross threads, a flag in shared memory stands for it. */
export type TaskOptions = Omit<GenerateOptions, "signal">;

interface ChatInput {
  readonly messages: readonly ChatMessage[];
  readonly tools: readonly ToolDefinition[];
}

/** Everything that an engine can be asked, as plain data. */
export interface EngineTasks {
  readonly chat: ChatInput & { readonly options: TaskOptions };
  readonly complete: { readonly prompt: string; readonly options: TaskOptions };
  readonly countTokens: ChatInput;
  readonly promptCacheStats: object;
  readonly openBatch: { readonly rows: number };
  /** As `chat`; answered beside others of its kind. */
  readonly batchChat: EngineTasks["chat"];
  readonly batchStats: object;
  readonly closeBatch: object;
}

/** What each of them is answered with. */
export interface EngineAnswers {
  readonly chat: ChatResult;
  readonly complete: GenerateResult;
  readonly countTokens: number;
  readonly promptCacheStats: PromptCacheStats | null;
  readonly openBatch: BatchOpening;
  readonly batchChat: ChatResult;
  readonly batchStats: BatchStats | null;
  readonly closeBatch: null;
}

export type TaskKind = keyof EngineTasks;

/** Hands a task to whatever runs the model, on this thread or another. */
export type Ask = <K extends TaskKind>(
  kind: K,
  task: EngineTasks[K],
  hooks?: {
    readonly signal?: AbortSignal | undefined;
    readonly onToken?: (event: TokenEvent) => void;
  },
) => Promise<EngineAnswers[K]>;

function withoutSignal({ signal: _, ...options }: GenerateOptions): TaskOptions {
  return options;
}

/** The engine that callers see, over `ask`. */
export function createEngine(info: EngineInfo, ask: Ask, close: () => Promise<void>): Engine {
  return {
    name: info.name,
    callFormat: info.callFormat,
    info,
    chat: (messages, tools, options = {}) =>
      ask("chat", { messages, tools, options: withoutSignal(options) }, options),
    stream: (messages, tools, options = {}) =>
      streamTokens(
        (onToken, signal) =>
          ask("chat", { messages, tools, options: withoutSignal(options) }, { onToken, signal }),
        options.signal,
      ),
    complete: (prompt, options = {}) => ask("complete", { prompt, options: withoutSignal(options) }, options),
    streamComplete: (prompt, options = {}) =>
      streamTokens(
        (onToken, signal) =>
          ask("complete", { prompt, options: withoutSignal(options) }, { onToken, signal }),
        options.signal,
      ),
    countTokens: (messages, tools) => ask("countTokens", { messages, tools }),
    promptCacheStats: () => ask("promptCacheStats", {}),
    openBatch: async (rows) => {
      const { check, kvBytes } = await ask("openBatch", { rows });
      return {
        name: info.name,
        callFormat: info.callFormat,
        rows,
        check,
        kvBytes,
        chat: (messages, tools, options = {}) =>
          ask("batchChat", { messages, tools, options: withoutSignal(options) }, options),
        stats: () => ask("batchStats", {}),
        close: async () => {
          await ask("closeBatch", {});
        },
      };
    },
    close,
  };
}

export function closedEngineError(): LimbeckError {
  return new LimbeckError("invalid_request", "engine: expected an open engine, got one that is closed", {
    cure: "Open the artefact again.",
  });
}
