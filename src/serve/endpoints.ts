import { randomUUID } from "node:crypto";
import type { Engine } from "../runtime/engine-contract.ts";
import type { Admission } from "./admission.ts";
import { type Admitted, answerStream, answerWhole } from "./answer-request.ts";
import { type AnswerContext, chatAnswer, chatChunks } from "./chat-answer.ts";
import { readChatRequest } from "./chat-request.ts";
import type { RequestLimits } from "./common-request.ts";
import { completionAnswer, completionChunks } from "./completion-answer.ts";
import { readCompletionRequest } from "./completion-request.ts";
import type { EngineWatch } from "./engine-watch.ts";
import { readJsonBody } from "./json-body.ts";
import type { TokenText } from "./logprobs.ts";
import type { RequestRecord } from "./request-log.ts";
import { type RequestScopes, unlessAborted } from "./request-scope.ts";
import { placeSchemaError } from "./schema-error.ts";

/** What an app uses of an engine. */
export type ServedEngine = Pick<Engine, "name" | "chat" | "stream" | "complete" | "streamComplete"> &
  Partial<Pick<Engine, "promptCacheStats">> & {
    readonly info: Pick<Engine["info"], "artefactDir" | "callFormat" | "fingerprints">;
  };

/** What the endpoints of one server share. */
export interface EndpointContext {
  readonly engine: ServedEngine;
  readonly limits: RequestLimits;
  readonly maxBodyBytes: number;
  readonly systemFingerprint: string;
  readonly tokenText: TokenText;
  readonly admission: Admission;
  readonly scopes: RequestScopes;
  readonly watch: EngineWatch;
}

/** Answers a request that asks for text. Errors: every bad request's, the engine's, and those of waiting. */
export type Endpoint = (
  context: EndpointContext,
  request: Request,
  record: RequestRecord,
  cut: (() => void) | undefined,
) => Promise<Response>;

/** An endpoint that reads its body with `read` and, once it has a place, answers with `answer`. */
function endpoint<Ask>(
  idPrefix: string,
  read: (body: unknown, limits: RequestLimits) => Ask,
  answer: (
    engine: ServedEngine,
    ask: Ask,
    answerContext: AnswerContext,
    admitted: Admitted,
  ) => Promise<Response>,
): Endpoint {
  return async (context, request, record, cut) => {
    const { engine, limits, maxBodyBytes, systemFingerprint, tokenText, admission, scopes, watch } = context;
    watch.check();
    const scope = scopes.open(request.signal);
    try {
      const ask = read(await unlessAborted(readJsonBody(request, maxBodyBytes), scope.signal), limits);
      const place = admission.enter();
      record.isAdmitted = true;
      const head = {
        id: `${idPrefix}-${randomUUID()}`,
        created: Math.floor(Date.now() / 1000),
        model: limits.model,
        system_fingerprint: systemFingerprint,
      };
      return await answer(
        engine,
        ask,
        { head, tokenText, callFormat: engine.info.callFormat },
        {
          requestId: record.requestId,
          place,
          scope,
          watch,
          cut,
          onResult: record.generated,
          onEnd: (error) => record.end(error?.httpStatus ?? 200, error),
        },
      );
    } catch (thrown) {
      scope.close();
      throw thrown;
    }
  };
}

/** `POST /v1/chat/completions`. */
export const chatEndpoint = endpoint("chatcmpl", readChatRequest, (engine, ask, context, admitted) => {
  const { messages, tools, options } = ask;
  const answer = ask.isStreamed
    ? answerStream(
        admitted,
        (signal) => engine.stream(messages, tools, { ...options, signal }),
        (stream) => chatChunks(stream, ask, context),
      )
    : answerWhole(
        admitted,
        (signal) => engine.chat(messages, tools, { ...options, signal }),
        (result) => chatAnswer(result, ask, context),
      );
  return answer.catch((thrown: unknown) => {
    throw placeSchemaError(thrown, ask.toolNames);
  });
});

/** `POST /v1/completions`. */
export const completionEndpoint = endpoint(
  "cmpl",
  readCompletionRequest,
  (engine, ask, context, admitted) => {
    const { prompt, options } = ask;
    return ask.isStreamed
      ? answerStream(
          admitted,
          (signal) => engine.streamComplete(prompt, { ...options, signal }),
          (stream) => completionChunks(stream, ask, context),
        )
      : answerWhole(
          admitted,
          (signal) => engine.complete(prompt, { ...options, signal }),
          (result) => completionAnswer(result, ask, context),
        );
  },
);
