import type { TokenEvent } from "../runtime/types.ts";

/** The text of a token by its id. */
export type TokenText = (id: number) => string;

interface TokenLogprob {
  readonly token: string;
  readonly logprob: number;
  /** UTF-8; null where the token is no whole characters. */
  readonly bytes: readonly number[] | null;
}

export interface ChatLogprobs {
  readonly content: readonly (TokenLogprob & { readonly top_logprobs: readonly TokenLogprob[] })[];
  readonly refusal: null;
}

export interface CompletionLogprobs {
  readonly tokens: readonly string[];
  readonly token_logprobs: readonly number[];
  readonly top_logprobs: readonly Readonly<Record<string, number>>[];
  readonly text_offset: readonly number[];
}

/** JSON has no −∞: what can never come is written as the least probable, as OpenAI does. */
const leastLogprob = -9999;

const finite = (logprob: number): number => Math.max(logprob, leastLogprob);

/** Log-probabilities in the form of chats: every token of the answer, those of calls too. */
export function chatLogprobs(tokens: readonly TokenEvent[], tokenText: TokenText): ChatLogprobs {
  const one = (id: number, logprob: number): TokenLogprob => {
    const token = tokenText(id);
    return {
      token,
      logprob: finite(logprob),
      bytes: token.includes("\uFFFD") ? null : [...Buffer.from(token)],
    };
  };
  return {
    content: tokens.flatMap(({ id, logprob, topLogprobs = [] }) =>
      logprob === undefined
        ? []
        : [{ ...one(id, logprob), top_logprobs: topLogprobs.map((top) => one(top.id, top.logprob)) }],
    ),
    refusal: null,
  };
}

/** Log-probabilities in the older form of completions; `text_offset` counts from `offset`, in characters. */
export function completionLogprobs(
  tokens: readonly TokenEvent[],
  tokenText: TokenText,
  offset = 0,
): CompletionLogprobs {
  const known = tokens.filter((token) => token.logprob !== undefined);
  let at = offset;
  const offsets = new Map(
    tokens.map((token) => {
      const start = at;
      at += token.text.length;
      return [token, start];
    }),
  );
  return {
    tokens: known.map(({ id }) => tokenText(id)),
    token_logprobs: known.map(({ logprob }) => finite(logprob as number)),
    top_logprobs: known.map(({ topLogprobs = [] }) =>
      Object.fromEntries(topLogprobs.map(({ id, logprob }) => [tokenText(id), finite(logprob)])),
    ),
    text_offset: known.map((token) => offsets.get(token) as number),
  };
}
