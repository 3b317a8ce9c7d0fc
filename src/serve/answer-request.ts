import type { LimbeckError } from "../base/errors.ts";
import { stringifyJson } from "../base/json.ts";
import type { TokenStream } from "../runtime/chat-stream.ts";
import type { GenerateResult } from "../runtime/types.ts";
import type { Place } from "./admission.ts";
import type { EngineWatch } from "./engine-watch.ts";
import { eventOf, eventStream } from "./event-stream.ts";
import { clientGone, type RequestScope, unlessAborted } from "./request-scope.ts";
import { asServeError, wireError } from "./wire-error.ts";

/** One admitted request on its way to an answer. */
export interface Admitted {
  readonly requestId: string;
  readonly place: Place;
  readonly scope: RequestScope;
  readonly watch: EngineWatch;
  /** What the engine gave, cancelled or not. */
  readonly onResult: (result: GenerateResult) => void;
  /** The request has ended; null: with a whole answer. Called once. */
  readonly onEnd: (error: LimbeckError | null) => void;
  /** Cuts the connection of a reader who does not read; undefined where there is none, as in tests. */
  readonly cut: (() => void) | undefined;
}

/** After its signal, a stream has this long to be read to its end before its connection is cut. */
const cutAfterMs = 1000;
/** After its signal, an engine that ends within its step says what it made so far; longer no client waits for it. */
const patienceMs = 500;

/**
 * Answers with one JSON document: waits for the turn, generates, hands the engine on. Once the signal has come, the
 * answer does not wait for an engine that goes on; its place does. Errors: those of the engine, and the scope's own.
 */
export async function answerWhole<Result extends GenerateResult>(
  { place, scope, watch, onResult, onEnd }: Admitted,
  generate: (signal: AbortSignal) => Promise<Result>,
  render: (result: Result) => object,
): Promise<Response> {
  let error: LimbeckError | null = null;
  let work: Promise<unknown> = Promise.resolve();
  try {
    await place.turn(scope.signal);
    const generating = generate(scope.signal);
    work = generating.then(onResult, () => undefined);
    watch.follow(generating, scope.signal);
    const result = await unlessAborted(generating, scope.signal, patienceMs);
    if (result.finishReason === "cancelled") throw scope.signal.reason;
    const headers = { "content-type": "application/json" };
    return new Response(stringifyJson(render(result)), { headers });
  } catch (thrown) {
    error = asServeError(thrown);
    throw error;
  } finally {
    void work.then(place.leave);
    scope.close();
    onEnd(error);
  }
}

/**
 * Answers with server-sent events, the headers with the first of them: what fails before it has a status of its own,
 * what fails later is an event. The engine is handed on as soon as it is done, however slowly the events are read; once
 * the signal has come, no event waits for an engine that goes on.
 * Errors: those of the engine, and the scope's own.
 */
export async function answerStream<Result extends GenerateResult>(
  { requestId, place, scope, watch, onResult, onEnd, cut }: Admitted,
  generate: (signal: AbortSignal) => TokenStream<Result>,
  chunksOf: (stream: TokenStream<Result>) => AsyncGenerator<object, Result, void>,
): Promise<Response> {
  let cutting: NodeJS.Timeout | undefined;
  let isEnded = false;
  let work: Promise<unknown> = Promise.resolve();
  const end = (error: LimbeckError | null): void => {
    if (isEnded) return;
    isEnded = true;
    clearTimeout(cutting);
    void work.then(place.leave);
    scope.close();
    onEnd(error);
  };

  let chunks: AsyncGenerator<object, Result, void>;
  let first: IteratorResult<object, Result>;
  try {
    await place.turn(scope.signal);
    const stream = generate(scope.signal);
    work = stream.result.then(onResult, () => undefined).finally(place.endTurn);
    watch.follow(stream.result, scope.signal);
    chunks = chunksOf(stream);
    first = await unlessAborted(chunks.next(), scope.signal, patienceMs);
    if (scope.signal.aborted) throw scope.signal.reason;
  } catch (thrown) {
    const error = asServeError(thrown);
    end(error);
    throw error;
  }

  async function* events(): AsyncGenerator<string, void, void> {
    try {
      let next = first;
      while (next.done !== true) {
        yield eventOf(next.value);
        next = await unlessAborted(chunks.next(), scope.signal, patienceMs);
      }
      if (next.value.finishReason === "cancelled") throw scope.signal.reason;
      end(null);
      yield eventOf("[DONE]");
    } catch (thrown) {
      const error = asServeError(thrown);
      end(error);
      yield eventOf(wireError(error, requestId));
    }
  }
  const body = events();
  // Whoever leaves, leaves no generation behind: neither one that runs nor one whose events nobody takes.
  const leave = (why: LimbeckError): void => {
    scope.cancel(why);
    end(scope.signal.reason as LimbeckError);
    void body.return();
  };
  scope.signal.addEventListener("abort", () => {
    if (isEnded) return;
    cutting = setTimeout(() => {
      leave(clientGone());
      cut?.();
    }, cutAfterMs);
  });
  const headers = {
    "content-type": "text/event-stream",
    "cache-control": "no-cache",
    "x-accel-buffering": "no",
  };
  return new Response(
    eventStream(body, () => leave(clientGone())),
    { headers },
  );
}
