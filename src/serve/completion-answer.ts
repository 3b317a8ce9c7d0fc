import type { TokenStream } from "../runtime/chat-stream.ts";
import type { GenerateResult, TokenEvent } from "../runtime/types.ts";
import type { AnswerContext } from "./chat-answer.ts";
import type { CompletionAsk } from "./completion-request.ts";
import { completionLogprobs } from "./logprobs.ts";
import { wireUsage } from "./usage.ts";

function choice(
  text: string,
  { wantsLogprobs }: CompletionAsk,
  { tokenText }: AnswerContext,
  tokens: readonly TokenEvent[],
  { offset, finish }: { readonly offset: number; readonly finish: string | null },
): object {
  return {
    index: 0,
    text,
    logprobs: wantsLogprobs ? completionLogprobs(tokens, tokenText, offset) : null,
    finish_reason: finish,
  };
}

/** The continuation of a text as one `text_completion`. */
export function completionAnswer(result: GenerateResult, ask: CompletionAsk, context: AnswerContext): object {
  const { text, tokens, finishReason: finish } = result;
  return {
    ...context.head,
    object: "text_completion",
    choices: [choice(text, ask, context, tokens, { offset: 0, finish })],
    usage: wireUsage(result),
  };
}

/** The same, as chunks: one for each token that shows text. Ends early where the generation was cancelled. */
export async function* completionChunks(
  stream: TokenStream<GenerateResult>,
  ask: CompletionAsk,
  context: AnswerContext,
): AsyncGenerator<object, GenerateResult, void> {
  let offset = 0;
  let unsent: TokenEvent[] = [];
  const chunk = (finish: string | null): object => {
    const text = unsent.map((token) => token.text).join("");
    const made = {
      ...context.head,
      object: "text_completion",
      choices: [choice(text, ask, context, unsent, { offset, finish })],
      ...(ask.includeUsage ? { usage: null } : {}),
    };
    offset += text.length;
    unsent = [];
    return made;
  };
  for await (const token of stream) {
    unsent.push(token);
    if (token.text !== "") yield chunk(null);
  }
  const result = await stream.result;
  if (result.finishReason === "cancelled") return result;
  yield chunk(result.finishReason);
  if (ask.includeUsage) {
    yield { ...context.head, object: "text_completion", choices: [], usage: wireUsage(result) };
  }
  return result;
}
