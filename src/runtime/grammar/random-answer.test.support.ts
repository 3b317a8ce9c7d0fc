import { createRandom } from "../../base/random.ts";
import { shippedTokenizer } from "../../tokenizer/shipped-tokenizer.test.support.ts";
import type { JsonSchema } from "../../tools/types.ts";
import { type AnswerRules, createGrammarCompiler, type GrammarCompiler } from "./compiler.ts";

export const plainRules: AnswerRules = {
  tools: [],
  toolChoice: "auto",
  responseFormat: { type: "text" },
  callFormat: "limbeck",
};

/** Rules of an answer that is JSON of one value, under the key `value`. */
export function valueRules(
  value: JsonSchema | boolean,
  more: Record<string, JsonSchema> = {},
): AnswerRules & { readonly schema: JsonSchema } {
  const schema: JsonSchema = { type: "object", properties: { value }, required: ["value"], ...more };
  return { ...plainRules, schema, responseFormat: { type: "json_schema", schema } };
}

export interface RandomModel {
  readonly seed: number;
  readonly maxTokens: number;
  /** Tokens with which it begins, where it may. */
  readonly begin?: readonly number[];
}

export interface RandomAnswer {
  readonly text: string;
  readonly ids: readonly number[];
  /** Whether it came to its end before the tokens ran out. */
  readonly isEnded: boolean;
  readonly forcedTokens: number;
}

/** What a model of random logits answers under `rules`, whose every token is checked by the constraint. */
export async function answerRandomly(
  compiler: GrammarCompiler,
  rules: AnswerRules,
  { seed, maxTokens, begin = [] }: RandomModel,
): Promise<RandomAnswer> {
  const tokenizer = shippedTokenizer();
  const random = createRandom(seed);
  const constraint = await compiler.forChat(rules);
  if (constraint === null) throw new Error("these rules constrain nothing");
  constraint.begin(maxTokens);
  const logits = new Float32Array(tokenizer.vocabSize);
  const ids: number[] = [];
  let forcedTokens = 0;
  try {
    while (ids.length < maxTokens && ids.at(-1) !== tokenizer.eosId) {
      for (let id = 0; id < logits.length; id++) logits[id] = random.next();
      const first = begin[ids.length];
      if (first !== undefined) logits[first] = 2;
      constraint.mask(logits);
      let best = 0;
      for (let id = 1; id < logits.length; id++) if (logits[id]! > logits[best]!) best = id;
      if (logits[best] === Number.NEGATIVE_INFINITY)
        throw new Error(`no token behind ${tokenizer.decode(ids)}`);
      constraint.accept(best);
      ids.push(best);
      if (best === tokenizer.eosId) break;
      for (const id of constraint.forced().slice(0, maxTokens - ids.length)) {
        constraint.accept(id);
        ids.push(id);
        forcedTokens++;
      }
    }
  } finally {
    constraint.close();
  }
  const isEnded = ids.at(-1) === tokenizer.eosId;
  return { text: tokenizer.decode(isEnded ? ids.slice(0, -1) : ids), ids, isEnded, forcedTokens };
}

let shared: GrammarCompiler | undefined;

/** A compiler for the shipped tokenizer, one for a test file. */
export function sharedCompiler(): GrammarCompiler {
  const tokenizer = shippedTokenizer();
  shared ??= createGrammarCompiler(tokenizer, tokenizer.vocabSize);
  return shared;
}
