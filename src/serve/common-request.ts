import { z } from "zod";
import { LimbeckError } from "../base/errors.ts";
import type { GenerateOptions } from "../runtime/types.ts";
import { given } from "./request-fields.ts";
import { refuseField } from "./wire-error.ts";

/** What a server allows of each request. */
export interface RequestLimits {
  /** The name under which the model is served. */
  readonly model: string;
  /** Most output tokens that a request may ask for, and what it gets where it asks for none; null: the context's. */
  readonly maxTokens: number | null;
}

/** What both kinds of request ask for beside their prompt. */
export interface CommonAsk {
  readonly isStreamed: boolean;
  /** Whether a stream ends with a chunk of usage. */
  readonly includeUsage: boolean;
  readonly options: GenerateOptions;
}

const count = z.int().min(1);

/** Fields of both kinds of request. `top_k`, `min_p` and `repetition_penalty` are other servers' additions. */
export const commonShape = {
  model: z.string(),
  stream: z.boolean().default(false),
  stream_options: z
    .looseObject({ include_usage: z.boolean().nullish(), include_obfuscation: z.boolean().nullish() })
    .optional(),
  max_tokens: count.optional(),
  temperature: z.number().min(0).max(2).optional(),
  top_p: z.number().gt(0).max(1).optional(),
  top_k: z.int().min(0).optional(),
  min_p: z.number().min(0).max(1).optional(),
  repetition_penalty: z.number().gt(0).max(100).optional(),
  seed: z.int().optional(),
  stop: z
    .union([z.string().min(1), z.array(z.string().min(1)).max(4)], {
      error: "expected a text that is not empty, or at most 4 of them",
    })
    .optional(),
};

const commonSchema = z.object(commonShape);
type CommonFields = z.output<typeof commonSchema> & { readonly max_completion_tokens?: number | undefined };

/** Reads the common fields. Errors: `model_not_found`; `invalid_request` for two limits or one above the server's. */
export function readCommon(fields: CommonFields, limits: RequestLimits): CommonAsk {
  if (fields.model !== limits.model) {
    throw new LimbeckError(
      "model_not_found",
      `model: expected ${limits.model}, got ${fields.model.slice(0, 80)}`,
      {
        cure: "GET /v1/models lists what is served.",
        fields: { param: "model" },
      },
    );
  }
  if (fields.stream_options !== undefined && !fields.stream) {
    throw refuseField("stream_options", "expected none where stream is not true");
  }
  const { temperature, seed, stop } = fields;
  return {
    isStreamed: fields.stream,
    includeUsage: fields.stream_options?.include_usage === true,
    options: given<GenerateOptions>({
      temperature,
      seed,
      topP: fields.top_p,
      topK: fields.top_k,
      minP: fields.min_p,
      repetitionPenalty: fields.repetition_penalty,
      stop: typeof stop === "string" ? [stop] : stop,
      maxTokens: readMaxTokens(fields, limits),
    }),
  };
}

function readMaxTokens(
  { max_tokens: older, max_completion_tokens: newer }: CommonFields,
  { maxTokens }: RequestLimits,
): number | undefined {
  const param = newer === undefined ? "max_tokens" : "max_completion_tokens";
  if (older !== undefined && newer !== undefined && older !== newer) {
    throw refuseField(
      param,
      `expected the same as max_tokens, ${older}, or max_tokens left out, got ${newer}`,
    );
  }
  const asked = newer ?? older;
  if (asked !== undefined && maxTokens !== null && asked > maxTokens) {
    throw refuseField(param, `expected at most ${maxTokens}, this server's limit, got ${asked}`);
  }
  return asked ?? maxTokens ?? undefined;
}
