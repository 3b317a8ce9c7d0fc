import { LimbeckError } from "../base/errors.ts";
import { encodeExample } from "../data/encode.ts";
import type { Example } from "../data/types.ts";
import type { ModelConfig } from "../model/config.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { callFormats } from "../tools/call-format.ts";
import type { SpecialIds } from "./batch.ts";
import type { Recipe } from "./recipe.ts";
import type { Encode } from "./row-source.ts";

/** The token that opens a call. Error: `invalid_config` where the vocabulary has none but the recipe needs it. */
export function specialIds(tokenizer: Tokenizer, recipe: Recipe): SpecialIds {
  const opening = callFormats.limbeck.open;
  const call = tokenizer.idOf(opening);
  if (call === undefined && recipe.loss.early_tool_weight.to > 0) {
    throw new LimbeckError(
      "invalid_config",
      `loss.early_tool_weight: expected a vocabulary with the token ${opening}, got one without it`,
      { cure: "Set loss.early_tool_weight to 0, or use a tokenizer that has the token." },
    );
  }
  return { pad: tokenizer.padId, end: tokenizer.eosId, call: call ?? tokenizer.eosId };
}

/** Encodes examples for training. Error: `invalid_dataset` where the teacher's words are asked for but missing. */
export function createEncode(tokenizer: Tokenizer, recipe: Recipe): Encode {
  return (example: Example, voice, random) => {
    if (voice === "teacher" && !example.teacher) {
      throw new LimbeckError(
        "invalid_dataset",
        `example ${example.id}: expected what the teacher said (data.voice is ${recipe.data.voice}), got none`,
        {
          cure: "Fill the teacher part of the dataset, or set data.voice to direct.",
          fields: { id: example.id },
        },
      );
    }
    const dropout = random === null ? {} : { dropout: { p: recipe.data.bpe_dropout, random } };
    const { ids, completion, segments } = encodeExample(example, tokenizer, { voice, ...dropout });
    return {
      ids,
      completion,
      firstCompletion: segments.firstCompletion,
      toolNameSpans: segments.toolNameSpans,
      argumentSpans: segments.argumentSpans,
      answer: segments.answer ?? null,
    };
  };
}

/** Refuses a model that cannot have been made for this tokenizer (`invalid_checkpoint`). */
export function checkVocabulary(config: ModelConfig, tokenizer: Tokenizer, source: string): void {
  if (config.vocabSize >= tokenizer.vocabSize) return;
  throw new LimbeckError(
    "invalid_checkpoint",
    `${source}: expected a vocabulary of at least the tokenizer's ${tokenizer.vocabSize}, got ${config.vocabSize}`,
    { cure: "Use the tokenizer that the model was trained with.", fields: { path: source } },
  );
}
