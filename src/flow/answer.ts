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

/**
 * Answers one prompt: streams a turn, runs its calls, and goes on until a turn makes no call, nobody can run one,
 * the turns are used up, or the request is cancelled.
 */
export async function answerPrompt(
  engine: Engine,
  prompt: string,
  options: AnswerOptions,
  hooks: AnswerHooks = {},
): Promise<Answer> {
  const { system, tools, runTool, turns: mostTurns = 4, ...generate } = options;
  const messages: ChatMessage[] = [
    ...(system === undefined ? [] : [{ role: "system", content: system } as const]),
    { role: "user", content: prompt },
  ];
  const turns: ChatResult[] = [];
  const results: { call: ToolCall; result: Json }[] = [];
  while (turns.length < mostTurns) {
    const stream = engine.stream(messages, tools, generate);
    for await (const event of stream) hooks.onToken?.(event);
    const turn = await stream.result;
    turns.push(turn);
    if (turn.calls.length === 0 || turn.finishReason === "cancelled") break;
    const answers = turn.calls.map((call) => ({ call, result: runTool(call) }));
    if (answers.some(({ result }) => result === null)) break;
    messages.push({ role: "assistant", content: turn.content, tool_calls: turn.calls });
    for (const { call, result } of answers) {
      messages.push({ role: "tool", name: call.name, content: stringifyJson(result) });
      results.push({ call, result });
      hooks.onResult?.(call, result);
    }
  }
  return { turns, results };
}
