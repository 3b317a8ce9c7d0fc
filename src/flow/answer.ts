import { type Json, stringifyJson } from "../base/json.ts";
import { runToolboxTool, toolboxDefinition, toolboxNames } from "../data/toolbox/tools.ts";
import type { Engine } from "../runtime/engine-contract.ts";
import type { ChatResult, GenerateOptions, TokenEvent } from "../runtime/types.ts";
import type { ChatMessage, ToolCall, ToolDefinition } from "../tools/types.ts";
import { createCallValidator } from "../tools/validator.ts";

/** Runs a call that the model made; null: nobody here can run it. */
export type RunTool = (call: ToolCall) => Json | null;

export interface AnswerOptions extends GenerateOptions {
  readonly system?: string;
  readonly tools: readonly ToolDefinition[];
  readonly runTool: RunTool;
  /** Most assistant turns (default 4). */
  readonly turns?: number;
}

export interface AnswerHooks {
  readonly onToken?: (event: TokenEvent) => void;
  /** After each call, with its result. */
  readonly onResult?: (call: ToolCall, result: Json) => void;
}

export interface Answer {
  readonly turns: readonly ChatResult[];
  readonly results: readonly { readonly call: ToolCall; readonly result: Json }[];
}

/** As many tools as the embedded task offers at once, of different kinds. */
const offered = ["set_timer", "add_reminder", "send_message", "get_weather", "convert_units", "play_music"];

/** Tools of the embedded task to try a model with. */
export const demoTools: readonly ToolDefinition[] = offered.map(toolboxDefinition);

/** Runs tools of the embedded task, on valid arguments only; others are nobody's here. */
export const runDemoTool: RunTool = (call) =>
  toolboxNames.includes(call.name) && createCallValidator(demoTools).validate(call).valid
    ? runToolboxTool(call)
    : null;

/** An answer, and the messages that it adds to the chat. */
export interface ChatAnswer extends Answer {
  readonly said: readonly ChatMessage[];
}

/**
 * Goes on with a chat whose last message is the user's: streams a turn, runs its calls, and goes on until a turn makes
 * no call, nobody can run one, the turns are used up, or the request is cancelled. Of a cancelled turn only its words
 * are kept, where it has any. Errors: those of `Engine.stream`.
 */
export async function continueChat(
  engine: Engine,
  messages: readonly ChatMessage[],
  options: Omit<AnswerOptions, "system">,
  hooks: AnswerHooks = {},
): Promise<ChatAnswer> {
  const { tools, runTool, turns: mostTurns = 4, ...generate } = options;
  const said: ChatMessage[] = [];
  const turns: ChatResult[] = [];
  const results: { call: ToolCall; result: Json }[] = [];
  while (turns.length < mostTurns) {
    const stream = engine.stream([...messages, ...said], tools, generate);
    for await (const event of stream) hooks.onToken?.(event);
    const turn = await stream.result;
    turns.push(turn);
    const { content, calls, finishReason } = turn;
    if (calls.length === 0 || finishReason === "cancelled") {
      if (finishReason !== "cancelled" || content !== "") said.push({ role: "assistant", content });
      break;
    }
    said.push({ role: "assistant", content, tool_calls: calls });
    const answers = calls.map((call) => ({ call, result: runTool(call) }));
    if (answers.some(({ result }) => result === null)) break;
    for (const { call, result } of answers) {
      said.push({ role: "tool", name: call.name, content: stringifyJson(result) });
      results.push({ call, result });
      hooks.onResult?.(call, result);
    }
  }
  return { turns, results, said };
}

/** Answers one prompt as `continueChat` does. */
export async function answerPrompt(
  engine: Engine,
  prompt: string,
  options: AnswerOptions,
  hooks: AnswerHooks = {},
): Promise<Answer> {
  const { system, ...rest } = options;
  const { turns, results } = await continueChat(
    engine,
    [
      ...(system === undefined ? [] : [{ role: "system", content: system } as const]),
      { role: "user", content: prompt },
    ],
    rest,
    hooks,
  );
  return { turns, results };
}

/** Tokens per second of decoding, the prefill left out; null where no turn has two tokens at different times. */
export function decodeRate(turns: readonly Pick<ChatResult, "tokens">[]): number | null {
  let steps = 0;
  let elapsedMs = 0;
  for (const { tokens } of turns) {
    steps += Math.max(0, tokens.length - 1);
    elapsedMs += (tokens.at(-1)?.timeMs ?? 0) - (tokens[0]?.timeMs ?? 0);
  }
  return elapsedMs > 0 ? (steps / elapsedMs) * 1000 : null;
}
