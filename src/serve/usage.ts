import type { GenerateResult } from "../runtime/types.ts";

export interface WireUsage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
  readonly prompt_tokens_details: { readonly cached_tokens: number };
}

/** Tokens read and made, the end token among them, and how many of the prompt's came from the prompt cache. */
export function wireUsage({ promptTokens, tokens, cachedTokens = 0 }: GenerateResult): WireUsage {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: tokens.length,
    total_tokens: promptTokens + tokens.length,
    prompt_tokens_details: { cached_tokens: cachedTokens },
  };
}

/** What every answer and every chunk of one begins with. */
export interface AnswerHead {
  readonly id: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly model: string;
  /** Names weights, tokenizer and template: equal seeds give equal answers only under an equal one. */
  readonly system_fingerprint: string;
}
