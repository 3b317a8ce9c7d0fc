import { LimbeckError } from "../base/errors.ts";
import { monotonicMs } from "../measure/clock.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { CallFormat } from "../tools/call-format.ts";
import { readCalls } from "../tools/call-stream.ts";
import type { ChatMessage, ToolDefinition } from "../tools/types.ts";
import type { AnswerRules, GrammarCompiler } from "./grammar/compiler.ts";
import { checkMessages, checkOptions, checkTools } from "./request-check.ts";
import { type Generator, streamGenerate } from "./stream-generate.ts";
import type { TokenConstraint } from "./token-constraint.ts";
import type { ChatResult, GenerateOptions, TokenEvent, ToolChoice } from "./types.ts";

/** One chat request whose turn has come. */
export interface ChatRequest {
  readonly messages: readonly ChatMessage[];
  readonly tools: readonly ToolDefinition[];
  readonly options: Omit<GenerateOptions, "signal">;
  /** When its turn came, on the monotonic clock. */
  readonly turnAt: number;
}

/** An open model and what a chat with it needs. */
export interface ChatModel {
  readonly generator: Generator;
  readonly tokenizer: Tokenizer;
  readonly grammars: GrammarCompiler;
}

export interface ChatHooks {
  readonly requestedAt: number;
  readonly isCancelled: () => boolean;
  readonly onToken: (event: TokenEvent) => void;
}

/** How this tokenizer's model writes calls. */
export function callFormatOf(tokenizer: Pick<Tokenizer, "callFormat">): CallFormat {
  return tokenizer.callFormat;
}

/** Whether an answer may hold calls: otherwise all of it is text. */
export function mayCall(tools: readonly ToolDefinition[], toolChoice: ToolChoice | undefined): boolean {
  return tools.length > 0 && toolChoice !== "none";
}

/** Tools as a prompt shows them: what is enforced is no part of it. */
export function shownTools(tools: readonly ToolDefinition[]): readonly ToolDefinition[] {
  return tools.map((tool) => {
    const { strict, ...shown } = tool.function;
    return strict === undefined ? tool : { ...tool, function: shown };
  });
}

const isOfResponseFormat = (error: unknown): error is LimbeckError =>
  error instanceof LimbeckError &&
  error.code === "invalid_request" &&
  /^responseFormat(\/|$)/.test(String(error.fields["path"]));

/** The constraint of one answer; a response format that need not be strict is loosened where it cannot be enforced. */
async function constraintFor(grammars: GrammarCompiler, rules: AnswerRules): Promise<TokenConstraint | null> {
  try {
    return await grammars.forChat(rules);
  } catch (error) {
    const format = rules.responseFormat;
    if (format.type !== "json_schema" || !isOfResponseFormat(error)) throw error;
    const isObject = ["object", undefined].includes(format.schema["type"] as string | undefined);
    if (format.strict === false && isObject) {
      return grammars.forChat({ ...rules, responseFormat: { type: "json_object" } });
    }
    throw new LimbeckError(error.code, error.message, {
      cure: isObject
        ? 'Change the schema, or say "strict": false beside it: then the answer is any JSON object.'
        : "Change the schema, or ask for text.",
      fields: error.fields,
      cause: error,
    });
  }
}

/**
 * messages → message: chat template and tokenizer, generation under the grammar of the tools and of the response format,
 * calls. A call that the token limit broke off is counted in `malformedCalls`. Errors: `invalid_request` (also for a
 * tool choice that cannot be met and a schema that cannot be enforced), `context_length_exceeded`, `backend_failed`.
 */
export async function chatOnce(
  { generator, tokenizer, grammars }: ChatModel,
  { messages, tools, options, turnAt }: ChatRequest,
  { requestedAt, isCancelled, onToken }: ChatHooks,
): Promise<ChatResult> {
  checkMessages(messages);
  checkTools(tools);
  checkOptions(options);
  const { toolChoice = "auto", responseFormat = { type: "text" } } = options;
  const { callFormat } = tokenizer;
  const constraint = await constraintFor(grammars, { tools, toolChoice, responseFormat, callFormat });
  try {
    const promptIds = tokenizer.encodeChat(messages, shownTools(tools), { addGenerationPrompt: true });
    const marks = { requestedAt, turnAt, tokenizedAt: monotonicMs() };
    const result = await streamGenerate(generator, promptIds, options, marks, {
      clock: monotonicMs,
      isCancelled,
      onEvent: onToken,
      ...(constraint === null ? {} : { constraint }),
    });
    const { content, calls, malformed } = mayCall(tools, toolChoice)
      ? readCalls(result.text, callFormat)
      : { content: result.text, calls: [], malformed: 0 };
    return { ...result, content, calls, malformedCalls: malformed };
  } finally {
    constraint?.close();
  }
}
