import { type CallFormat, callFormats } from "../tools/call-format.ts";

/** Tokens that only one family's vocabulary has, in the order in which they decide. */
const familyTokens: readonly (readonly [token: string, format: CallFormat])[] = [
  [callFormats.limbeck.open, "limbeck"],
  [callFormats.hermes.open, "hermes"],
  ["<|python_tag|>", "llama3"],
  ["<|start_header_id|>", "llama3"],
  ["<start_of_turn>", "gemma"],
];

/**
 * How a model writes calls. The template decides where it shows one, as fine-tuned models keep the vocabulary of another
 * family; then the vocabulary does. A model that neither tells gets hermes, whose marks any vocabulary can spell.
 */
export function callFormatOfFamily(
  template: string,
  idOf: (token: string) => number | undefined,
): CallFormat {
  if (template.includes(callFormats.limbeck.open)) return "limbeck";
  if (template.includes(callFormats.hermes.open)) return "hermes";
  if (/"parameters": /.test(template) && template.includes("<|start_header_id|>")) return "llama3";
  return familyTokens.find(([token]) => idOf(token) !== undefined)?.[1] ?? "hermes";
}
