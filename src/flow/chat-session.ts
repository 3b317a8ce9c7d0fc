import type { Engine } from "../runtime/engine-contract.ts";
import type { ChatResult } from "../runtime/types.ts";
import type { ChatMessage } from "../tools/types.ts";
import { type AnswerHooks, type AnswerOptions, type ChatAnswer, continueChat, decodeRate } from "./answer.ts";

/** What some turns took and gave. */
export interface ChatFigures {
  readonly turns: number;
  /** Tokens of all prompts, and those of them whose keys and values were kept from earlier ones. */
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly outputTokens: number;
  readonly calls: number;
  /** Of the first turn: what a person waits for. Null without turns. */
  readonly ttftMs: number | null;
  /** Decoding alone; null where it cannot be told. */
  readonly tokensPerSecond: number | null;
}

/** A chat with memory over one engine. */
export interface ChatSession {
  /** Everything that was said, the system message included. */
  readonly messages: readonly ChatMessage[];
  /** Turns of the assistant, the forgotten ones too. */
  readonly turns: readonly ChatResult[];
  /**
   * Sends a message and adds it and its answer to the chat. Where it fails, or is cancelled before the first word, the
   * chat stays as it was. Errors: those of `Engine.stream`, such as `context_length_exceeded`.
   */
  say(text: string, hooks?: AnswerHooks, signal?: AbortSignal): Promise<ChatAnswer>;
  /** Forgets all but the system message. */
  reset(): void;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

export function chatFigures(turns: readonly ChatResult[]): ChatFigures {
  return {
    turns: turns.length,
    promptTokens: sum(turns.map((turn) => turn.promptTokens)),
    cachedTokens: sum(turns.map((turn) => turn.cachedTokens ?? 0)),
    outputTokens: sum(turns.map((turn) => turn.tokens.length)),
    calls: sum(turns.map((turn) => turn.calls.length)),
    ttftMs: turns[0]?.timing.ttftMs ?? null,
    tokensPerSecond: decodeRate(turns),
  };
}

/** A chat that begins with the system message of `options`, if any. */
export function createChatSession(engine: Engine, options: Omit<AnswerOptions, "signal">): ChatSession {
  const { system, ...rest } = options;
  const beginning: readonly ChatMessage[] = system === undefined ? [] : [{ role: "system", content: system }];
  let messages = beginning;
  const turns: ChatResult[] = [];
  return {
    get messages() {
      return messages;
    },
    turns,
    say: async (text, hooks, signal) => {
      const asked: readonly ChatMessage[] = [...messages, { role: "user", content: text }];
      const answer = await continueChat(engine, asked, { ...rest, ...(signal && { signal }) }, hooks);
      turns.push(...answer.turns);
      if (answer.said.length > 0) messages = [...asked, ...answer.said];
      return answer;
    },
    reset: () => {
      messages = beginning;
    },
  };
}
