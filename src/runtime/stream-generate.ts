import type { Clock } from "../measure/clock.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { EngineSpeculation } from "./draft-engine.ts";
import { generateStep } from "./generate-step.ts";
import { resolveSampling, type Sampler } from "./sampling.ts";
import type { StepRunner } from "./step-runner.ts";
import { createStopMatcher } from "./stop-matcher.ts";
import type { TokenConstraint } from "./token-constraint.ts";
import type { GenerateOptions, GenerateResult, TokenEvent } from "./types.ts";

/** What generating text needs: one model, one tokenizer, one sampler; used by one request at a time. */
export interface Generator {
  readonly runner: StepRunner;
  readonly sampler: Sampler;
  readonly tokenizer: Pick<Tokenizer, "openStream">;
  readonly endIds: ReadonlySet<number>;
  /** Drafting; requests that do not ask for it get its default. */
  readonly speculation?: EngineSpeculation;
}

/** The request's own clock marks, on the monotonic clock. */
export interface RequestMarks {
  /** When the request arrived. Token times count from here. */
  readonly requestedAt: number;
  /** When its turn came: later than `requestedAt` only behind other requests. */
  readonly turnAt: number;
  /** When the prompt's tokens were ready. */
  readonly tokenizedAt: number;
}

export interface StreamHooks {
  readonly clock: Clock;
  readonly isCancelled?: () => boolean;
  readonly onEvent?: (event: TokenEvent) => void;
  /** What may come next; the caller closes it. */
  readonly constraint?: TokenConstraint;
}

/**
 * ids → text and token events. The events' texts joined are the result's text. A token's text is late where it may
 * begin a stop text: a later event brings it. Stop texts and tokens end words, not calls. They and the end token are no
 * part of the text. Text still held back when the request is cancelled is dropped.
 *
 * Errors: those of `generateStep`, and `invalid_request` for a bad option.
 */
export async function streamGenerate(
  { runner, sampler, tokenizer, endIds, speculation }: Generator,
  promptIds: readonly number[],
  options: Omit<GenerateOptions, "signal">,
  marks: RequestMarks,
  { clock, isCancelled, onEvent, constraint }: StreamHooks,
): Promise<GenerateResult> {
  const sampling = resolveSampling(options);
  const stops = createStopMatcher(options.stop ?? []);
  const stopTokens = new Set(options.stopTokens);
  const drafting = await speculation?.begin(options.speculation);
  const decoder = tokenizer.openStream();
  const tokens: TokenEvent[] = [];
  let text = "";
  const finishReason = await generateStep(runner, sampler, promptIds, {
    sampling,
    endIds,
    ...(options.maxTokens === undefined ? {} : { maxTokens: options.maxTokens }),
    ...(isCancelled === undefined ? {} : { isCancelled }),
    ...(constraint === undefined ? {} : { constraint }),
    ...(drafting?.drafter ? { drafter: drafting.drafter } : {}),
    ...(options.topLogprobs === undefined ? {} : { topLogprobs: options.topLogprobs }),
    onToken: (id, atMs, isLast, logprobs) => {
      // Stop texts and tokens end words. A call is brought to its end, whatever is written in it.
      const isInCall = constraint?.isInCall ?? false;
      const isStop = !isInCall && stopTokens.has(id);
      const isEnd = isLast || isStop;
      const piece = isStop || endIds.has(id) ? "" : decoder.push(id);
      const whole = isEnd ? piece + decoder.flush() : piece;
      let { text: shown, isStopped } = isInCall ? stops.pass(whole) : stops.push(whole);
      if (isEnd && !isStopped) shown += stops.flush();
      const timeMs = atMs - marks.requestedAt;
      const event: TokenEvent = { id, text: shown, index: tokens.length, timeMs, ...logprobs };
      tokens.push(event);
      text += shown;
      onEvent?.(event);
      return !(isStopped || isStop);
    },
  });
  const endedAt = clock();
  const queueMs = marks.turnAt - marks.requestedAt;
  const tokenizerMs = marks.tokenizedAt - marks.turnAt;
  const firstAt = tokens[0] === undefined ? endedAt : marks.requestedAt + tokens[0].timeMs;
  const firstStepMs = firstAt - marks.tokenizedAt;
  return {
    promptTokens: promptIds.length,
    ...(runner.cachedTokens === undefined ? {} : { cachedTokens: runner.cachedTokens }),
    ...(drafting ? { speculation: drafting.report(tokens.length) } : {}),
    tokens,
    text,
    finishReason,
    timing: {
      queueMs,
      tokenizerMs,
      firstStepMs,
      ttftMs: tokenizerMs + firstStepMs,
      totalMs: endedAt - marks.requestedAt,
      prefillSessionMs: runner.prefillSessionMs,
      decodeSessionMs: runner.decodeSessionMs,
    },
  };
}
