import { LimbeckError } from "../base/errors.ts";
import { monotonicMs } from "../measure/clock.ts";
import type { LocalBatch } from "./batch/local-batch.ts";
import { type ChatModel, chatOnce, shownTools } from "./chat.ts";
import type { EngineAnswers, EngineTasks, TaskKind } from "./engine-tasks.ts";
import type { PromptCache } from "./prompt-cache/prompt-cache.ts";
import type { SystemTokenCounter } from "./prompt-cache/system-tokens.ts";
import { checkMessages, checkOptions, checkTools } from "./request-check.ts";
import { streamGenerate } from "./stream-generate.ts";
import type { TokenEvent } from "./types.ts";

/** How one request reaches and leaves an engine. */
export interface RequestHooks {
  /** When the caller asked, on the monotonic clock. */
  readonly requestedAt: number;
  readonly isCancelled: () => boolean;
  readonly onToken: (event: TokenEvent) => void;
}

/** How each kind of task is answered once its turn has come. */
export type TaskTable = {
  readonly [K in TaskKind]: (
    task: EngineTasks[K],
    turnAt: number,
    hooks: RequestHooks,
  ) => EngineAnswers[K] | Promise<EngineAnswers[K]>;
};

/** The parts of an open model that tasks use. */
export interface TaskTools extends ChatModel {
  readonly cache: PromptCache | null;
  readonly batch: LocalBatch;
}

export function createTasks({ cache, batch, ...model }: TaskTools): TaskTable {
  const { generator, tokenizer } = model;
  return {
    chat: ({ messages, tools, options }, turnAt, hooks) =>
      chatOnce(model, { messages, tools, options, turnAt }, hooks),
    complete: ({ prompt, options }, turnAt, { requestedAt, isCancelled, onToken }) => {
      checkOptions(options);
      const promptIds = tokenizer.encode(checkPrompt(prompt));
      const marks = { requestedAt, turnAt, tokenizedAt: monotonicMs() };
      const hooks = { clock: monotonicMs, isCancelled, onEvent: onToken };
      return streamGenerate(generator, promptIds, options, marks, hooks);
    },
    countTokens: ({ messages, tools }) =>
      tokenizer.encodeChat(checkMessages(messages), shownTools(checkTools(tools)), {
        addGenerationPrompt: true,
      }).length,
    promptCacheStats: () => cache?.stats() ?? null,
    openBatch: ({ rows }) => batch.open(rows),
    batchChat: (task, _turnAt, hooks) => batch.chat(task, hooks),
    batchStats: () => batch.stats(),
    closeBatch: () => {
      batch.close();
      return null;
    },
  };
}

function checkPrompt(prompt: unknown): string {
  if (typeof prompt === "string") return prompt;
  throw new LimbeckError("invalid_request", `prompt: expected text, got ${typeof prompt}`, {
    cure: "Give the prompt as one string.",
  });
}

/** What is left to do with a prompt after its answer: for when the answer is on its way. */
export type AfterTask = {
  readonly [K in TaskKind]: ((task: EngineTasks[K]) => void) | null;
};

/** Keeps prompts in the cache, where there is one. */
export function createAfterTasks(cache: PromptCache | null, systemTokens: SystemTokenCounter): AfterTask {
  return {
    chat:
      cache &&
      (({ messages, tools }) => {
        cache.observe(messages);
        cache.runner.keep(systemTokens(messages, shownTools(tools)));
      }),
    complete: cache && (() => cache.runner.keep(0)),
    countTokens: null,
    promptCacheStats: null,
    openBatch: null,
    batchChat: null,
    batchStats: null,
    closeBatch: null,
  };
}
