import { z } from "zod";
import { type CommonAsk, commonShape, type RequestLimits, readCommon } from "./common-request.ts";
import { readFields, type Unserved, unservedFields } from "./request-fields.ts";

/** One request to continue raw text, read and checked. */
export interface CompletionAsk extends CommonAsk {
  readonly prompt: string;
  readonly wantsLogprobs: boolean;
}

const completionSchema = z.object({
  ...commonShape,
  prompt: z
    .union([z.string().min(1), z.tuple([z.string().min(1)])], {
      error:
        "expected one text that is not empty: send one request for each prompt, and text in place of token ids",
    })
    .transform((prompt) => (typeof prompt === "string" ? prompt : prompt[0])),
  logprobs: z.int().min(0).max(5).optional(),
});

const isFalse = (value: unknown): boolean => value === false;

const unserved: Readonly<Record<string, Unserved>> = {
  ...unservedFields,
  best_of: { isHarmless: (value) => value === 1, expected: "expected 1" },
  echo: {
    isHarmless: isFalse,
    expected: "expected false",
    cure: "Put the prompt before the answer yourself.",
  },
  suffix: {
    isHarmless: (value) => value === "",
    expected: "expected none: text cannot be filled in between",
  },
};

/** Reads the body of `POST /v1/completions`. Errors: `invalid_request` with the field in `param`, `model_not_found`. */
export function readCompletionRequest(body: unknown, limits: RequestLimits): CompletionAsk {
  const fields = readFields(body, completionSchema, unserved);
  const common = readCommon(fields, limits);
  const { prompt, logprobs } = fields;
  return {
    ...common,
    prompt,
    wantsLogprobs: logprobs !== undefined,
    options: { ...common.options, ...(logprobs === undefined ? {} : { topLogprobs: logprobs }) },
  };
}
