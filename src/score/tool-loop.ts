import { LimbeckError } from "../base/errors.ts";
import { type Json, stringifyJson } from "../base/json.ts";
import type { Example } from "../data/types.ts";
import { type FirstAction, findFirstAction } from "../measure/first-action.ts";
import type { ChatResult, ChatRunner, GenerateOptions } from "../runtime/types.ts";
import type { CallFormat } from "../tools/call-format.ts";
import { parseCalls } from "../tools/call-stream.ts";
import { createFixtureBroker } from "../tools/fixtures.ts";
import type { ChatMessage, ToolCall } from "../tools/types.ts";
import { createCallValidator } from "../tools/validator.ts";
import type { ExampleTranscript, ToolAnswer, TurnRecord } from "./transcript.ts";

export interface ToolLoopOptions {
  readonly signal?: AbortSignal;
  /** Default greedy. */
  readonly generate?: Omit<GenerateOptions, "signal">;
}

/** Model turns of one example at most: a model that keeps calling is stopped. */
export const mostTurns = 4;

/** What a turn began as calls and did not bring to an end as calls. */
function findMalformed(text: string, format: CallFormat | undefined): string[] {
  return parseCalls(text, format).flatMap((event) => (event.kind === "malformed_call" ? [event.raw] : []));
}

function toRecord(
  result: ChatResult,
  malformed: readonly string[],
  results: readonly ToolAnswer[],
): TurnRecord {
  return {
    text: result.text,
    content: result.content,
    calls: result.calls,
    malformed,
    results,
    tokens: result.tokens.length,
    prompt_tokens: result.promptTokens,
    finish_reason: result.finishReason,
    ttft_ms: result.timing.ttftMs,
    total_ms: result.timing.totalMs,
  };
}

function replyMessages(result: ChatResult, answers: readonly ToolAnswer[]): ChatMessage[] {
  const spoken: ChatMessage = { role: "assistant", content: result.content, tool_calls: result.calls };
  const replies = result.calls.map(
    ({ name }, i): ChatMessage => ({
      role: "tool",
      name,
      content: stringifyJson(answers[i]?.result ?? null),
    }),
  );
  return [spoken, ...replies];
}

/**
 * Runs one example: all its tools are offered, calls are answered by its fixtures, and the model goes on until it
 * answers without a call (or `mostTurns`). Errors: `cancelled`; what the runner throws.
 */
export async function runToolLoop(
  runner: ChatRunner,
  example: Example,
  options: ToolLoopOptions = {},
): Promise<ExampleTranscript> {
  const { signal } = options;
  const validator = createCallValidator(example.tools);
  const broker = createFixtureBroker(example.fixtures ?? []);
  const answer = (call: ToolCall): ToolAnswer => {
    const verdict = validator.validate(call);
    if (verdict.valid) return broker.answer(call);
    const refusal: Json = {
      ok: false,
      error: "invalid_call",
      reasons: verdict.errors.map((error) => error.message),
    };
    return { result: refusal, hit: null };
  };

  const messages: ChatMessage[] = [...example.messages];
  const turns: TurnRecord[] = [];
  let firstAction: FirstAction | null = null;
  for (let turn = 0; turn < mostTurns; turn++) {
    const result = await runner
      .chat(messages, example.tools, {
        temperature: 0,
        ...options.generate,
        ...(signal === undefined ? {} : { signal }),
      })
      .catch((error: unknown) => {
        // The model's own words filled the context: that is its answer, and it is judged as one.
        if (turn > 0 && error instanceof LimbeckError && error.code === "context_length_exceeded")
          return null;
        throw error;
      });
    if (result === null) break;
    if (result.finishReason === "cancelled" || signal?.aborted === true) {
      throw new LimbeckError("cancelled", `score: cancelled in example ${example.id}`, {
        cure: "Run the same command with --resume to go on.",
      });
    }
    // Later turns are too late to be the first action of the request.
    if (turn === 0) firstAction = findFirstAction(result.tokens, example.tools, runner.callFormat);
    const answers = result.calls.map(answer);
    turns.push(toRecord(result, findMalformed(result.text, runner.callFormat), answers));
    if (result.calls.length === 0) break;
    messages.push(...replyMessages(result, answers));
  }
  return {
    kind: "transcript",
    id: example.id,
    turns,
    ttfa_tokens: firstAction?.tokens ?? null,
    ttfa_ms: firstAction?.timeMs ?? null,
  };
}
